"""The clock that all processes of a host share, and the deadlines of the ticks on it."""

import time
from dataclasses import dataclass

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000

now_ns = time.monotonic_ns


def sleep_ns(duration_ns: int) -> None:
    """Sleep for ``duration_ns``; the wait that is finer than the poll's milliseconds."""
    time.sleep(duration_ns / NS_PER_S)


@dataclass(frozen=True)
class Clock:
    """Deadlines of the ticks: absolute ones, so that lateness never adds up, or none at all.

    In real time the deadline of tick ``k`` is ``t0_ns + k * period_ns``. In lockstep there is
    none, and whoever waits for a tick's input waits until it comes.
    """

    t0_ns: int
    period_ns: int
    realtime: bool

    def tick_at(self, moment_ns: int) -> int:
        """The newest tick whose deadline has come by a moment in real time; -1 before the first,
        and always in lockstep."""
        if not self.realtime:
            return -1
        return max(-1, (moment_ns - self.t0_ns) // self.period_ns)

    def deadline_ns(self, tick: int, lead_ns: int = 0) -> int | None:
        """``lead_ns`` before the moment that ``tick`` begins; None in lockstep."""
        return self.t0_ns + tick * self.period_ns - lead_ns if self.realtime else None

    def lateness_ns(self, tick: int, moment_ns: int) -> int:
        """How long after the deadline of ``tick`` a moment is, at least 0; 0 in lockstep."""
        deadline = self.deadline_ns(tick)
        return 0 if deadline is None else max(0, moment_ns - deadline)
