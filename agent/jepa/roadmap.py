"""The ways between remembered places, and the belief that each is open.

The world model imagines a walk from a place to each of its neighbours among the walls in view; the
steps that are really made tell more (:mod:`.evidence`). Dijkstra's algorithm finds, from every
place, the way to a goal on which the fewest steps are expected.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from ...envs.two_rooms_walks import STEP_HIGH_PX
from .evidence import PRIOR, Witness, imagination, told_by, tries
from .model import WorldModel
from .places import Places, distances_px, places_at
from .walks import walks

NEIGHBOURS = 16  # of a place, at most
_REACH_PX = 4.5  # to a neighbour
_NOWHERE = 1e6  # steps from a place that no way leads from


class Memory(NamedTuple):
    """Remembered ``places``, and for each the numbers of its ``neighbours`` ``(n, 16)``, itself
    where it has fewer."""

    places: Places
    neighbours: np.ndarray


class Roadmap(NamedTuple):
    """``places``, the last of which is the goal, their ``neighbours``, the ``moves`` in px to these
    as the model walks them, the ``log_odds`` that those ways are open, and what ``witness``
    imagined walks are."""

    places: Places
    neighbours: Int[Array, "n neighbours"]
    moves: Float[Array, "n neighbours 2"]
    log_odds: Float[Array, "n neighbours"]
    witness: Witness


class Ways(NamedTuple):
    """From every place the expected ``steps`` ``(n,)`` of the longest kind to the goal, and the
    number of the place ``after`` it ``(n,)``, its own where there is none."""

    steps: Float[np.ndarray, "n"]
    after: Int[np.ndarray, "n"]


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
    """The map for one goal among the walls that ``scene`` tells of, by imagination alone;
    ``scenes`` are those by which the motion at the goal is told."""
    place = places_at(model, goal[None], scenes)
    places = Places(*(jnp.concatenate(pair) for pair in zip(memory.places, place, strict=True)))
    near = np.argsort(distances_px(memory.places.latents, place)[:, 0])[:NEIGHBOURS]
    neighbours = jnp.asarray(np.concatenate([memory.neighbours, near[None]]))
    return Roadmap(places, neighbours, *_imagined(model, places, neighbours, scene))


def search(known: Roadmap) -> Ways:
    """The best way to the goal from every place."""
    neighbours = np.asarray(known.neighbours)
    count = len(neighbours)
    efforts = np.asarray(effort(known.moves, known.log_odds))
    rows, columns = np.nonzero(neighbours != np.arange(count)[:, None])
    graph = coo_array(
        (efforts[rows, columns], (rows, neighbours[rows, columns])), shape=(count, count)
    )
    steps, after = dijkstra(
        graph.tocsr(), directed=False, indices=count - 1, return_predecessors=True
    )
    here = np.arange(count)
    return Ways(np.minimum(steps, _NOWHERE).astype(np.float32), np.where(after < 0, here, after))


def effort(moves: Float[Array, "*n 2"], log_odds: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """The expected steps of ways, stopped walks included."""
    return jnp.linalg.norm(moves, axis=-1) / STEP_HIGH_PX * tries(log_odds)


@jax.jit
def _imagined(
    model: WorldModel,
    places: Places,
    neighbours: Array,
    scene: Float[Array, "scene"],
) -> tuple[Float[Array, "n neighbours 2"], Float[Array, "n neighbours"], Witness]:
    """The moves from each place to each neighbour, the log odds that these ways are open, and the
    witness who tells so.

    What counts is the worst of the walks there and back, and of how far most walks miss either
    place: one that most miss is in a wall. Nothing is in a wall that a goal's picture shows.
    """
    n, k = neighbours.shape
    here, there = jnp.repeat(jnp.arange(n), k), neighbours.reshape(-1)
    start, target = (jax.tree.map(lambda x, at=at: x[at], places) for at in (here, there))
    moves, missed = walks(model, start.latents, target, scene)
    missed_back = walks(model, target.latents, start, scene)[1].reshape(n, k)
    apart = neighbours != jnp.arange(n)[:, None]
    usual = jnp.nanmedian(jnp.where(apart, missed_back, jnp.nan), axis=1)
    usual = usual.at[-1].set(0.0)
    worst = jnp.maximum(missed.reshape(n, k), missed_back)
    worst = jnp.maximum(worst, jnp.maximum(usual[:, None], usual[neighbours]))
    witness = imagination(jnp.where(apart, worst, jnp.nan))
    return moves.reshape(n, k, 2), PRIOR + told_by(witness, worst), witness
