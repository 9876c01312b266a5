"""What to do next: walk to the remembered place from which the goal is nearest, by the map."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...envs.two_rooms_walks import STEP_HIGH_PX
from .model import WorldModel, imagine
from .places import moves_px
from .roadmap import Roadmap, effort, walks

HORIZON = 8
_NEAREST = 32  # places that it is tried to walk to


class Way(NamedTuple):
    """``controls`` ``(8, 2)``, the latents ``(8, moving)`` that they lead to, and the ``steps``
    that the goal is away."""

    controls: Float[Array, "horizon 2"]
    states: Float[Array, "horizon moving"]
    steps: Float[Array, ""]


@jax.jit
def way_to_goal(
    model: WorldModel,
    state: Float[Array, "moving"],
    scene: Float[Array, "scene"],
    known: Roadmap,
) -> Way:
    """The way over one of the 32 nearest places, to each of which a walk is imagined, and corrected
    by what it misses; a wall shows itself by a walk that does not arrive.

    Places less than a step away are passed over, the goal apart: whoever is at one would stay.
    After the place nothing is planned: long before it is reached there is a newer plan.
    """
    away = moves_px(state[None], known.places)[1][0]
    nearest = jnp.argsort(away)[:_NEAREST]
    there = jax.tree.map(lambda each: each[nearest], known.places)
    starts = jnp.broadcast_to(state, there.latents.shape)
    step, missed = walks(model, starts, there, scene)
    length = jnp.linalg.norm(step, axis=1) / STEP_HIGH_PX
    here = (length < 1) & (nearest < len(known.steps) - 1)
    total = jnp.where(here, jnp.inf, effort(step, missed) + known.steps[nearest])
    best = jnp.argmin(total)
    ticks = jnp.clip(jnp.ceil(length[best] - 1e-3), 1, HORIZON)
    controls = jnp.where(jnp.arange(HORIZON)[:, None] < ticks, step[best] / ticks, 0.0)
    longest = jnp.maximum(jnp.linalg.norm(controls[0]) / STEP_HIGH_PX, 1.0)
    controls = controls / longest
    states = imagine(model, state[None], scene[None], controls[None])[0]
    return Way(controls, states, total[best])
