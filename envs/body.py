"""What every body offers: a picture after each step, and the truth for scoring alone."""

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np

Start = Literal["gymnasium", "hanging"]


@dataclass(frozen=True)
class BodySpec:
    """What a controller may know of a body: its timing, its limits and its camera.

    ``control_low``, ``control_high`` and ``safe_control`` are float32 ``(p,)`` in the body's
    own units; ``frame_shape`` is ``(height, width, channels)``; ``period_s`` is the time that
    one step of the body's physics lasts; ``draggable`` whether it is a :class:`Draggable`.
    """

    name: str
    period_s: float
    control_low: np.ndarray
    control_high: np.ndarray
    safe_control: np.ndarray
    frame_shape: tuple[int, int, int]
    draggable: bool = False

    def allows(self, controls: np.ndarray) -> bool:
        """Whether controls ``(p,)`` or ``(H, p)`` may be played: each within its limits, which
        contain no NaN."""
        if controls.shape[-1:] != self.control_low.shape:
            return False
        return bool(((controls >= self.control_low) & (controls <= self.control_high)).all())


@dataclass(frozen=True)
class Truth:
    """The true state, for scoring only: ``state`` is float64 ``(angle_rad, velocity_rad_s)``, for a
    body with a few states ``(number, 0)``, and NaN for one of which nothing is known."""

    state: np.ndarray
    reward: float


class Body(Protocol):
    """A simulated body with a camera."""

    @property
    def spec(self) -> BodySpec:
        """What a controller may know of it."""
        ...

    def reset(self, seed: int, start: Start) -> np.ndarray:
        """Begin an episode; returns its first frame, uint8 ``(height, width, channels)``."""
        ...

    def step(self, control: np.ndarray) -> np.ndarray:
        """Apply ``control`` ``(p,)`` for one period; returns the frame rendered after it."""
        ...

    def truth(self) -> Truth:
        """The state after the last step and its reward; never shown to the agent."""
        ...

    def close(self) -> None:
        """Release the renderer."""
        ...


@runtime_checkable
class Posable(Protocol):
    """A body with one angle, that can be shown at any, and scored by it."""

    def picture(self, angle: float) -> np.ndarray:
        """The frame that the camera would see with the body at rest at ``angle`` (radians)."""
        ...

    def holding_effort(self, angle: float) -> float:
        """Torque needed to rest at ``angle``, as a multiple of the limit: above 1 it cannot."""
        ...

    def push(self, speed: float) -> None:
        """Give it this angular velocity in rad/s, as a blow would."""
        ...


@runtime_checkable
class Draggable(Protocol):
    """A body that can be pulled at, in its picture."""

    def drag(self, place: np.ndarray, force: np.ndarray) -> None:
        """Let ``force`` (2,) act at ``place`` (2,) during the next step, whatever the control does.

        Both are in halves of the picture, to the right and down, ``place`` from its middle; a force
        of one half is about as strong as the body's own control can be.
        """
        ...


@runtime_checkable
class Nameable(Protocol):
    """A body with states or places that have names."""

    @property
    def goal_names(self) -> tuple[str, ...]:
        """All of them."""
        ...

    def goal_called(self, name: str) -> tuple[np.ndarray, float] | None:
        """The frame that shows what is called ``name``, and the number of that state (NaN
        where it has none); None where it is no name of this body's. ValueError for a state that
        there is not."""
        ...
