"""How far and how honestly a model predicts frames that it has not learned from."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from ..graph.filter import filter_along, predict
from ..graph.gaussian import Belief
from ..graph.linearise import transition_near
from ..graph.readings import Readings
from ..graph.rows import no_rows
from ..graph.square_root import free_root
from ..graph.system import Data
from ..model import INFERENCE, Model
from .dataset import Dataset

WARM = 5  # frames that a filter sees before it predicts


class Foretold(NamedTuple):
    """Poses predicted ``1 ... K`` steps beyond every filtered belief, against those encoded later.

    ``errors`` ``(N, K, d)`` in standard deviations of the poses; ``scores`` ``(N, K, d)`` in
    those of the prediction, that of the message included.
    """

    errors: Float[np.ndarray, "N K d"]
    scores: Float[np.ndarray, "N K d"]


def foretell(model: Model, recorded: Dataset, horizon: int) -> Foretold:
    """Filter every segment of ``recorded``, and predict ``horizon`` steps from each belief."""
    errors, scores = _segments(
        model, horizon, jnp.asarray(recorded.frames), jnp.asarray(recorded.controls)
    )
    d = model.transition.outputs
    return Foretold(*(np.asarray(x).reshape(-1, horizon, d) for x in (errors, scores)))


@partial(jax.jit, static_argnames="horizon")
def _segments(model, horizon, frames, controls):
    return jax.lax.map(lambda pair: _segment(model, horizon, *pair), (frames, controls))


def _segment(
    model: Model,
    horizon: int,
    frames: UInt8[Array, "T height width channel"],
    controls: Float[Array, "T-1 p"],
) -> tuple[Float[Array, "N K d"], Float[Array, "N K d"]]:
    system, T, d = model.system(), frames.shape[0], model.transition.outputs
    watchful = model.watchful()
    poses = model.poses(frames[None])[0]
    noise = jax.vmap(lambda pose: jnp.diag(model.sensor_noise.at(pose)))(poses)

    every = jnp.ones(T)
    told = Readings(model.views(frames), every > 0)
    data = Data((told,), no_rows(model.transition.dim, T), controls, every, every)
    beliefs = filter_along(watchful, INFERENCE, data, system.prior).belief

    def from_step(at):
        def ahead(belief: Belief, step):
            control = controls[at + step]
            local = transition_near(system.transition, belief, control, INFERENCE)
            told = predict(belief, local, control).belief
            belief = Belief.of(told.mean, free_root(told.root))
            error = poses[at + step + 1] - belief.mean[:d]
            variance = jnp.sum(belief.root[:d] ** 2, axis=1) + noise[at + step + 1]
            return belief, (error, error / jnp.sqrt(variance))

        start = jax.tree.map(lambda x: x[at], beliefs)
        return jax.lax.scan(ahead, start, jnp.arange(horizon))[1]

    return jax.lax.map(from_step, jnp.arange(WARM, T - horizon), batch_size=16)
