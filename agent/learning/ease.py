"""Which frames a body can surely be held at, as its model sees it."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, UInt8

from ..graph.hold import effort_std, holding_control
from ..model import Model

_EASY = 0.8  # of the limits: what may take more to be held is not asked for
_SURE = 2.0  # standard deviations


def poses_with_ease(
    model: Model, frames: UInt8[np.ndarray, "N height width channel"]
) -> tuple[Float[np.ndarray, "N d"], Bool[np.ndarray, "N"]]:
    """The pose that each of the ``frames`` shows, and whether it is surely held with ease."""
    poses, taken = _efforts(model, jnp.asarray(frames))
    return np.asarray(poses), np.asarray(taken) < _EASY


@jax.jit
def _efforts(model, frames):
    """The pose of each frame, and what it takes at most to hold it, as the model sees it."""
    transition, d = model.transition, model.transition.outputs
    limits = model.control_low, model.control_high

    def one(frame):
        state = model.at_rest(frame)
        effort = holding_control(transition, state, *limits).effort
        cov = model.sensor_noise.at(state[:d])
        return state[:d], effort + _SURE * effort_std(transition, state, cov, *limits)

    return jax.lax.map(one, frames)
