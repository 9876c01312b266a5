"""How long a tick's way takes, and which deadlines were missed."""

from collections import Counter, deque
from collections.abc import Iterable

import numpy as np

from ...transport.clock import NS_PER_MS, NS_PER_S
from ...transport.messages import Command, Header, Origin, Plan

OLDER, OFF, NONE_YET, LATE, LEFT_OUT = (
    "older plan", "planner off", "no plan yet", "plan too late", "frames left out",
)  # fmt: skip
CAUSES = (OLDER, OFF, NONE_YET, LATE, LEFT_OUT)
"""Why a tick went by without a plan from the frame before."""

_RATE_FRAMES = 40
_KEPT = 200


class Timings:
    """Milliseconds of late, the rate of frames, and counts of what was missed, by cause."""

    def __init__(self) -> None:
        self.latency_ms: deque[float] = deque(maxlen=_KEPT)
        self.filter_ms: deque[float] = deque(maxlen=_KEPT)
        self.plan_ms: deque[float] = deque(maxlen=_KEPT)
        self.missed: Counter[str] = Counter()
        self._arrivals: deque[tuple[int, int]] = deque(maxlen=_RATE_FRAMES)
        self._planned_epoch = -1

    def take_frame(self, header: Header, begins: bool) -> None:
        """A frame came; ``begins`` an episode, or the first one that is seen."""
        if self._arrivals and not begins:
            self.missed[LEFT_OUT] += max(0, header.tick - self._arrivals[-1][1] - 1)
        self._arrivals.append((header.stamp_ns, header.tick))

    def take_plan(self, header: Header, plan: Plan) -> None:
        self._planned_epoch = max(self._planned_epoch, header.epoch)
        self.filter_ms.append(plan.filter_ms)
        self.plan_ms.append(plan.plan_ms)

    def take_command(self, header: Header, command: Command, planner: bool) -> None:
        """A command went out, while the ``planner`` was on or off."""
        if command.origin is Origin.PLAN:
            self.latency_ms.append((header.stamp_ns - command.frame_stamp_ns) / NS_PER_MS)
        elif command.origin is Origin.OLDER_PLAN:
            self.missed[OLDER] += 1
        elif not planner:
            self.missed[OFF] += 1
        else:
            self.missed[NONE_YET if self._planned_epoch < header.epoch else LATE] += 1

    def rate_hz(self) -> float | None:
        """Ticks per second over the last frames; None before there are two."""
        if len(self._arrivals) < 2:
            return None
        (first_ns, first_tick), (last_ns, last_tick) = self._arrivals[0], self._arrivals[-1]
        duration_ns = last_ns - first_ns
        return (last_tick - first_tick) * NS_PER_S / duration_ns if duration_ns > 0 else None


def percentiles(values: Iterable[float]) -> tuple[float, float] | None:
    """Median and 99th percentile; None of nothing."""
    found = list(values)
    if not found:
        return None
    median, worst = np.percentile(found, [50, 99])
    return float(median), float(worst)
