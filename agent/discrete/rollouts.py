"""Roll-outs to a target state, many at once, and what is possible at best."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from . import engine
from .checkpoint import Trained


class Rollouts(NamedTuple):
    """``N`` roll-outs: true states ``(N, T+1)``, actions ``(N, T)``, emissions ``(N, T, d)`` and
    the beliefs after them ``(N, T, k)``."""

    states: Int[np.ndarray, "N T+1"]
    actions: Int[np.ndarray, "N T"]
    emissions: Float[np.ndarray, "N T d"]
    beliefs: Float[np.ndarray, "N T k"]


class World(NamedTuple):
    """What the roll-outs take place in: its true moves, and the means of the emissions."""

    moves: Float[Array, "k k u"]
    means: Float[Array, "k d"]


def roll_out(
    trained: Trained,
    world: World,
    target: int,
    count: int,
    steps: int,
    seed: int,
    settings: Any,
    knows_start: bool,
) -> Rollouts:
    """``count`` roll-outs of ``steps`` from state 0 towards the observation ``target``.

    The agent sees emissions alone; with ``knows_start`` it is told where it begins. ``settings``
    are those of the discrete agents.
    """
    states = trained.model.states
    first = jax.nn.one_hot(0, states) if knows_start else trained.model.prior
    wish = settings.preference * jax.nn.one_hot(target, trained.model.observations)
    play = jax.jit(partial(_play, count=count, steps=steps, horizon=settings.horizon))
    found = play(trained.encoder, trained.model, world, first, wish, jax.random.key(seed))
    told = [np.asarray(jnp.swapaxes(x, 0, 1)) for x in found]
    return Rollouts(np.concatenate([np.zeros((count, 1), int), told[0]], axis=1), *told[1:])


def _play(encoder, model, world, first, wish, key, count, steps, horizon):
    agent = engine.agent_of(model, count, wish, horizon)

    def step(carry, key):
        state, prior = carry
        to_emit, to_move = jax.random.split(key)
        noise = jax.random.normal(to_emit, (count, world.means.shape[1]))
        emission = world.means[state] + noise
        belief, _ = engine.updated(agent, prior, encoder(emission))
        action = engine.chosen_action(agent, engine.policies(agent, belief))
        chances = jnp.log(world.moves[:, state, action].T)
        state = jax.random.categorical(to_move, chances).astype(jnp.int32)
        return (state, engine.moved(agent, belief, action)), (state, action, emission, belief)

    start = jnp.zeros(count, jnp.int32), jnp.broadcast_to(first, (count, model.states))
    return jax.lax.scan(step, start, jax.random.split(key, steps))[1]


class Best(NamedTuple):
    """What an agent that knows the true state attains: the chance to have been at the target within
    so many steps, and to be there in the long run."""

    reached: float
    present: float


def best_possible(moves: Float[np.ndarray, "k k u"], target: int, steps: int) -> Best:
    """Dynamic programming: from state 0, by the actions that are best at each step."""
    states = moves.shape[0]
    at_target = np.eye(states)[target]
    chance = at_target.copy()
    for _ in range(steps):
        chance = np.maximum(at_target, np.einsum("jku,j->ku", moves, chance).max(axis=1))
    value = np.zeros(states)
    for _ in range(1000):
        ahead = np.einsum("jku,j->ku", moves, at_target + value)
        value = ahead.max(axis=1)
        value -= value.min()
    best = ahead.argmax(axis=1)
    chain = moves[:, np.arange(states), best]
    return Best(float(chance[0]), float(np.linalg.matrix_power(chain, 1000)[target, 0]))
