"""Places that a world model remembers: latents of frames that it has seen, spread out evenly.

How far places are from each other is told in px of the dot's motion: by how the model moves a
latent when the action is a small step. Nothing but frames and actions is used.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .frames import drawn_dots, drawn_walls
from .model import WorldModel, imagine
from .training import Experience

APART_PX = 1.7  # between two places
_CANDIDATES = 4096
_SCENES = 7  # by which the motion at a place is told: a wall may be near it in some
_STEP_PX = 0.5
_LEAST_EFFECT = 0.05  # of a step, as a share of the larger one's
_ROWS = 256  # of a matrix of distances that are worked out at once


class Places(NamedTuple):
    """Latents ``(n, moving)``, and how they change where the dot moves: ``tangent``
    ``(n, moving, 2)`` is orthonormal, ``px`` ``(n, 2, 2)`` takes its coordinates to px of x and y,
    and ``scale`` ``(n,)`` is the latent length of a px."""

    latents: Float[Array, "n moving"]
    tangent: Float[Array, "n moving 2"]
    px: Float[Array, "n 2 2"]
    scale: Float[Array, "n"]


def remembered(model: WorldModel, experience: Experience, seed: int) -> Places:
    """Places at least 1.7 px apart, chosen from frames of the ``experience`` by lot."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(len(experience.positions), size=_CANDIDATES)
    times = rng.integers(experience.positions.shape[1], size=_CANDIDATES)
    latents = model.dots(drawn_dots(experience.positions[rows, times]))
    scenes = scenes_of(model, experience)
    all_ = places_at(model, latents, scenes)
    kept: list[int] = []
    nearest = np.full(_CANDIDATES, np.inf)
    for number in range(_CANDIDATES):
        if nearest[number] > APART_PX:
            kept.append(number)
            one = jax.tree.map(lambda each, n=number: each[n : n + 1], all_)
            away = np.asarray(_distance_px(all_.latents, one))[:, 0]
            nearest = np.minimum(nearest, away)
    return jax.tree.map(lambda each: each[np.array(kept)], all_)


def scenes_of(model: WorldModel, experience: Experience) -> Float[Array, "scenes scene"]:
    """Latents of a few layouts, by which the motion at a place is told."""
    return model.walls(drawn_walls(experience.wall_x[:_SCENES], experience.door_y[:_SCENES]))


@jax.jit
def places_at(
    model: WorldModel,
    latents: Float[Array, "n moving"],
    scenes: Float[Array, "scenes scene"],
) -> Places:
    """Latents as places: moved by small steps forth and back along x and y, among the walls of
    every one of the ``scenes``; of these the median counts."""
    n, count = latents.shape[0], scenes.shape[0]
    steps = _STEP_PX * jnp.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    starts = jnp.repeat(latents, 4 * count, axis=0)
    among = jnp.tile(jnp.repeat(scenes, 4, axis=0), (n, 1))
    ends = imagine(model, starts, among, jnp.tile(steps, (n * count, 1))[:, None])[:, 0]
    ends = jnp.median(ends.reshape(n, count, 4, -1), axis=1)
    slope = jnp.stack([ends[:, 0] - ends[:, 1], ends[:, 2] - ends[:, 3]], -1) / (2 * _STEP_PX)
    left, sizes, right = jnp.linalg.svd(slope, full_matrices=False)
    sizes = jnp.maximum(sizes, _LEAST_EFFECT * sizes[:, :1])
    px = jnp.swapaxes(right, 1, 2) / sizes[:, None, :]
    return Places(latents, left, px, jnp.sqrt(jnp.mean(sizes**2, axis=1)))


def moves_px(
    states: Float[Array, "many moving"], places: Places
) -> tuple[Float[Array, "many n 2"], Float[Array, "many n"]]:
    """The step ``(dx, dy)`` from each place to the dot of each state, and how far that is, in px;
    true where it is near. What of the difference no step explains counts by the scale."""
    along = jnp.einsum("mk,nkc->mnc", states, places.tangent)
    along -= jnp.einsum("nk,nkc->nc", places.latents, places.tangent)
    squared = (
        jnp.sum(states**2, axis=1)[:, None]
        - 2 * states @ places.latents.T
        + jnp.sum(places.latents**2, axis=1)
    )
    across = jnp.maximum(squared - jnp.sum(along**2, axis=-1), 0.0) / places.scale**2
    step = jnp.einsum("ncd,mnd->mnc", places.px, along)
    return step, jnp.sqrt(across + jnp.sum(step**2, axis=-1))


def distances_px(states: Float[Array, "many moving"], places: Places) -> np.ndarray:
    """The distances of :func:`moves_px`, of any number of states, ``(many, n)``."""
    parts = [
        np.asarray(_distance_px(states[first : first + _ROWS], places))
        for first in range(0, len(states), _ROWS)
    ]
    return np.concatenate(parts)


@jax.jit
def _distance_px(states: Array, places: Places) -> Array:
    return moves_px(states, places)[1]
