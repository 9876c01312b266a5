"""Finds the process that makes a run miss its deadlines though it lives and gets on."""

from .table import ACTUATION, INFERENCE, SENSING
from .timeline import Timeline

_LAST = 40  # ticks that are looked at
_MANY, _FEW = 0.2, 0.05  # of them missed: from here it is slow; until here it is not any more

_TO_BLAME = {
    "no frame": SENSING.name,
    "late step": SENSING.name,
    "no command": ACTUATION.name,
    "no plan": INFERENCE.name,
    "late plan": INFERENCE.name,
}


class Slowness:
    """``process`` is the slow one's name, ``what`` it does wrong; None while none is slow."""

    def __init__(self) -> None:
        self.process: str | None = None
        self.what: str | None = None

    def look(self, timeline: Timeline) -> None:
        """Judge the last ticks."""
        count = min(_LAST, timeline.count - 1)
        if count < _LAST:
            return
        misses = timeline.misses(_LAST)
        share = sum(misses.values()) / count
        if share > _MANY:
            cause = max(misses, key=lambda cause: misses[cause])
            self.process = _TO_BLAME[cause]
            self.what = f"is slow: {misses[cause]} of the last {count} ticks missed: {cause}"
        elif share < _FEW:
            self.process = self.what = None
