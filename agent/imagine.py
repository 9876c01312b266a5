"""Pictures of beliefs: the frames that a belief and a plan lead to."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from .graph.gaussian import Belief
from .graph.square_root import free_root
from .model import Model

_FRAMES = 8  # of the future
_SIGMAS = 2.0


class Imagination(NamedTuple):
    """``believed`` is the frame at the belief's mean, ``spread`` by how much each of its pixels may
    be off at two standard deviations, ``future`` the frames ``ahead`` ticks later."""

    believed: UInt8[Array, "height width channels"]
    spread: UInt8[Array, "height width channels"]
    future: UInt8[Array, "m height width channels"]
    ahead: np.ndarray


def moments_ahead(horizon: int) -> np.ndarray:
    """Which of the ``horizon`` ticks ahead are drawn: int64 ``(m,)``, from 1."""
    steps = np.linspace(0, horizon, min(_FRAMES, horizon) + 1)[1:]
    return np.round(steps).astype(np.int64)


def imagine(
    model: Model, belief: Belief, ahead_mean: Float[Array, "m n"]
) -> tuple[UInt8[Array, "..."], UInt8[Array, "..."], UInt8[Array, "..."]]:
    """Frame of the ``belief``, by how much it may be off, and the frames of the means ahead.

    What it may be off by is the largest change of each pixel at the points two standard deviations
    from the mean, along the columns of a root of the pose's covariance, either way.
    """
    d = model.transition.outputs
    pose = belief.mean[:d]
    columns = _SIGMAS * free_root(belief.root[:d]).T
    believed = model.picture(pose)
    aside = jax.vmap(model.picture)(jnp.concatenate([pose + columns, pose - columns]))
    spread = jnp.abs(aside - believed).max(axis=0)
    future = jax.vmap(model.picture)(ahead_mean[:, :d])
    return _gray_levels(believed), _gray_levels(spread), _gray_levels(future)


def _gray_levels(picture: Float[Array, "..."]) -> UInt8[Array, "..."]:
    return jnp.round(255 * picture).astype(jnp.uint8)
