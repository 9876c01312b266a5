"""One tick as the mind knew it: what was seen and heard, and what was believed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array

from ..graph.gaussian import Belief
from ..model import Model

_TOGETHER = 0.02  # of the time between two frames: what is later by less is of the same moment
_MOST = 32  # readings of one sensor that count in one tick
ROOM = 1024
"""Readings that are kept for one tick, or for ticks to come."""


class Look(NamedTuple):
    """What a tick began with: ``model``, ``view``, the ``control`` ``(p,)`` that led to it, whether
    it is ``first``, so that no control did, and whether the view was ``seen``."""

    model: Model
    view: np.ndarray
    control: np.ndarray
    first: bool
    seen: bool


class Heard(NamedTuple):
    stamp_ns: int
    sensor: str
    value: np.ndarray

    @property
    def order(self) -> tuple[int, str, bytes]:
        return self.stamp_ns, self.sensor, self.value.tobytes()


@dataclass(frozen=True)
class Known:
    """``belief``; whether it was ``told`` anything since the body began; how many readings of each
    sensor in a row were ``strange`` to it."""

    belief: Belief
    told: bool
    strange: Mapping[str, Array]


@dataclass
class Tick:
    """One tick: its moment is ``ended_ns``, that of the tick before ``began_ns``; None where there
    was none. ``stale``: something was heard that ``after`` does not know of."""

    look: Look
    began_ns: int | None
    ended_ns: int | None
    before: Belief | None = None
    seen: Known | None = None
    after: Known | None = None
    surprise: Any = None
    first: bool = False
    heard: list[Heard] = field(default_factory=list)
    stale: bool = True

    def ended_by(self, stamp_ns: int) -> bool:
        """Whether what was measured at ``stamp_ns`` is of this tick, or of one before."""
        return self.ended_ns is not None and stamp_ns <= self.ended_ns + _TOGETHER * self.lasted_ns

    @property
    def lasted_ns(self) -> int:
        if self.began_ns is None or self.ended_ns is None:
            return 0
        return max(self.ended_ns - self.began_ns, 0)

    def age(self, stamp_ns: int) -> float:
        """The part of the tick from ``stamp_ns`` to its end."""
        if not self.lasted_ns or self.ended_ns is None:
            return 0.0
        return min(max((self.ended_ns - stamp_ns) / self.lasted_ns, 0.0), 1.0)

    def began_by(self, stamp_ns: int) -> bool:
        """Whether what was measured at ``stamp_ns`` is of this tick, or of one after."""
        if self.began_ns is None:
            return self.ended_ns is not None and stamp_ns >= self.ended_ns
        return stamp_ns > self.began_ns

    def add(self, heard: Heard) -> None:
        """Take in what is of this tick; there is room for so many."""
        if len(self.heard) < ROOM:
            self.heard.append(heard)
            self.stale = True

    def counted(self) -> list[Heard]:
        """Of each sensor at most so many readings as count, all in their order."""
        ordered = sorted(self.heard, key=lambda each: each.order)
        kept: list[Heard] = []
        for sensor in {each.sensor for each in ordered}:
            own = [each for each in ordered if each.sensor == sensor]
            if len(own) > _MOST:
                own = [own[i] for i in np.linspace(0, len(own) - 1, _MOST).round().astype(int)]
            kept += own
        return sorted(kept, key=lambda each: each.order)
