"""Linear slow features: the directions of the picture that change least from frame to frame."""

from typing import NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Float

from .likeness import evenness, usual_change

_LEAST_VARIANCE = 1e-9  # of the leading component's
_STILL = 0.3  # of the usual squared change: below, a change is none


def principal_components(
    frames: Float[np.ndarray, "frame pixel"], count: int
) -> tuple[Float[np.ndarray, "pixel"], Float[np.ndarray, "component pixel"]]:
    """Mean and whitening projection onto the leading components, at most ``count``.

    ``projection @ (frame - mean)`` has zero mean and identity covariance over ``frames``.
    Components that hardly vary at all are left out.
    """
    mean = frames.mean(0)
    centred = frames - mean
    values, vectors = np.linalg.eigh(centred.T @ centred / len(frames))
    leading = np.argsort(values)[::-1][:count]
    leading = leading[values[leading] > _LEAST_VARIANCE * values[-1]]
    return mean, vectors[:, leading].T / np.sqrt(values[leading])[:, None]


class Weights(NamedTuple):
    """What counts how much: ``frames`` ``(S, T)``, which sum to one, and ``changes`` ``(S, T-1)``
    from each to the next."""

    frames: Float[np.ndarray, "segment time"]
    changes: Float[np.ndarray, "segment time-1"]


def even_weights(places: Float[np.ndarray, "segment time component"]) -> Weights:
    """Weights under which experience counts as if it were spread evenly over all that was seen,
    and as if the picture always changed as fast.

    ``places`` are in units of pixels. Where a body dwells, or moves slowly, slow features would
    draw the poses apart: far more than where it hardly ever is, and is fast. A frame counts by the
    inverse of the density of frames around it, within as much as one usually changes, a change by
    the inverse of its square.
    """
    squares = (np.diff(places, axis=1) ** 2).sum(-1)
    usual = usual_change(places)
    flat = places.reshape(-1, places.shape[-1])
    frames = (evenness(flat, usual) / len(flat)).reshape(places.shape[:2])
    changes = np.sqrt(frames[:, 1:] * frames[:, :-1]) / (squares + _STILL * usual)
    return Weights(frames, changes)


def slow_directions(
    components: Float[np.ndarray, "segment time component"],
    count: int,
    weights: Weights | None = None,
) -> Float[np.ndarray, "direction component"]:
    """The ``count`` directions of unit variance with the least mean squared change.

    Closed form (Wiskott and Sejnowski, Slow Feature Analysis, Neural Computation 14, 2002): the
    generalised eigenvectors of the second moment of the differences with the smallest eigenvalues.
    It has no random initialisation. Without ``weights`` all frames of the whitened ``components``
    count alike.
    """
    changes = np.diff(components, axis=1)
    if weights is None:
        changes = changes.reshape(-1, components.shape[-1])
        _, vectors = np.linalg.eigh(changes.T @ changes / len(changes))
        return vectors[:, :count].T
    centred = components - np.einsum("st,sti->i", weights.frames, components)
    variance = np.einsum("st,sti,stj->ij", weights.frames, centred, centred)
    speed = np.einsum("st,sti,stj->ij", weights.changes, changes, changes)
    _, vectors = scipy.linalg.eigh(speed, variance)
    return vectors[:, :count].T
