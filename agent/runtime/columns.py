"""Growing storage for a run of unknown length."""

import numpy as np


class Column:
    """One row a tick, filled in any order; what was never told stays at ``missing``.

    A row is a number, or a ``vector`` of the length of the first one that is told; the storage
    grows by doubling.
    """

    def __init__(self, dtype: str, missing: float = np.nan, vector: bool = False) -> None:
        self._dtype, self._missing, self._vector = dtype, missing, vector
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

    def rows(self, count: int, first: int = 0) -> np.ndarray:
        """Rows ``first`` to ``count``, exclusive; vectors of no length if there was never any."""
        wanted = max(0, count - first)
        shape = self._rows.shape[1:] if self._rows is not None else (0,) * self._vector
        rows = np.full((wanted, *shape), self._missing, self._dtype)
        if self._rows is not None:
            known = self._rows[first:count]
            rows[: len(known)] = known
        return rows


class Album:
    """Frames along a run, dense at its start, where most happens, and ever sparser; and the last.

    A run ten times as long costs nine more frames.
    """

    _LEAST_GAP = 6
    _GROWTH = 1.3

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: list[tuple[int, np.ndarray]] = []
        self._next = 0
        self._last: tuple[int, np.ndarray] | None = None

    def put(self, tick: int, image: np.ndarray) -> None:
        if tick < self._next:
            self._last = (tick, image)
            return
        self._kept.append((tick, image))
        self._last = None
        self._next = max(tick + self._LEAST_GAP, round(self._GROWTH * tick))

    def chosen(self) -> tuple[np.ndarray, np.ndarray]:
        """Up to ``size`` of the frames: their ticks int64 (F,), and uint8 (F, h, w, c)."""
        kept = self._kept + ([self._last] if self._last else [])
        places = np.linspace(0, len(kept) - 1, min(self._size, len(kept)))
        chosen = [kept[place] for place in np.round(places).astype(int)]
        ticks = np.array([tick for tick, _ in chosen], np.int64)
        return ticks, np.stack([image for _, image in chosen])
