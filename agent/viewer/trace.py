"""What was seen over the last seconds, in bounded memory."""

from collections import deque

import numpy as np


class Trace:
    """The values of the last ``span_s`` seconds, at most some ``points`` of them.

    Values that follow each other faster than ``span_s / points`` are thinned out.
    """

    def __init__(self, span_s: float, points: int = 600) -> None:
        self._span_s = span_s
        self._gap_s = span_s / points
        self._seconds: deque[float] = deque(maxlen=points + 2)
        self._values: deque[list[float]] = deque(maxlen=points + 2)
        self._arrays: tuple[np.ndarray, np.ndarray] | None = None

    def add(self, seconds: float, value: np.ndarray) -> None:
        """Append ``value`` (d,); ignored when it is not later than the last by a gap."""
        if self._seconds and seconds < self._seconds[-1] + self._gap_s:
            return
        self._arrays = None
        self._seconds.append(seconds)
        self._values.append(value.tolist())  # arrays of small arrays are slow to make
        while self._seconds[0] < seconds - self._span_s:
            self._seconds.popleft()
            self._values.popleft()

    def seconds(self) -> np.ndarray:
        """The seconds, oldest first: (m,); the same array until there is a new value."""
        return self._both()[0]

    def values(self) -> np.ndarray:
        """The values, oldest first: (m, d); the same array until there is a new value."""
        return self._both()[1]

    def _both(self) -> tuple[np.ndarray, np.ndarray]:
        if self._arrays is None:
            self._arrays = np.array(self._seconds), np.array(self._values)
        return self._arrays
