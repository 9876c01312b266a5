"""Which control is played at a tick: the decision of actuation, free of sockets and clocks."""

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from ...envs import BodySpec
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

    A plan serves the tick it was made for, and ``older_plan_ticks`` more if no newer one comes.
    ``tick`` is the next one to settle, ``epoch`` that of the newest goal it has heard of.
    Unless it ``obeys``, the safe control is played, whatever is planned.
    """

    def __init__(self, body: BodySpec, older_plan_ticks: int) -> None:
        """``ValueError`` if the safe control of ``body`` breaks a limit."""
        self.tick = 1
        self.epoch = FIRST_EPOCH
        self.obeys = True
        self._settled_for = FIRST_EPOCH
        self._body, self._older_plan_ticks = body, older_plan_ticks
        self._plan: _Plan | None = None
        if not body.allows(body.safe_control):
            raise ValueError(
                f"safe control {body.safe_control} is outside the limits {body.control_low} ... "
                f"{body.control_high}"
            )

    def go_on_from(self, tick: int) -> None:
        """Give up the ticks before ``tick``: their time is over."""
        self.tick = max(self.tick, tick)

    @property
    def outdated(self) -> bool:
        """Whether the goal that the last tick was settled for has been replaced since."""
        return self._settled_for < self.epoch

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
        if not self._body.allows(controls):
            return Verdict.INVALID
        if self._plan is None or frame_tick >= self._plan.frame_tick:
            self._plan = _Plan(frame_tick, frame_stamp_ns, controls)
        return Verdict.LATE if late else Verdict.ACCEPTED

    def settle(self) -> Decision:
        """The control for the next tick; only :meth:`revoke` changes it."""
        tick, plan = self.tick, self._plan
        self.tick += 1
        self._settled_for = self.epoch
        if plan is not None and self.obeys:
            ahead = tick - plan.frame_tick - 1
            if ahead < min(len(plan.controls), 1 + self._older_plan_ticks):
                origin = Origin.OLDER_PLAN if ahead else Origin.PLAN
                return Decision(tick, plan.controls[ahead], origin, plan.frame_stamp_ns)
        return self._safe(tick)

    def revoke(self) -> Decision:
        """The safe control for the tick that was settled last, whatever was said of it."""
        self._settled_for = self.epoch
        return self._safe(self.tick - 1)

    def _safe(self, tick: int) -> Decision:
        return Decision(tick, self._body.safe_control, Origin.SAFE, 0)
