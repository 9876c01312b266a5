"""Short straight walks between latents, as the world model imagines them."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .model import WorldModel, imagine
from .places import Places, moves_px

_STEPS = 3  # in which a place is walked to
_CORRECTIONS = 2  # of a walk, by what it missed its end
_CORRECTED_PX = 1.0  # at most, in all: further than that it is a wall that makes it miss


def walks(
    model: WorldModel,
    starts: Float[Array, "n moving"],
    targets: Places,
    scene: Float[Array, "scene"],
) -> tuple[Float[Array, "n 2"], Float[Array, "n"]]:
    """The way in px from each start to its target as the model walks it, in three equal steps, and
    by how many px it misses.

    The first guess is that of the target's tangent; it is corrected by what it misses, and what
    missed least is kept.
    """
    first = -_seen_from(starts, targets)[0]
    among = jnp.broadcast_to(scene, (len(first), scene.shape[0]))
    step, best, least = first, first, jnp.full(len(first), jnp.inf)
    for _ in range(_CORRECTIONS + 1):
        actions = jnp.repeat(step[:, None] / _STEPS, _STEPS, axis=1)
        end = imagine(model, starts, among, actions)[:, -1]
        beyond, missed = _seen_from(end, targets)
        better = missed < least
        best, least = jnp.where(better[:, None], step, best), jnp.where(better, missed, least)
        away = step - beyond - first
        size = jnp.maximum(jnp.linalg.norm(away, axis=1, keepdims=True), _CORRECTED_PX)
        step = first + away * (_CORRECTED_PX / size)
    return best, least


def _seen_from(
    states: Float[Array, "n moving"], places: Places
) -> tuple[Float[Array, "n 2"], Float[Array, "n"]]:
    """:func:`moves_px` of each state from its own place."""

    def one(state: Array, place: Places) -> tuple[Array, Array]:
        step, away = moves_px(state[None], jax.tree.map(lambda each: each[None], place))
        return step[0, 0], away[0, 0]

    return jax.vmap(one)(states, places)
