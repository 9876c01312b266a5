"""What to do next: the imagined way that leads soonest to the goal, by the map of it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...envs.two_rooms_walks import STEP_HIGH_PX
from .model import WorldModel, imagine
from .places import moves_px
from .roadmap import Roadmap, compass

HORIZON = 8
_HEADINGS = 32
_SHORTER = (0.66, 0.33, 0.12)  # of the longest step: for the last one
_NEAR_PX = 1.5  # so near to a place of the map, its way is taken for one's own
_FAR = 100.0  # steps: what it counts not to be near any
_DETOUR = 1.2  # what a step to a place of the map counts, so that going there is worth it


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
    """The best of some 350 ways: straight on in one of 32 directions for up to 8 steps, or one
    shorter step, or none, where that leads to the goal; then along the map."""
    straight = compass(_HEADINGS)
    shorter = jnp.concatenate([share * straight for share in _SHORTER])
    single = jnp.concatenate([shorter, jnp.zeros((1, 2))])
    ahead = _imagined(model, state, scene, jnp.repeat(straight[:, None], HORIZON, axis=1))
    beside = _imagined(model, state, scene, single[:, None])
    onward = jnp.tile(jnp.arange(1.0, HORIZON + 1), _HEADINGS)
    onward += _steps_left(ahead.reshape(-1, ahead.shape[-1]), known)
    # short steps are for the last one alone: on the way, whoever is at a place would stay there
    arriving = jnp.linalg.norm(single, axis=1) / STEP_HIGH_PX
    arriving += _steps_left(beside[:, 0], jax.tree.map(lambda each: each[-1:], known))
    total = jnp.concatenate([onward, arriving])
    best = jnp.argmin(total)
    far = best < _HEADINGS * HORIZON
    last = jnp.where(far, best % HORIZON, 0)
    one = single[jnp.where(far, 0, best - _HEADINGS * HORIZON)]
    step = jnp.where(far, straight[jnp.minimum(best // HORIZON, _HEADINGS - 1)], one)
    # after the place where the map takes over nothing is planned
    controls = jnp.where(jnp.arange(HORIZON)[:, None] <= last, step, 0.0)
    states = _imagined(model, state, scene, controls[None])[0]
    return Way(controls, states, total[best])


def _imagined(
    model: WorldModel,
    state: Float[Array, "moving"],
    scene: Float[Array, "scene"],
    actions: Float[Array, "many time 2"],
) -> Float[Array, "many time moving"]:
    many = actions.shape[0]
    starts, scenes = (jnp.broadcast_to(each, (many, each.shape[0])) for each in (state, scene))
    return imagine(model, starts, scenes, actions)


def _steps_left(states: Float[Array, "many moving"], known: Roadmap) -> Float[Array, "many"]:
    """Steps to the goal from each state, over the best place of the map that it is near."""
    away_px = moves_px(states, known.places)[1]
    far = jnp.where(away_px > _NEAR_PX, _FAR, 0.0)
    return jnp.min(known.steps + _DETOUR * away_px / STEP_HIGH_PX + far, axis=1)
