"""The two rooms as a body: its camera sees the frame with both channels as it is."""

import math
import re

import numpy as np

from .body import BodySpec, Start, Truth
from .two_rooms import DOOR_Y, FRAME_SHAPE, WALL_X
from .two_rooms_env import TwoRooms
from .two_rooms_motion import is_clear
from .two_rooms_walks import STEP_HIGH_PX

_PERIOD_S = 0.05
_PLACE = re.compile(r"\s*(\d+(?:\.\d*)?)\s*,\s*(\d+(?:\.\d*)?)\s*")


class TwoRoomsBody:
    """Moved by the step ``(dx, dy)`` in px; a goal is a place such as ``48,20``."""

    def __init__(self, physics: str = "") -> None:
        """Walls as ``physics`` says: ``wall_x=32,door_y=20``. ValueError where they do not fit."""
        given = _read_layout(physics)
        self._env = TwoRooms(given.get("wall_x", WALL_X), given.get("door_y", DOOR_Y))
        limit = np.full(2, STEP_HIGH_PX, np.float32)
        self.spec = BodySpec(
            name="two-rooms",
            period_s=_PERIOD_S,
            control_low=-limit,
            control_high=limit,
            safe_control=np.zeros(2, np.float32),
            frame_shape=FRAME_SHAPE,
        )
        self._position = np.full(2, np.nan)

    def reset(self, seed: int, start: Start) -> np.ndarray:
        """Begin anywhere, whatever the ``start``."""
        del start
        return self._seen(*self._env.reset(seed=seed))

    def step(self, control: np.ndarray) -> np.ndarray:
        frame, *_, info = self._env.step(control)
        return self._seen(frame, info)

    def truth(self) -> Truth:
        """The position ``(x, y)`` in px; there is no reward."""
        return Truth(state=self._position.copy(), reward=0.0)

    @property
    def goal_names(self) -> tuple[str, ...]:
        """Places on a grid, in both rooms."""
        across, down = np.linspace(9, 56, 6), np.linspace(10, 55, 4)
        places = [np.array([x, y]).round() for y in down for x in across]
        clear = [place for place in places if is_clear(place, self._env.layout)]
        return tuple(f"{x:.0f},{y:.0f}" for x, y in clear)

    def goal_called(self, name: str) -> tuple[np.ndarray, float] | None:
        """The frame with the dot at ``x,y``, and no number for scoring; None for other names.

        ValueError for a place that is in a wall or outside.
        """
        match = _PLACE.fullmatch(name)
        if match is None:
            return None
        place = np.array([float(match[1]), float(match[2])])
        if not is_clear(place, self._env.layout):
            raise ValueError(
                "no dot can be there: give x and y inside a room, 0.3 px or more from the wall at "
                f"x = {self._env.layout.wall_x} and from the border at 4 and 60"
            )
        return self._env.picture(place), math.nan

    def close(self) -> None:
        self._env.close()

    def _seen(self, frame: np.ndarray, info: dict) -> np.ndarray:
        self._position = info["position"]
        return frame


def _read_layout(text: str) -> dict[str, int]:
    """Understand ``wall_x=32,door_y=20``, either or both."""
    given = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, number = (each.strip() for each in part.partition("="))
        if name not in ("wall_x", "door_y") or not number.isdigit() or name in given:
            raise ValueError(
                f"physics {part!r} is no wall of two-rooms: give each once, as in "
                "wall_x=32,door_y=20"
            )
        given[name] = int(number)
    return given
