"""Choosing few poses that stand for all."""

import numpy as np
from jaxtyping import Float


def spread(poses: Float[np.ndarray, "N d"], count: int) -> list[int]:
    """Indices of poses that lie as far from each other as can be; the first is the outermost."""
    chosen = [int(np.argmax(np.linalg.norm(poses, axis=1)))]
    away = np.full(len(poses), np.inf)
    while len(chosen) < count:
        away = np.minimum(away, np.linalg.norm(poses - poses[chosen[-1]], axis=1))
        chosen.append(int(np.argmax(away)))
    return chosen
