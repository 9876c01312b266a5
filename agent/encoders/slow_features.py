"""Linear slow features: the directions of the picture that change least from frame to frame."""

import numpy as np
from jaxtyping import Float

_LEAST_VARIANCE = 1e-9  # of the leading component's


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


def slow_directions(
    components: Float[np.ndarray, "segment time component"], count: int
) -> Float[np.ndarray, "direction component"]:
    """The ``count`` unit directions of whitened ``components`` with the least mean squared change.

    Closed form (Wiskott and Sejnowski, Slow Feature Analysis, Neural Computation 14, 2002): the
    eigenvectors of the second moment of the differences with the smallest eigenvalues. It has no
    random initialisation.
    """
    changes = np.diff(components, axis=1).reshape(-1, components.shape[-1])
    _, vectors = np.linalg.eigh(changes.T @ changes / len(changes))
    return vectors[:, :count].T
