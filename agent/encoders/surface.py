"""The surface that pictures lie on: ways along it from picture to picture, and its coordinates."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from .likeness import Ways, squared_distances, usual_change

_MARKS = 2000  # at most
_LANDMARKS = 400  # the first marks, at most
_DENSE = 0.5  # of the usual change: marks need not lie nearer to each other
_NEIGHBOURS = 8  # that a mark is joined to
_BESIDE = 4  # marks that a way to any other frame may lead through, at its end
_NEAREST = 2.0  # of the landmarks' spacing: nearer, a way is the roundings of the marks
_LONGEST = 0.3  # of the longest way: beyond, a straight line tells little of it


class Surface(NamedTuple):
    """Frames spread evenly over what was seen, and how far it is from one to the other.

    ``landmarks`` ``(k,)`` are their numbers among all ``N`` frames, with ``spacing`` between them.
    ``lengths`` ``(k, N)`` are of the ways from landmarks to frames, through pictures that look
    alike: geodesics (Tenenbaum, de Silva and Langford, A global geometric framework for nonlinear
    dimensionality reduction, Science 290, 2000).
    """

    landmarks: Int[np.ndarray, "k"]
    lengths: Float[np.ndarray, "k N"]
    spacing: float

    @property
    def between(self) -> Float[np.ndarray, "k k"]:
        """Lengths of the ways between landmarks."""
        return self.lengths[:, self.landmarks]


def surface_of(places: Float[np.ndarray, "segment time component"]) -> Surface:
    """What the frames' ``places``, in units of pixels, show of the surface."""
    from scipy.sparse.csgraph import dijkstra

    flat = places.reshape(-1, places.shape[-1])
    marks, spacings = spread_marks(flat, _DENSE * float(np.sqrt(usual_change(places))))
    count = min(_LANDMARKS, len(marks))
    lengths = dijkstra(_joined(flat[marks]), directed=False, indices=np.arange(count))
    return Surface(marks[:count], _prolonged(lengths, flat, marks), float(spacings[count - 1]))


def ways_on(surface: Surface) -> Ways | None:
    """Ways between landmarks that are neither too short nor too long to compare poses by; None
    where nothing ever moved."""
    lengths = surface.between
    one, other = np.nonzero(
        (lengths > _NEAREST * surface.spacing) & (lengths < _LONGEST * lengths.max())
    )
    if not len(one):
        return None
    ends = np.stack([surface.landmarks[one], surface.landmarks[other]], axis=1)
    return Ways(jnp.asarray(ends), jnp.asarray(2 * np.log(lengths[one, other]), jnp.float32))


def coordinates(surface: Surface, count: int) -> Float[np.ndarray, "N count"]:
    """Coordinates of the frames whose distances are as the ways are long, as nearly as so many can.

    Classical scaling of the landmarks, and the other frames by their distances to them (de Silva
    and Tenenbaum, Global versus local methods in nonlinear dimensionality reduction, NIPS 2002).
    Where the surface has fewer directions, the rest are zero.
    """
    squares = surface.between**2
    mean = squares.mean(0)
    values, vectors = np.linalg.eigh(-0.5 * (squares - mean - mean[:, None] + mean.mean()))
    chosen = np.argsort(values)[::-1][:count]
    chosen = chosen[values[chosen] > 1e-9 * max(values[-1], 1e-9)]
    towards = vectors[:, chosen] / np.sqrt(values[chosen])
    found = np.zeros((surface.lengths.shape[1], count))
    found[:, : len(chosen)] = -0.5 * (surface.lengths.T**2 - mean) @ towards
    return found


def spread_marks(
    places: Float[np.ndarray, "N component"], enough: float
) -> tuple[Int[np.ndarray, "m"], Float[np.ndarray, "m"]]:
    """Frames spread evenly, and after each the distance within which every frame lies of one of
    those up to it: each is the farthest from those before it (Gonzalez, Clustering to minimize the
    maximum intercluster distance, Theoretical Computer Science 38, 1985), until that distance is
    ``enough``."""
    found, nearest = [0], ((places - places[0]) ** 2).sum(1)
    spacings = [nearest.max()]
    while len(found) < _MARKS and spacings[-1] >= max(enough**2, 1e-12):
        found.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, ((places - places[found[-1]]) ** 2).sum(1))
        spacings.append(nearest.max())
    return np.array(found), np.sqrt(spacings)


def _prolonged(
    lengths: Float[np.ndarray, "k m"],
    places: Float[np.ndarray, "N component"],
    marks: Int[np.ndarray, "m"],
) -> Float[np.ndarray, "k N"]:
    """The ways to marks prolonged to all frames, by way of the marks that look most like each."""
    to_marks = np.sqrt(squared_distances(places, places[marks]))
    near = np.argsort(to_marks, axis=1)[:, :_BESIDE]
    last = np.take_along_axis(to_marks, near, axis=1)
    return np.min(
        [lengths[:, beside] + rest for beside, rest in zip(near.T, last.T, strict=True)], axis=0
    )


def _joined(places: Float[np.ndarray, "m component"]):
    """The sparse graph of each mark and those that look most like it; what that leaves apart is
    joined where it is nearest."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    apart = np.sqrt(squared_distances(places, places))
    np.fill_diagonal(apart, np.inf)
    m = len(apart)
    near = np.argsort(apart, axis=1)[:, : min(_NEIGHBOURS, m - 1)]
    ends = [np.stack([np.repeat(np.arange(m), near.shape[1]), near.ravel()])]
    while True:
        one, other = np.concatenate(ends, axis=1)
        graph = csr_matrix((apart[one, other], (one, other)), (m, m))
        parts, part = connected_components(graph, directed=False)
        if parts == 1:
            return graph.maximum(graph.T)
        inside = np.flatnonzero(part == 0)
        outside = np.flatnonzero(part)
        gaps = apart[np.ix_(inside, outside)]
        a, b = np.unravel_index(gaps.argmin(), gaps.shape)
        ends.append(np.array([[inside[a]], [outside[b]]]))
