"""How often something may happen: a token bucket."""

from .clock import NS_PER_S


class Allowance:
    """``rate`` times a second in the long run, and ``burst`` times at once."""

    def __init__(self, rate: float, burst: float, now_ns: int) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at_ns = burst, now_ns

    def take(self, now_ns: int) -> bool:
        """Whether it may happen once more now."""
        passed_s = max(0, now_ns - self._at_ns) / NS_PER_S
        self._at_ns = now_ns
        self._left = min(self._burst, self._left + self._rate * passed_s)
        if self._left < 1:
            return False
        self._left -= 1
        return True
