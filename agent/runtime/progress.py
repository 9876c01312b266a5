"""Whether a process gets on: judged by what it says and by what it does with its input."""

from dataclasses import dataclass

from ...transport.clock import NS_PER_S


@dataclass
class Progress:
    """What has been seen of one process; moments are on the monotonic clock.

    ``tick`` is the newest tick of its input that it says it has handled, ``input_tick`` the newest
    that it was given.
    """

    heard_ns: int
    tick: int = -1
    input_tick: int = -1
    _stuck_since_ns: int | None = None

    def hear(self, now_ns: int, tick: int) -> None:
        """It has said that it is at ``tick``."""
        self.heard_ns = now_ns
        moved = tick != self.tick
        self.tick = tick
        self._stuck_since_ns = self._since(now_ns, moved)

    def feed(self, now_ns: int, tick: int) -> None:
        """Input of ``tick`` was sent to it."""
        self.input_tick = max(self.input_tick, tick)
        self._stuck_since_ns = self._since(now_ns, False)

    def excuse(self, now_ns: int) -> None:
        """Count its silence from now on."""
        self.heard_ns = now_ns
        self._stuck_since_ns = self._since(now_ns, True)

    def trouble(self, now_ns: int, timeout_s: float) -> str | None:
        """Why it has to be replaced, if so."""
        timeout_ns = timeout_s * NS_PER_S
        if now_ns - self.heard_ns > timeout_ns:
            return f"hangs: nothing was heard of it for {timeout_s:g} s"
        if self._stuck_since_ns is not None and now_ns - self._stuck_since_ns > timeout_ns:
            return (
                f"makes no progress: at tick {self.tick} for {timeout_s:g} s, while its input is "
                f"at tick {self.input_tick}"
            )
        return None

    def _since(self, now_ns: int, moved: bool) -> int | None:
        if self.input_tick <= self.tick:
            return None
        return now_ns if moved or self._stuck_since_ns is None else self._stuck_since_ns
