"""How far another host's clock is from ours, from questions that it answers."""

from collections import deque

from .clock import NS_PER_MS

_KEPT = 16  # answers: of so many seconds, in which clocks drift by less than
_DRIFT_NS = 2 * NS_PER_MS


class ClockOffset:
    """The offset of a peer's clock, by the quickest of its last answers (as in NTP's clock filter;
    Mills, RFC 5905, section 10): what the others took longer was spent waiting."""

    def __init__(self) -> None:
        self._answers: deque[tuple[int, int]] = deque(maxlen=_KEPT)

    def answered(self, sent_ns: int, there_ns: int, now_ns: int) -> bool:
        """Note that a question of ``sent_ns`` on our clock came at ``there_ns`` on the peer's, and
        the answer now. False where that cannot be the clock of before: it has jumped, and only the
        new one counts."""
        delay_ns, offset_ns = now_ns - sent_ns, there_ns - (sent_ns + now_ns) // 2
        unsure_ns = (delay_ns + self.delay_ns) // 2 + _DRIFT_NS
        same = not self.known or abs(offset_ns - self.offset_ns) <= unsure_ns
        if not same:
            self._answers.clear()
        self._answers.append((delay_ns, offset_ns))
        return same

    @property
    def known(self) -> bool:
        return bool(self._answers)

    @property
    def delay_ns(self) -> int:
        """There and back; 0 before the first answer."""
        return min(self._answers)[0] if self._answers else 0

    @property
    def offset_ns(self) -> int:
        """The peer's clock less ours, within half the delay; 0 before the first answer."""
        return min(self._answers)[1] if self._answers else 0

    def ours_ns(self, theirs_ns: int) -> int:
        """A moment of the peer's clock on ours."""
        return theirs_ns - self.offset_ns
