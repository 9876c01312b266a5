"""What to do next: where to join the ways of the map, and the step along them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ...envs.two_rooms_walks import STEP_HIGH_PX
from .evidence import PRIOR, Trials, heard, told_by
from .model import WorldModel, imagine
from .places import moves_px
from .roadmap import Roadmap, effort
from .walks import walks

HORIZON = 8
AHEAD = 6  # places of a way that are looked at
_NEAREST = 32  # places where a way may begin
_THERE_PX = 1.2  # so near to a place one has come to it
_OPEN = PRIOR + 1.5  # log odds above which a walk past places of the way is taken


class Standing(NamedTuple):
    """Where the dot is by the ``model``'s latents ``state`` ``(moving,)``, among the walls of a
    ``scene`` ``(scene,)``, and what is ``known`` of the ways, by ``trials`` too."""

    model: WorldModel
    state: Float[Array, "moving"]
    scene: Float[Array, "scene"]
    known: Roadmap
    trials: Trials


class Way(NamedTuple):
    """``controls`` ``(8, 2)``, the latents ``(8, moving)`` that they lead to, how many places of
    the way are ``passed``, and how many px the first of them is ``away``."""

    controls: Float[Array, "horizon 2"]
    states: Float[Array, "horizon moving"]
    passed: Int[Array, ""]
    away: Float[Array, ""]


@jax.jit
def first_place(standing: Standing, steps: Float[Array, "n"]) -> Int[Array, ""]:
    """Which of the 32 nearest places, from which a goal is so many ``steps`` away, to go to
    first: the one with the fewest steps in all, as expected of a walk there that is imagined, and
    of the ``trials`` near it."""
    away = moves_px(standing.state[None], standing.known.places)[1][0]
    nearest = jnp.argsort(away)[:_NEAREST]
    moves, log_odds = _walks_from(standing, nearest)
    return nearest[jnp.argmin(effort(moves, log_odds) + steps[nearest])]


@jax.jit
def along(standing: Standing, way: Int[Array, "ahead"]) -> Way:
    """The step along a ``way``, the numbers of the next places on it, the last of them repeated.

    It leads to the furthest place that a walk is believed to arrive at, or else to the first.
    Behind that nothing is planned: long before it is reached there is a newer plan.
    """
    moves, log_odds = _walks_from(standing, way)
    size = jnp.linalg.norm(moves, axis=1)
    within = size < HORIZON * STEP_HIGH_PX
    number = jnp.max(jnp.where((log_odds > _OPEN) & within, jnp.arange(len(way)), 0))
    ticks = jnp.clip(jnp.ceil(size[number] / STEP_HIGH_PX - 1e-3), 1, HORIZON)
    controls = jnp.where(jnp.arange(HORIZON)[:, None] < ticks, moves[number] / ticks, 0.0)
    controls /= jnp.maximum(jnp.linalg.norm(controls[0]) / STEP_HIGH_PX, 1.0)
    model, state, scene, *_ = standing
    states = imagine(model, state[None], scene[None], controls[None])[0]
    return Way(controls, states, number + (size[number] < _THERE_PX), size[0])


def _walks_from(
    standing: Standing, to: Int[Array, "k"]
) -> tuple[Float[Array, "k 2"], Float[Array, "k"]]:
    """The moves in px to some places, and the log odds that the ways there are open."""
    model, state, scene, known, trials = standing
    there = jax.tree.map(lambda each: each[to], known.places)
    moves, missed = walks(model, jnp.broadcast_to(state, there.latents.shape), there, scene)
    told = told_by(known.witness, missed) + heard(trials, state[None], moves[None])[0]
    return moves, PRIOR + told
