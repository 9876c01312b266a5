"""Getting ready without haste: a process that stands by leaves the cores to those at work.

Niceness would do, but a user may not take it back when the process is needed.
"""

import signal
import time
from types import FrameType

_WORK_S, _REST_S = 0.005, 0.01

HURRY = signal.SIGURG
"""Ends the leisure of whoever gets it; ignored by a process that has none yet."""


def begin_leisure() -> None:
    """From now on rest twice as long as this process computes."""
    signal.signal(signal.SIGPROF, _rest)
    signal.signal(HURRY, _end)
    signal.setitimer(signal.ITIMER_PROF, _WORK_S, _WORK_S)


def end_leisure() -> None:
    """Compute without rest again."""
    signal.setitimer(signal.ITIMER_PROF, 0)


def _rest(_: int, __: FrameType | None) -> None:
    time.sleep(_REST_S)


def _end(_: int, __: FrameType | None) -> None:
    end_leisure()
