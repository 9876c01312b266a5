"""The ways between remembered places, as the world model imagines them among the walls in view.

From a place to a neighbour it is as far as the model's walk there is long, and further by what the
walk, or that back, misses: walls make it miss, the door does not. Dijkstra's algorithm then gives
the steps from every place to a goal.
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
_ARRIVED_PX = 0.7  # so near to its end a walk has arrived
_MISSED = 30.0  # steps that it counts to miss it by a pixel more; twice as much, four times
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
    efforts = np.asarray(_efforts(model, places, jnp.asarray(neighbours), scene))
    own = np.arange(count + 1)[:, None]
    rows, columns = np.nonzero(neighbours != own)
    ways = coo_array(
        (efforts[rows, columns], (rows, neighbours[rows, columns])),
        shape=(count + 1, count + 1),
    )
    steps = dijkstra(ways.tocsr(), directed=False, indices=count)
    return Roadmap(places, jnp.asarray(np.minimum(steps, _NOWHERE), jnp.float32))


def walks(
    model: WorldModel,
    starts: Float[Array, "n moving"],
    targets: Places,
    scene: Float[Array, "scene"],
) -> tuple[Float[Array, "n 2"], Float[Array, "n"]]:
    """The way in px from each start to its target as the model walks it, in three equal steps, and
    by how many px it misses.

    The first guess is that of the target's tangent; it is corrected by what it misses.
    """
    step = -_seen_from(starts, targets)[0]
    among = jnp.broadcast_to(scene, (len(step), scene.shape[0]))
    walked, missed = step, jnp.zeros(len(step))
    for _ in range(_CORRECTIONS + 1):
        actions = jnp.repeat(step[:, None] / _STEPS, _STEPS, axis=1)
        end = imagine(model, starts, among, actions)[:, -1]
        beyond, missed = _seen_from(end, targets)
        walked, step = step, step - beyond
    return walked, missed


def effort(step: Float[Array, "n 2"], missed: Float[Array, "n"]) -> Float[Array, "n"]:
    """What a walk of :func:`walks` counts, in steps."""
    return jnp.linalg.norm(step, axis=1) / STEP_HIGH_PX + _late(missed)


def _late(missed: Float[Array, "n"]) -> Float[Array, "n"]:
    return _MISSED * jnp.maximum(missed - _ARRIVED_PX, 0.0) ** 2


@jax.jit
def _efforts(
    model: WorldModel,
    places: Places,
    neighbours: Array,
    scene: Float[Array, "scene"],
) -> Float[Array, "n neighbours"]:
    """The steps from each place to each neighbour, the way back being walkable, too."""
    n, k = neighbours.shape
    here, there = jnp.repeat(jnp.arange(n), k), neighbours.reshape(-1)
    start, target = (jax.tree.map(lambda x, at=at: x[at], places) for at in (here, there))
    step, missed = walks(model, start.latents, target, scene)
    _, missed_back = walks(model, target.latents, start, scene)
    # a place that most of its neighbours miss is in a wall: whoever is sent there stays outside
    apart = neighbours != jnp.arange(n)[:, None]
    usual = jnp.nanmedian(jnp.where(apart, missed_back.reshape(n, k), jnp.nan), axis=1)
    walked = effort(step, jnp.maximum(missed, missed_back)).reshape(n, k)
    return walked + _late(usual)[:, None] + _late(usual)[neighbours]


def _seen_from(
    states: Float[Array, "n moving"], places: Places
) -> tuple[Float[Array, "n 2"], Float[Array, "n"]]:
    """:func:`moves_px` of each state from its own place."""

    def one(state: Array, place: Places) -> tuple[Array, Array]:
        step, away = moves_px(state[None], jax.tree.map(lambda each: each[None], place))
        return step[0, 0], away[0, 0]

    return jax.vmap(one)(states, places)
