"""The ways between remembered places, as the world model imagines them among the walls in view.

Two neighbouring places are joined where the model, played from either towards the other, arrives
there: walls part them, the door does not. Dijkstra's algorithm then gives the steps from every
place to a goal.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from ...envs.two_rooms_walks import STEP_HIGH_PX
from .model import WorldModel, imagine
from .places import Places, distances_px, moves_px, places_at

NEIGHBOURS = 16  # of a place, at most
_REACH_PX = 4.5  # to a neighbour
_STEPS = 3  # in which it is walked to
_ARRIVED_PX = 1.0
_CORRECTIONS = 2  # of a walk, by what it missed its end
_NOWHERE = 1e4  # steps from a place that no way leads from


class Roadmap(NamedTuple):
    """``places``, the last of which is the goal, and the ``steps`` ``(n,)`` of the longest kind
    from each to the goal."""

    places: Places
    steps: Float[Array, "n"]


class Memory(NamedTuple):
    """Remembered ``places``, and for each the numbers of its ``neighbours`` ``(n, 16)``, itself
    where it has fewer."""

    places: Places
    neighbours: np.ndarray


def memory_of(places: Places) -> Memory:
    """Places with their neighbours."""
    away = distances_px(places.latents, places)
    away = np.maximum(away, away.T)
    nearest = np.argsort(away, axis=1)[:, 1 : NEIGHBOURS + 1]
    own = np.arange(len(away))[:, None]
    return Memory(places, np.where(np.take_along_axis(away, nearest, 1) < _REACH_PX, nearest, own))


def roadmap(
    model: WorldModel,
    memory: Memory,
    goal: Float[Array, "moving"],
    scene: Float[Array, "scene"],
    scenes: Float[Array, "scenes scene"],
) -> Roadmap:
    """The map for one goal among the walls that ``scene`` tells of; ``scenes`` are those by which
    the motion at the goal is told."""
    place = places_at(model, goal[None], scenes)
    places = Places(*(jnp.concatenate(pair) for pair in zip(memory.places, place, strict=True)))
    count = len(memory.neighbours)
    near = np.argsort(distances_px(memory.places.latents, place)[:, 0])[:NEIGHBOURS]
    neighbours = np.concatenate([memory.neighbours, near[None]])
    forth, back, length = (
        np.asarray(each) for each in _walked(model, places, jnp.asarray(neighbours), scene)
    )
    own = neighbours == np.arange(count + 1)[:, None]
    joined = forth & back & ~own
    rows, columns = np.nonzero(joined)
    ways = coo_array(
        (length[rows, columns] / STEP_HIGH_PX, (rows, neighbours[rows, columns])),
        shape=(count + 1, count + 1),
    )
    steps = dijkstra(ways.tocsr(), directed=False, indices=count)
    return Roadmap(places, jnp.asarray(np.minimum(steps, _NOWHERE), jnp.float32))


def compass(headings: int) -> Float[Array, "headings 2"]:
    """The longest steps in so many directions."""
    angle = jnp.arange(headings) * (2 * jnp.pi / headings)
    return STEP_HIGH_PX * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)


@jax.jit
def _walked(
    model: WorldModel,
    places: Places,
    neighbours: Array,
    scene: Float[Array, "scene"],
) -> tuple[Array, Array, Array]:
    """Whether each place's walk to each neighbour arrives, whether that back does, and how long
    the way is in px; all ``(n, 16)``."""

    def one_way(here: Array, there: Array) -> tuple[Array, Array]:
        start, target = (jax.tree.map(lambda x, at=at: x[at], places) for at in (here, there))
        one = jax.vmap(lambda state, place: moves_px(state[None], _single(place)))
        step = one(target.latents, start)[0][:, 0, 0]
        among = jnp.broadcast_to(scene, (len(step), scene.shape[0]))
        for _ in range(_CORRECTIONS + 1):
            actions = jnp.repeat(step[:, None] / _STEPS, _STEPS, axis=1)
            end = imagine(model, start.latents, among, actions)[:, -1]
            beyond, away = (each[:, 0, 0] for each in one(end, target))
            walked, step = step, step - beyond
        return away < _ARRIVED_PX, jnp.linalg.norm(walked, axis=1)

    n, k = neighbours.shape
    here, there = jnp.repeat(jnp.arange(n), k), neighbours.reshape(-1)
    forth, length = one_way(here, there)
    back, _ = one_way(there, here)
    return forth.reshape(n, k), back.reshape(n, k), length.reshape(n, k)


def _single(place: Places) -> Places:
    return jax.tree.map(lambda x: x[None], place)
