"""How alike frames look: places of frames, in units of pixels, and how evenly poses stretch the
ways between them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

_USUAL = 0.75  # of the mean squared change: about the median, where a body does not rest
_RAREST = 20.0  # no place counts more than so many usual ones
_ROWS = 1024  # of distances at once
_FLOOR = 1e-6  # of a squared distance between poses, whose variance is one


def usual_change(places: Float[np.ndarray, "segment time component"]) -> float:
    """The squared distance by which a picture usually changes from one frame to the next."""
    return float(_USUAL * (np.diff(places, axis=1) ** 2).sum(-1).mean()) or 1.0


def squared_distances(
    places: Float[np.ndarray, "N component"], others: Float[np.ndarray, "M component"]
) -> Float[np.ndarray, "N M"]:
    """From each of ``places`` to each of the ``others``."""
    sizes, other_sizes = (places**2).sum(1), (others**2).sum(1)
    return np.maximum(sizes[:, None] + other_sizes - 2 * places @ others.T, 0.0)


def rareness(places: Float[np.ndarray, "N component"], square: float) -> Float[np.ndarray, "N"]:
    """The inverse of how many of the ``places`` lie near each one, by a Gaussian kernel whose
    variance is ``square``."""
    apart = (
        squared_distances(places[begin : begin + _ROWS], places)
        for begin in range(0, len(places), _ROWS)
    )
    return 1 / np.concatenate([np.exp(-each / (2 * square)).sum(1) for each in apart])


def evenness(places: Float[np.ndarray, "N component"], square: float) -> Float[np.ndarray, "N"]:
    """Weights of mean one under which ``places`` count as if they were spread evenly over all that
    was seen: by their :func:`rareness`, within limits."""
    rare = rareness(places, square)
    rare = np.minimum(rare, _RAREST * np.median(rare))
    return rare / rare.mean()


class Ways(NamedTuple):
    """Pairs of frames, ``ends`` ``(P, 2)``, and the logarithms of the squared ``lengths`` ``(P,)``
    of the ways between them."""

    ends: Int[Array, "P 2"]
    lengths: Float[Array, "P"]


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
