"""Closed-loop rehearsal: the agent drives the body that it believes in, as its own model moves it.

The dreamt body moves by the model's mean, and is seen with the noise of the model's messages: what
the model calls process noise is mostly its own error, which differs by place, not by the moment.
"""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from ...configs.sections import Planner
from ..graph.filter import filter_step
from ..graph.gaussian import Belief
from ..graph.rows import reading_rows
from ..graph.square_root import square_lower
from ..graph.system import Data
from ..model import INFERENCE, Model
from ..planner import no_intent, plan, wish_against, wish_at


def rehearse(
    model: Model,
    planner: Planner,
    starts: Float[np.ndarray, "N d"],
    goals: Float[np.ndarray, "N d"],
    steps: int,
    seed: int,
) -> tuple[Float[np.ndarray, "N steps"], Bool[np.ndarray, "N"]]:
    """Distances to the goal pose in the dreamt world, and whether the goal can be held, as the
    model sees it. Each of ``N`` runs begins at rest in its start's pose."""
    keys = jax.random.split(jax.random.key(seed), len(starts))
    distances, held = _runs(model, planner, steps, jnp.asarray(starts), jnp.asarray(goals), keys)
    return np.asarray(distances), np.asarray(held)


@partial(jax.jit, static_argnames=("planner", "steps"))
def _runs(model, planner, steps, starts, goals, keys):
    return jax.vmap(partial(_run, model, planner, steps))(starts, goals, keys)


def _run(
    model: Model,
    planner: Planner,
    steps: int,
    start: Float[Array, "d"],
    goal: Float[Array, "d"],
    key: Key[Array, ""],
) -> tuple[Float[Array, "steps"], Bool[Array, ""]]:
    system, d, n = model.watchful(), model.transition.outputs, model.transition.dim
    wish = wish_at(planner, model, jnp.pad(goal, (0, n - d)))
    bare = replace(system, sensors=(), starts=())
    still = jnp.zeros(model.control_low.shape)

    def noise_root(pose):
        return jnp.linalg.cholesky(model.sensor_noise.at(pose))

    def step(carry, inputs):
        world, control, belief, intent = carry
        key, first = inputs
        seen, planned = jax.random.split(key)
        world = jnp.where(first, world, model.transition.mean(world, control))
        pose = world[:d] + noise_root(world[:d]) @ jax.random.normal(seen, (d,))
        rows = reading_rows(jnp.eye(d, n), pose, noise_root(pose))
        rows = jax.tree.map(lambda x: x[None], rows)
        one = jnp.ones(1)
        data = Data((), rows, jnp.zeros((0, still.shape[0])), one, one)
        belief = filter_step(bare, INFERENCE, belief, control, data, first).belief
        target = wish_against(model, wish, belief)
        outcome = plan(planner, model, target, belief, intent, planned)
        carry = (world, outcome.controls[0], belief, outcome.intent)
        return carry, jnp.linalg.norm(world[:d] - goal)

    begin = Belief.of(system.prior.mean, square_lower(system.prior.root))
    carry = (jnp.pad(start, (0, n - d)), still, begin, no_intent(model, planner.horizon))
    inputs = (jax.random.split(key, steps), jnp.arange(steps) == 0)
    return jax.lax.scan(step, carry, inputs)[1], wish.can_be_held
