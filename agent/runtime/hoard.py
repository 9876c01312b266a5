"""An end to peers that send what never ends, before the gateway has no room for it."""

from ...transport import inflow
from ...transport.clock import NS_PER_MS, NS_PER_S

_ROOM = 32 * 2**20  # beyond what the process took in peace
_LEAST = 8 * 2**20  # of what came over a connection that is to blame
_LOOK_NS = 20 * NS_PER_MS
_COUNT_NS = NS_PER_S


class Hoard:
    """Watches how much memory the gateway takes, and ends the connection that brings most when it
    is too much.

    ``ended`` counts the connections that were; ``last`` is the address of the newest.
    """

    def __init__(self) -> None:
        self.ended, self.last = 0, ""
        self._peace, self._owes = 0, False
        self._next_look_ns = self._next_count_ns = 0
        self._lines: dict[int, inflow.Line] = {}

    def look(self, now_ns: int) -> bool:
        """Whether a connection had to be ended now."""
        if now_ns < self._next_look_ns:
            return False
        self._next_look_ns = now_ns + _LOOK_NS
        taken = inflow.resident_bytes()
        if not self._peace or taken < self._peace:
            self._peace = taken
        if taken - self._peace > _ROOM:
            return self._end_largest()
        if now_ns >= self._next_count_ns:
            self._next_count_ns = now_ns + _COUNT_NS
            self._lines = inflow.lines()
            if self._owes:  # by now ZeroMQ has freed what came over it
                self._owes = False
                inflow.give_back()
        return False

    def _end_largest(self) -> bool:
        """End the connection that has brought most since the last count."""
        nothing = inflow.Line("", 0)
        lines = inflow.lines()
        brought = {
            inode: line.received - self._lines.get(inode, nothing).received
            for inode, line in lines.items()
        }
        inode = max(brought, key=lambda each: brought[each], default=None)
        self._lines = lines
        if inode is None or brought[inode] < _LEAST:
            self._peace = inflow.resident_bytes()  # it is nobody's fault: so much is needed
            return False
        inflow.end(inode)
        self.ended, self.last, self._owes = self.ended + 1, lines[inode].peer, True
        inflow.give_back()
        return True
