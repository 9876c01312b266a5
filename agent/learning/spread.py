"""The poses that were seen, and choosing few of them that stand for all."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from ..model import Model


def poses_of(
    model: Model, frames: UInt8[np.ndarray, "S T height width channel"]
) -> Float[np.ndarray, "S*T d"]:
    """The poses of all ``frames`` of some segments."""
    found = jax.jit(lambda: jax.lax.map(model.poses, jnp.asarray(frames)))()
    return np.asarray(found).reshape(-1, found.shape[-1])


def spread(poses: Float[np.ndarray, "N d"], count: int) -> list[int]:
    """Indices of poses that lie as far from each other as can be; the first is the outermost."""
    chosen = [int(np.argmax(np.linalg.norm(poses, axis=1)))]
    away = np.full(len(poses), np.inf)
    while len(chosen) < count:
        away = np.minimum(away, np.linalg.norm(poses - poses[chosen[-1]], axis=1))
        chosen.append(int(np.argmax(away)))
    return chosen
