"""How much of what is refused a peer may send before it is cut off."""

from collections import deque

from .clock import NS_PER_S

_REFUSALS, _WITHIN_NS = 50, 10 * NS_PER_S
_CUT_OFF_NS = 60 * NS_PER_S


class Patience:
    """Ends for a minute after 50 refusals within ten seconds."""

    def __init__(self) -> None:
        self._refusals: deque[int] = deque(maxlen=_REFUSALS)
        self._until_ns = 0

    def over(self, now_ns: int) -> bool:
        """Whether the peer is cut off."""
        return now_ns < self._until_ns

    def refuse(self, now_ns: int) -> bool:
        """Count a refusal; True where that is one too many."""
        self._refusals.append(now_ns)
        if len(self._refusals) < _REFUSALS or now_ns - self._refusals[0] >= _WITHIN_NS:
            return False
        self._refusals.clear()
        self._until_ns = now_ns + _CUT_OFF_NS
        return True
