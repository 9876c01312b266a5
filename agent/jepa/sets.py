"""The sets of trajectories that a world model is trained on and judged by."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ...envs.two_rooms import UNSEEN_WALLS, Layout, drawn_layouts, seen_walls
from ...envs.two_rooms_walks import Walks, go_to_goals, walk, walk_by_door, walk_into_wall

WALK_FRAMES = 91
WINDOW_FRAMES = 17
_TOGETHER = 1024  # trajectories that are worked out at once


@dataclass(frozen=True)
class Kind:
    """One set: how its trajectories go, how many frames each has, and where walls may stand."""

    play: Callable[[Layout, int, np.random.Generator], Walks]
    frames: int
    walls: tuple[int, ...]


_SEEN = tuple(map(int, seen_walls()))

SETS = {
    "normal": Kind(walk, WALK_FRAMES, _SEEN),
    "door": Kind(walk_by_door, WALK_FRAMES, _SEEN),
    "wall": Kind(walk_into_wall, WINDOW_FRAMES, _SEEN),
    "wall_other": Kind(walk_into_wall, WINDOW_FRAMES, UNSEEN_WALLS),
    "expert": Kind(go_to_goals, WALK_FRAMES, _SEEN),
}
"""By name. ``normal``: walks; ``door``: walks that begin near a door and head for it, without which
a model sees hardly any pass it; ``wall``: walks into a wall; ``wall_other``: the same where walls
stand in columns that no training has seen; ``expert``: ways to goals in the other room."""

JUDGED = ("normal", "wall", "wall_other", "expert")
"""The sets that a model is judged by."""

_STREAMS = {"training": 0, "probing": 1, "testing": 2}


def stream(name: str, count: int, seed: int, purpose: str = "testing") -> Iterator[Walks]:
    """``count`` trajectories of the set ``name``, in parts of at most 1024.

    The same for the same seed and ``purpose`` (training, probing, testing), and of no common origin
    with those of others. Memory is that of one part.
    """
    kind = SETS[name]
    origin = (seed, _STREAMS[purpose], list(SETS).index(name))
    for number, first in enumerate(range(0, count, _TOGETHER)):
        rng = np.random.default_rng((*origin, number))
        layout = drawn_layouts(rng, _TOGETHER, np.array(kind.walls, np.int32))
        yield _rows(kind.play(layout, kind.frames, rng), slice(0, min(_TOGETHER, count - first)))


def drawn(name: str, count: int, seed: int, purpose: str = "testing") -> Walks:
    """The trajectories of :func:`stream`, all at once."""
    parts = list(stream(name, count, seed, purpose))
    layout = Layout(
        *(np.concatenate(each) for each in zip(*(p.layout for p in parts), strict=True))
    )
    return Walks(
        np.concatenate([part.positions for part in parts]),
        np.concatenate([part.controls for part in parts]),
        layout,
        np.concatenate([part.stopped for part in parts]),
    )


def windows(walks: Walks, frames: int = WINDOW_FRAMES) -> Walks:
    """Trajectories cut into pieces of so many frames, one behind the other; a rest is left out."""
    pieces = walks.positions.shape[1] // frames
    starts = np.arange(pieces) * frames

    def cut(values: np.ndarray, length: int) -> np.ndarray:
        parts = np.stack([values[:, start : start + length] for start in starts], axis=1)
        return parts.reshape(-1, *parts.shape[2:])

    return Walks(
        cut(walks.positions, frames),
        cut(walks.controls, frames - 1),
        Layout(*(np.repeat(each, pieces) for each in walks.layout)),
        cut(walks.stopped, frames - 1),
    )


def judged(name: str, count: int, seed: int) -> Walks:
    """What a probe is judged by: ``count`` trajectories for testing, walks cut to windows."""
    walks = drawn(name, count, seed)
    return _rows(windows(walks), slice(0, count)) if name == "normal" else walks


def _rows(walks: Walks, rows: slice) -> Walks:
    layout = Layout(*(each[rows] for each in walks.layout))
    return Walks(walks.positions[rows], walks.controls[rows], layout, walks.stopped[rows])
