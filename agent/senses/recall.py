"""The last ticks as the mind knew them, so that what is heard late still counts as if in time."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..graph.gaussian import Belief
from ..graph.precise import compiled
from .factors import Sense
from .fusion import fuse
from .places import Places
from .ticks import ROOM, Heard, Known, Look, Tick

_TICKS = 20  # that are kept

_fuse = compiled(fuse)


class Taken(NamedTuple):
    """``belief`` after a tick, and what it came from: the belief ``before``, whether it was
    ``first``, and how surprising the frame was."""

    before: Belief
    belief: Belief
    surprise: Float[Array, ""]
    first: bool


class Recall:
    """Filters frames and readings, and filters again from the tick that a late reading is of.

    A reading is of the first tick whose moment is at or after it. The belief after some hearings
    and steps is a function of what was heard before the last step, whatever the order it came in.
    In a tick the view counts first, then readings by their stamps, and by their sensors' names
    where these are equal; of more than 32 of one sensor some, evenly spread, are taken.
    """

    def __init__(
        self,
        senses: Mapping[str, Sense],
        places: Places,
        start: Belief,
        observe: Callable[..., tuple[Belief, Float[Array, ""]]],
        frames_late: int,
    ) -> None:
        """``observe(model, belief, view, control, first, seen)`` filters one view; ``start`` is the
        belief before the first; ``frames_late``: ticks by which views are late."""
        self._senses, self._places, self._start = dict(senses), places, start
        self._observe, self._frames_late = observe, frames_late
        self.late = 0
        self.clear()

    def clear(self) -> None:
        """The body begins anew."""
        still = {name: jnp.zeros((), jnp.int32) for name in self._senses}
        self._begun = Known(self._start, False, still)
        self._ticks: deque[Tick] = deque()
        self._full = False
        self._waiting: list[Heard] = []
        size = self._frames_late + 2
        self._stamps: deque[int | None] = deque([None] * size, size)

    def compile(self) -> None:
        """Compile what fusing needs."""
        for name, sense in self._senses.items():
            nothing = np.zeros(sense.shape, sense.dtype)
            self._fused(self._begun, name, [(nothing, 0.0)], alone=True)

    def hear(self, sensor: str, value: np.ndarray, stamp_ns: int) -> None:
        """Take in what ``sensor`` measured at ``stamp_ns``.

        What is of an unknown sensor, of another shape, or not finite is not taken; neither is what
        is older than the ticks that are kept, which counts as ``late``, nor what was measured
        before the body began.
        """
        sense = self._senses.get(sensor)
        value = np.asarray(value)
        if sense is None or value.shape != sense.shape or value.dtype.kind not in "fiu":
            return
        if sense.dtype == np.uint8 and value.dtype != np.uint8:
            return
        with np.errstate(over="ignore"):
            value = value.astype(sense.dtype)
        if not np.isfinite(value).all():
            return
        heard = Heard(int(stamp_ns), sensor, value)
        tick = next((tick for tick in self._ticks if tick.ended_by(heard.stamp_ns)), None)
        if tick is None:
            self._waiting.append(heard)
            if len(self._waiting) > ROOM:
                self._waiting = sorted(self._waiting, key=lambda each: each.order)[:ROOM]
        elif tick.began_by(heard.stamp_ns):
            tick.add(heard)
        elif self._full:
            self.late += 1

    def correct(self, belief: Belief) -> None:
        """Take ``belief`` for that after the newest tick."""
        if self._ticks and (after := self._ticks[-1].after):
            self._ticks[-1].after = replace(after, belief=belief)

    def step(self, look: Look, stamp_ns: int) -> Taken:
        """The belief after the view of a new tick, whose frame has ``stamp_ns``, and what was
        heard."""
        known = self._renewed()
        self._stamps.append(stamp_ns)
        tick = Tick(look, began_ns=self._stamps[0], ended_ns=self._stamps[1])
        waiting, self._waiting = self._waiting, []
        for heard in waiting:
            if not tick.ended_by(heard.stamp_ns):
                self._waiting.append(heard)
            elif tick.began_by(heard.stamp_ns):
                tick.add(heard)
        self._look(tick, known)
        self._listen(tick)
        self._ticks.append(tick)
        if len(self._ticks) > _TICKS:
            self._ticks.popleft()
            self._full = True
        assert tick.before is not None
        assert tick.after is not None
        return Taken(tick.before, tick.after.belief, tick.surprise, tick.first)

    def _renewed(self) -> Known:
        """What was known after the newest tick, with all that has been heard since."""
        known = None
        for tick in self._ticks:
            if known is not None:
                self._look(tick, known)
            if known is not None or tick.stale:
                self._listen(tick)
                known = tick.after
        last = self._ticks[-1].after if self._ticks else None
        return known or last or self._begun

    def _look(self, tick: Tick, known: Known) -> None:
        """Filter the view. Until something was told, nothing is predicted from the start."""
        look = tick.look
        tick.first = look.first or not known.told
        tick.before = self._start if tick.first else known.belief
        belief, tick.surprise = self._observe(
            look.model,
            tick.before,
            look.view,
            look.control,
            np.bool_(tick.first),
            np.bool_(look.seen),
        )
        told = look.seen or (known.told and not look.first)
        tick.seen = replace(known, belief=belief, told=told)

    def _listen(self, tick: Tick) -> None:
        """Fuse what was heard with what was seen."""
        assert tick.seen is not None
        known = tick.seen
        for sensor, group in groupby(tick.counted(), key=lambda each: each.sensor):
            readings = [(each.value, tick.age(each.stamp_ns)) for each in group]
            known = self._fused(known, sensor, readings, not tick.look.seen)
        tick.after, tick.stale = known, False

    def _fused(
        self, known: Known, sensor: str, readings: list[tuple[np.ndarray, float]], alone: bool
    ) -> Known:
        sense = self._senses[sensor]
        belief, strange = known.belief, known.strange[sensor]
        for chunk in _chunks(readings, sense.capacity):
            values = np.zeros((sense.capacity, *sense.shape), sense.dtype)
            ages = np.zeros(sense.capacity, np.float32)
            for place, (value, age) in enumerate(chunk):
                values[place], ages[place] = value, age
            live = np.arange(sense.capacity) < len(chunk)
            belief, strange = _fuse(
                sense,
                self._places,
                self._start,
                belief,
                strange,
                values,
                ages,
                live,
                np.bool_(alone),
            )
        return Known(belief, True, {**known.strange, sensor: strange})


def _chunks(items: list, size: int) -> Iterator[list]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
