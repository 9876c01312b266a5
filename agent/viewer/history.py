"""The goals that there were, to go back to and forward again; and a tour of goals."""

from collections.abc import Sequence

from .gallery import Thumbnail

_KEPT = 50
TOUR_S = 6.0


class History:
    """Goals in the order in which they were chosen; going back and forward changes none."""

    def __init__(self, first: Thumbnail) -> None:
        self._goals, self._place = [first], 0

    def add(self, goal: Thumbnail) -> None:
        """``goal`` is the newest: those that one had gone back from are forgotten."""
        if goal is self._goals[self._place]:
            return
        self._goals = [*self._goals[: self._place + 1], goal][-_KEPT:]
        self._place = len(self._goals) - 1

    def move(self, by: int) -> Thumbnail | None:
        """Go ``by`` one back or forward; None where there is no more."""
        if not self.reaches(by):
            return None
        self._place += by
        return self._goals[self._place]

    def reaches(self, by: int) -> bool:
        return 0 <= self._place + by < len(self._goals)

    def words(self) -> str:
        """Where one is, once there is more than one."""
        return f"{self._place + 1} of {len(self._goals)}" if len(self._goals) > 1 else ""


class Tour:
    """Visits goals by itself, the next one every :data:`TOUR_S` seconds of the body."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._due_s = 0.0

    @property
    def on(self) -> bool:
        return self._next is not None

    def switch(self, now_s: float) -> None:
        """Begin, with the first goal at once, or end."""
        self._next, self._due_s = (0, now_s) if self._next is None else (None, now_s)

    def end(self) -> None:
        self._next = None

    def due(self, goals: Sequence[Thumbnail], now_s: float) -> Thumbnail | None:
        """The goal to go to now, if it is time for one."""
        if self._next is None or not goals or now_s < self._due_s:
            return None
        goal = goals[self._next % len(goals)]
        self._next, self._due_s = self._next + 1, now_s + TOUR_S
        return goal
