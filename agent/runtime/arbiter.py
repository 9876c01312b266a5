"""Which control is played at a tick: the decision of actuation, free of sockets and clocks."""

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from ...transport.messages import FIRST_EPOCH, Origin


class Verdict(Enum):
    """What became of an offered plan."""

    ACCEPTED = auto()
    LATE = auto()  # the tick it was made for is settled; it may still cover a later one
    STALE = auto()  # made for a goal that has been replaced
    INVALID = auto()  # a control is not finite, outside the limits, or of another size


@dataclass(frozen=True)
class Decision:
    """The control for ``tick``; ``frame_stamp_ns`` is that of the plan's frame, 0 without one."""

    tick: int
    control: np.ndarray
    origin: Origin
    frame_stamp_ns: int


@dataclass(frozen=True)
class _Plan:
    frame_tick: int
    frame_stamp_ns: int
    controls: np.ndarray


class Arbiter:
    """Settles tick after tick with the newest plan of the present goal, or the safe control.

    ``tick`` is the next one to settle, ``epoch`` that of the newest goal it has heard of.
    """

    def __init__(self, low: np.ndarray, high: np.ndarray, safe: np.ndarray) -> None:
        """Limits and safe control ``(p,)``; ``ValueError`` if the safe control breaks a limit."""
        self.tick = 1
        self.epoch = FIRST_EPOCH
        self._low, self._high, self._safe = low, high, safe
        self._plan: _Plan | None = None
        if not self._allowed(safe[None]):
            raise ValueError(f"safe control {safe} is outside the limits {low} ... {high}")

    def new_goal(self, epoch: int) -> None:
        """Forget the plan if ``epoch`` is a newer goal's."""
        if epoch > self.epoch:
            self.epoch, self._plan = epoch, None

    def offer(
        self, frame_tick: int, frame_stamp_ns: int, epoch: int, controls: np.ndarray
    ) -> Verdict:
        """Take in a plan: ``controls`` (H, p) for the ticks after ``frame_tick``.

        A frame can only be newer than expected where ticks went by unseen: they are given up.
        """
        self.new_goal(epoch)
        made_for = frame_tick + 1
        late = made_for < self.tick
        self.tick = max(self.tick, made_for)
        if epoch < self.epoch:
            return Verdict.STALE
        if not self._allowed(controls):
            return Verdict.INVALID
        if self._plan is None or frame_tick >= self._plan.frame_tick:
            self._plan = _Plan(frame_tick, frame_stamp_ns, controls)
        return Verdict.LATE if late else Verdict.ACCEPTED

    def settle(self) -> Decision:
        """The control for the next tick, once and for all."""
        tick, plan = self.tick, self._plan
        self.tick += 1
        if plan is not None:
            ahead = tick - plan.frame_tick - 1
            if ahead < len(plan.controls):
                origin = Origin.OLDER_PLAN if ahead else Origin.PLAN
                return Decision(tick, plan.controls[ahead], origin, plan.frame_stamp_ns)
        return Decision(tick, self._safe, Origin.SAFE, 0)

    def _allowed(self, controls: np.ndarray) -> bool:
        """Whether controls ``(H, p)`` may be played; false for NaN, which no limit contains."""
        if controls.shape[1:] != self._low.shape:
            return False
        return bool(((controls >= self._low) & (controls <= self._high)).all())
