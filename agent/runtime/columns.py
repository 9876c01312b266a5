"""Growing storage for a run of unknown length."""

import numpy as np


class Column:
    """One row a tick, filled in any order; what was never told stays at ``missing``.

    Rows take the shape of the first one that is told; the storage grows by doubling.
    """

    def __init__(self, dtype: str, missing: float = np.nan) -> None:
        self._dtype, self._missing = dtype, missing
        self._rows: np.ndarray | None = None
        self._told = np.zeros(0, dtype=bool)

    def put(self, tick: int, value: np.ndarray | float) -> None:
        rows = self._rows
        if rows is None:
            rows = np.empty((0, *np.shape(value)), self._dtype)
        if tick >= len(rows):
            fresh = max(tick + 1, 2 * len(rows), 1024) - len(rows)
            more = np.full((fresh, *rows.shape[1:]), self._missing, self._dtype)
            rows = np.concatenate([rows, more])
            self._told = np.concatenate([self._told, np.zeros(fresh, dtype=bool)])
        rows[tick] = value
        self._rows = rows
        self._told[tick] = True

    def has(self, tick: int) -> bool:
        return tick < len(self._told) and bool(self._told[tick])

    def rows(self, count: int) -> np.ndarray:
        """The first ``count`` rows; ``(count, 0)`` if there was never any."""
        if self._rows is None:
            return np.empty((count, 0), self._dtype)
        short = max(0, count - len(self._rows))
        rows = self._rows[:count]
        if short:
            pad = np.full((short, *rows.shape[1:]), self._missing, self._dtype)
            rows = np.concatenate([rows, pad])
        return rows.copy()


class Album:
    """At least ``size`` frames spread evenly over a run, and at most twice as many."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._every = 1
        self._kept: list[tuple[int, np.ndarray]] = []

    def put(self, tick: int, image: np.ndarray) -> None:
        if tick % self._every:
            return
        self._kept.append((tick, image))
        if len(self._kept) > 2 * self._size:
            self._every *= 2
            self._kept = [(tick, image) for tick, image in self._kept if tick % self._every == 0]

    def chosen(self) -> tuple[np.ndarray, np.ndarray]:
        """Up to ``size`` of the frames: their ticks int64 (F,), and uint8 (F, h, w, c)."""
        places = np.linspace(0, len(self._kept) - 1, min(self._size, len(self._kept)))
        chosen = [self._kept[place] for place in np.round(places).astype(int)]
        ticks = np.array([tick for tick, _ in chosen], np.int64)
        return ticks, np.stack([image for _, image in chosen])
