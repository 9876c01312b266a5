"""Pushes by a person, and how long it takes to be back where the distance was before."""

from dataclasses import dataclass

import numpy as np

_BEFORE_S = 0.5  # that the distance before a push is the median of
_NEAR = 0.1  # of the way that the push led away
_LEAST = 0.05  # of the latent distance: less is no push that was felt
_SETTLED_S = 0.3  # that it has to stay near for
_TOLD_S = 6.0  # that a recovery is shown for


def recovery_s(
    seconds: np.ndarray, distance: np.ndarray, began_s: float, ended_s: float
) -> float | None:
    """Seconds from a push's end until the distance to the goal was near again that it had before.

    ``seconds``, ``distance`` ``(m,)``: the trace of the distance; the push lasted from ``began_s``
    to ``ended_s``. Near is within a tenth of the way that it led away, for 0.3 s. None while it is
    not, or where there is nothing to compare with; 0 where the push was not felt.
    """
    before = distance[(seconds > began_s - _BEFORE_S) & (seconds <= began_s)]
    since = seconds > began_s
    if not len(before) or not since.any():
        return None
    level = float(np.median(before))
    way = float(distance[since].max()) - level
    later = seconds >= ended_s
    if way < _LEAST * max(1.0, level):
        return 0.0 if later.any() and seconds[-1] - ended_s >= _SETTLED_S else None
    near = distance <= level + _NEAR * way
    peak_s = seconds[since][int(np.argmax(distance[since]))]
    first: float | None = None
    for moment, is_near in zip(seconds[later], near[later], strict=True):
        if not is_near or moment < peak_s:
            first = None
        elif first is None:
            first = float(moment)
        elif moment - first >= _SETTLED_S:
            return first - ended_s
    return None


@dataclass
class Pushes:
    """The last push: from ``began_s`` to ``ended_s``, seconds of the body; ``recovered_s`` after
    that it was back."""

    began_s: float | None = None
    ended_s: float | None = None
    recovered_s: float | None = None
    _known_s: float = 0.0

    def push(self, now_s: float) -> None:
        """A push acts now; one that follows another within 0.3 s goes on from it."""
        if self.ended_s is None or now_s - self.ended_s > _SETTLED_S:
            self.began_s = now_s
        self.ended_s, self.recovered_s = now_s, None

    def look(self, seconds: np.ndarray, distance: np.ndarray) -> None:
        """Judge from the distance's trace (m,), (m, 1), whether it is back."""
        if self.began_s is None or self.ended_s is None or self.recovered_s is not None:
            return
        self.recovered_s = recovery_s(seconds, distance[:, 0], self.began_s, self.ended_s)
        self._known_s = float(seconds[-1])

    def words(self, now_s: float) -> str:
        """What there is to say of the last push."""
        if self.ended_s is None:
            return ""
        if self.recovered_s is None:
            return f"recovering … {max(0.0, now_s - self.ended_s):.1f} s"
        if now_s - self._known_s > _TOLD_S:
            return ""
        return f"recovered in {self.recovered_s:.1f} s" if self.recovered_s else "it held"
