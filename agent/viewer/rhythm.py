"""When to draw: beside control, not in its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...transport.clock import NS_PER_S, now_ns
from .state import ViewerState

if TYPE_CHECKING:
    from .desk import Source

REFRESH_NS = NS_PER_S // 30
_HELD_BACK_NS = NS_PER_S // 50  # at most


class Rhythm:
    """Thirty drawings a second on average. From a frame to its command the machine is left to
    inference, also where the window has a core of its own, as cores share caches: a drawing that is
    due then, or that would not be done before the next frame, waits for a moment.
    """

    def __init__(self, state: ViewerState) -> None:
        self._state = state
        self._due_ns = now_ns()
        self._drawing_ns = 0  # that the last one took

    def await_turn(self, source: Source) -> None:
        """Listen until the next drawing is due, and control at rest."""
        # one that had to wait does not put off those after it
        self._due_ns = max(self._due_ns + REFRESH_NS, now_ns() - REFRESH_NS)
        for received in source.messages(self._due_ns):
            self._state.take(received.header, received.message)
        latest_ns = now_ns() + _HELD_BACK_NS
        if self._in_the_way():
            for received in source.messages(latest_ns):
                self._state.take(received.header, received.message)
                if not self._in_the_way():
                    return

    def drew(self, since_ns: int) -> None:
        """A drawing has been made that began at ``since_ns``."""
        self._drawing_ns = now_ns() - since_ns

    def _in_the_way(self) -> bool:
        """Whether a frame waits for its command, or is due before a drawing would be done."""
        state = self._state
        if state.awaits_command:
            return True
        ahead_ns = state.next_frame_ns - now_ns()
        return 0 < ahead_ns < self._drawing_ns
