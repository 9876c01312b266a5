"""How alike frames look: places of frames, in units of pixels, and the ways between them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

_USUAL = 0.75  # of the mean squared change: about the median, where a body does not rest
_LANDMARKS = 400  # at most
_DENSE = 0.5  # of the usual change: landmarks need not lie nearer to each other
_STRIDE = 3.0  # of the landmarks' spacing: what is farther apart is reached by way of others
_LONGEST = 0.3  # of the longest way: beyond, a straight line tells little of it
_FLOOR = 1e-6  # of a squared distance between poses, whose variance is one


def usual_change(places: Float[np.ndarray, "segment time component"]) -> float:
    """The squared distance by which a picture usually changes from one frame to the next."""
    return float(_USUAL * (np.diff(places, axis=1) ** 2).sum(-1).mean()) or 1.0


def squared_distances(places: Float[np.ndarray, "N component"]) -> Float[np.ndarray, "N N"]:
    """Between all pairs of ``places``."""
    sizes = (places**2).sum(1)
    return np.maximum(sizes[:, None] + sizes - 2 * places @ places.T, 0.0)


class Ways(NamedTuple):
    """Pairs of frames, ``ends`` ``(P, 2)``, and the logarithms of the squared ``lengths`` ``(P,)``
    of the ways between them."""

    ends: Int[Array, "P 2"]
    lengths: Float[Array, "P"]


def ways_between(places: Float[np.ndarray, "segment time component"]) -> Ways | None:
    """Ways from picture to picture that look alike, between frames that are spread evenly over what
    was seen; None where nothing ever moved.

    They are as long as geodesics of the surface that the pictures lie on (Tenenbaum, de Silva and
    Langford, A global geometric framework for nonlinear dimensionality reduction, Science 290,
    2000).
    """
    from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree

    flat = places.reshape(-1, places.shape[-1])
    marks, spacing = landmarks(flat, _DENSE * float(np.sqrt(usual_change(places))))
    apart = np.sqrt(squared_distances(flat[marks]))
    tree = minimum_spanning_tree(apart).toarray()  # so that no gap cuts anything off
    steps = np.where(apart > _STRIDE * spacing, np.maximum(tree, tree.T), apart)
    lengths = dijkstra(steps, directed=False)
    one, other = np.nonzero((lengths > 2 * spacing) & (lengths < _LONGEST * lengths.max()))
    if not len(one):
        return None
    ends = np.stack([marks[one], marks[other]], axis=1)
    return Ways(jnp.asarray(ends), jnp.asarray(2 * np.log(lengths[one, other]), jnp.float32))


def landmarks(
    places: Float[np.ndarray, "N component"], enough: float
) -> tuple[Int[np.ndarray, "m"], float]:
    """Frames spread evenly, and the distance within which every other lies of one of them: each is
    the farthest from those before it (Gonzalez, Clustering to minimize the maximum intercluster
    distance, Theoretical Computer Science 38, 1985), until that distance is ``enough``."""
    found, nearest = [0], ((places - places[0]) ** 2).sum(1)
    while len(found) < _LANDMARKS and nearest.max() >= enough**2:
        found.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, ((places - places[found[-1]]) ** 2).sum(1))
    return np.array(found), float(np.sqrt(nearest.max()))


def drawn_ways(
    ways: Ways, count: int, key: jax.Array
) -> tuple[Int[Array, "count 2"], Float[Array, "count"]]:
    """Ends and lengths of some ``ways``, by lot."""
    drawn = jax.random.randint(key, (count,), 0, ways.lengths.shape[0])
    return ways.ends[drawn], ways.lengths[drawn]


def unevenness(
    poses: Float[Array, "n d"], others: Float[Array, "n d"], lengths: Float[Array, "n"]
) -> Float[Array, ""]:
    """How unevenly poses are stretched: the variance of the logarithm of the squared distance
    between ``poses`` and ``others`` as a multiple of that of the ways between their pictures, whose
    logarithms are ``lengths``.

    Zero where the encoder is an isometry up to scale, along what was seen (Lee, Yoon, Son and Park,
    Regularized autoencoders for isometric representation learning, ICLR 2022, with another measure
    of distortion).
    """
    squares = jnp.sum((poses - others) ** 2, axis=1)
    return jnp.var(jnp.log(squares + _FLOOR) - lengths)
