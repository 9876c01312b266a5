"""What an agent knows of the ways to its goal, and learns of them as it goes."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .equipment import Equipment
from .evidence import TRIALS, Trials, heard, no_trials, trial
from .model import WorldModel
from .navigate import AHEAD, Standing, Way, along, first_place
from .places import moves_px, places_at
from .roadmap import Roadmap, roadmap, search

_NOTABLE = -0.5  # log odds: the ways are searched anew where a step tells so much
_LOST_PX = 9.0  # so far from the next place of a way one is not on it


class Chart:
    """The map to one goal, and the steps that were tried among its walls."""

    def __init__(
        self,
        model: WorldModel,
        equipment: Equipment,
        goal: Float[Array, "moving"],
        scene: Float[Array, "scene"],
        before: "Chart | None" = None,
    ) -> None:
        """A map by imagination, among the walls that ``scene`` tells of, and by the steps that
        were tried on the chart ``before``, if it was of the same walls."""
        self._model, self._scenes, self._scene = model, equipment.scenes, scene
        self._trials, self._made = no_trials(goal.shape[0]), 0
        if before is not None and np.array_equal(before._scene, scene):
            self._trials, self._made = before._trials, before._made
        known = roadmap(model, equipment.memory, goal, scene, equipment.scenes)
        told = heard(self._trials, known.places.latents, known.moves)
        self._map = known._replace(log_odds=known.log_odds + told)
        self._ways = search(self._map)
        self._next: int | None = None  # place on the way

    def tried(
        self,
        before: Float[Array, "moving"],
        asked: Float[np.ndarray, "2"],
        after: Float[Array, "moving"],
    ) -> None:
        """Learn from a step that was ``asked`` for, by what was seen before and after it."""
        place = places_at(self._model, before[None], self._scenes)
        moved = moves_px(after[None], place)[0][0, 0]
        made = trial(place, jnp.asarray(asked), moved)
        self._trials, self._map = _learned(self._trials, self._made % TRIALS, self._map, made)
        self._made += 1
        if made.log_odds[0] < _NOTABLE:
            self._ways = search(self._map)
            self._next = None

    def way(self, state: Float[Array, "moving"], scene: Float[Array, "scene"]) -> Way:
        """What to do next.

        A way that was begun is kept to until a step on it is stopped, or the dot was put elsewhere:
        places judged anew at every step could send the agent to and fro between two of them.
        """
        standing = Standing(self._model, state, scene, self._map, self._trials)
        if self._next is None:
            self._next = int(first_place(standing, self._ways.steps))
        ahead = [self._next]
        for _ in range(AHEAD):
            ahead.append(int(self._ways.after[ahead[-1]]))
        way = along(standing, np.array(ahead[:AHEAD]))
        self._next = ahead[int(way.passed)] if way.away < _LOST_PX else None
        return way


@jax.jit
def _learned(trials: Trials, number: int, known: Roadmap, made: Trials) -> tuple[Trials, Roadmap]:
    """The trials with one more, in the place of the oldest, and the map after it."""
    trials = jax.tree.map(lambda all_, one: all_.at[number].set(one[0]), trials, made)
    more = heard(made, known.places.latents, known.moves)
    return trials, known._replace(log_odds=known.log_odds + more)
