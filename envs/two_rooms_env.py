"""The two rooms as an environment of Gymnasium's, ``TwoRooms-v0``."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from .two_rooms import (
    FRAME_SHAPE,
    WALL_RANGE,
    Layout,
    colour_picture,
    drawn_layouts,
    fixed_layout,
    frames_of,
)
from .two_rooms_motion import free_places, is_clear, moved
from .two_rooms_walks import STEP_HIGH_PX

_ENLARGED = 4  # screen pixels for one of the camera's


class TwoRooms(gymnasium.Env[np.ndarray, np.ndarray]):
    """A dot in two rooms with a door between them.

    An observation is a frame, uint8 ``(65, 65, 2)``: dot, then walls and border. An action is the
    step ``(dx, dy)`` in px; a longer one than 1.8 is shortened to that. There is no reward and no
    end: what is to be reached is another's to say. ``info`` has the true ``position``, ``wall_x``
    and ``door_y``, for scoring alone.

    ``wall_x`` and ``door_y`` fix the layout; what is None is drawn at every reset. ``reset`` takes
    them in its ``options``, too, and the first ``position``.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(
        self,
        wall_x: int | None = None,
        door_y: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        self.render_mode = render_mode
        self.observation_space = Box(0, 255, FRAME_SHAPE, np.uint8)
        self.action_space = Box(-STEP_HIGH_PX, STEP_HIGH_PX, (2,), np.float32)
        self._fixed: dict[str, Any] = {"wall_x": wall_x, "door_y": door_y}
        self.layout = self._chosen(self._fixed)
        self._position = np.zeros(2)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin anew; ValueError for options that it does not have, or that do not fit."""
        super().reset(seed=seed)
        asked = self._fixed | (options or {})
        position = asked.pop("position", None)
        self.layout = self._chosen(asked)
        place = free_places(Layout(*(each[None] for each in self.layout)), self.np_random)[0]
        if position is not None:
            place = np.asarray(position, np.float64)
            if place.shape != (2,) or not is_clear(place, self.layout):
                wall_x, door_y = self.layout
                raise ValueError(
                    f"position = {position!r} is no free place (x, y) with the wall at {wall_x} "
                    f"and the door at {door_y}: give one inside a room, 0.3 px from all walls"
                )
        self._position = place
        return self._observation(), self._info(False)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Move once; ValueError for an action that is no pair of finite numbers."""
        step = np.asarray(action, np.float64)
        if step.shape != (2,) or not np.isfinite(step).all():
            raise ValueError(f"action {action!r} is no step (dx, dy): give two finite numbers")
        step = step * min(1.0, STEP_HIGH_PX / max(float(np.linalg.norm(step)), 1e-9))
        many = Layout(*(each[None] for each in self.layout))
        places, stopped = moved(self._position[None], step[None], many, self.np_random)
        self._position = places[0]
        return self._observation(), 0.0, False, False, self._info(bool(stopped[0]))

    def render(self) -> np.ndarray:  # type: ignore[override]
        """The frame in colours, enlarged: uint8 ``(260, 260, 3)``."""
        picture = colour_picture(self._observation())
        return picture.repeat(_ENLARGED, axis=0).repeat(_ENLARGED, axis=1)

    def picture(self, position: np.ndarray) -> np.ndarray:
        """The frame with the dot at ``position`` in the present layout."""
        return frames_of(np.asarray(position, np.float64), self.layout)

    def _observation(self) -> np.ndarray:
        return self.picture(self._position)

    def _info(self, stopped: bool) -> dict[str, Any]:
        layout = {name: int(value) for name, value in self.layout._asdict().items()}
        return {"position": self._position.copy(), "stopped": stopped, **layout}

    def _chosen(self, asked: dict[str, int | None]) -> Layout:
        """The layout that is asked for; what is None is drawn."""
        if unknown := sorted(set(asked) - {"wall_x", "door_y"}):
            raise ValueError(
                f"option {unknown[0]!r} is not known: there are wall_x, door_y and position"
            )
        drawn = drawn_layouts(self.np_random, 1, np.arange(*WALL_RANGE))
        wall_x, door_y = asked["wall_x"], asked["door_y"]
        return fixed_layout(
            int(drawn.wall_x[0]) if wall_x is None else wall_x,
            int(drawn.door_y[0]) if door_y is None else door_y,
        )


gymnasium.register("TwoRooms-v0", entry_point=f"{__name__}:TwoRooms")
