"""The line world as a body: its emission is what the camera sees."""

import re
from typing import Any

import numpy as np

from .body import BodySpec, Start, Truth
from .camera import Camera
from .spot import draw_spot

PERIOD_S = 0.25
"""Seconds that a step lasts."""

_NAMED = re.compile(r"state\s*(\d+)")


class LineBody:
    """Moved by one number: -1 back, 0 stay, 1 forward; what lies between is rounded."""

    def __init__(self, camera: Camera) -> None:
        from .line_world import LineWorld

        self._env: Any = LineWorld(render_mode="rgb_array")
        self._camera = camera
        self.spec = BodySpec(
            name="lineworld",
            period_s=PERIOD_S,
            control_low=np.array([-1.0], np.float32),
            control_high=np.array([1.0], np.float32),
            safe_control=np.zeros(1, np.float32),
            frame_shape=camera.frame_shape,
        )

    def reset(self, seed: int, start: Start) -> np.ndarray:
        """Begin in state 0, whatever the ``start``."""
        del start
        self._env.reset(seed=seed)
        return self._picture(self._env.emission)

    def step(self, control: np.ndarray) -> np.ndarray:
        self._env.step(int(np.rint(control[0])) + 1)
        return self._picture(self._env.emission)

    def truth(self) -> Truth:
        """The number of the state, which has no velocity."""
        return Truth(state=np.array([self._env.state, 0.0]), reward=0.0)

    @property
    def goal_names(self) -> tuple[str, ...]:
        from .line_world import MEANS

        return tuple(f"state {state}" for state in range(len(MEANS)))

    def goal_called(self, name: str) -> tuple[np.ndarray, float] | None:
        """The picture of ``state 0`` ... ``state 4`` at its mean, and its number; None for others.

        ValueError for a state that there is not.
        """
        from .line_world import MEANS

        match = _NAMED.fullmatch(name.strip())
        if match is None:
            return None
        state = int(match[1])
        if state >= len(MEANS):
            raise ValueError(f"the line has the states 0 ... {len(MEANS) - 1}")
        return self._picture(MEANS[state]), float(state)

    def close(self) -> None:
        self._env.close()

    def _picture(self, emission: np.ndarray) -> np.ndarray:
        return self._camera.capture(draw_spot(emission, self._camera.crop_px))
