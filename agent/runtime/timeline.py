"""When each frame was captured, received, filtered, planned for, and when its control acted.

Frame ``k`` is captured right after step ``k``; the control that it leads to is due in step ``k+1``.
All moments are on the host's monotonic clock.
"""

from typing import NamedTuple

import numpy as np

from ...transport.clock import NS_PER_MS, NS_PER_S, Clock
from ...transport.messages import Command, Do, Frame, Header, Message, Order, Origin, Pace, Plan
from .columns import Column

LATE_FRACTION = 0.1
"""Of a period: a step that begins later than this has missed its deadline."""


class Stages(NamedTuple):
    """Durations in ms ``(n,)`` of the parts of each tick's way, NaN where it was not gone to its
    end: ``wire`` from capture until inference takes the frame up, ``filter``, ``plan``, ``settle``
    until the command is sent, ``hold`` until it acts, and ``total`` of it all."""

    wire: np.ndarray
    filter: np.ndarray
    plan: np.ndarray
    settle: np.ndarray
    hold: np.ndarray
    total: np.ndarray


class Rhythm(NamedTuple):
    """Mean and standard deviation of the time between two steps, in periods."""

    mean: float
    std: float


class Timeline:
    """Takes frames, plans and commands, in whatever order they arrive."""

    def __init__(self) -> None:
        self.count = 0
        self._clock: Clock | None = None
        self._paces: list[tuple[int, int, int]] = [
            (0, 0, 1)
        ]  # from which tick on: t0_ns, period_ns
        self._wanted: list[tuple[int, bool]] = []  # from when on plans are wanted, or not
        self._captured, self._applied = Column("float64"), Column("float64")
        self._received, self._sent = Column("float64"), Column("float64")
        self._filter_ms, self._plan_ms = Column("float32"), Column("float32")
        self._origin = Column("uint8", missing=Origin.SAFE)

    def begin(self, clock: Clock) -> None:
        """Know the deadlines."""
        self._clock = clock
        self._paces = [(0, clock.t0_ns, clock.period_ns)]

    def take(self, header: Header, message: Message) -> None:
        """Note what a message says about its tick."""
        tick = header.tick
        match message:
            case Frame():
                self.count = max(self.count, tick + 1)
                self._captured.put(tick, header.stamp_ns)
                self._applied.put(tick, message.applied_ns)
            case Plan():
                self._received.put(tick, message.received_ns)
                self._filter_ms.put(tick, message.filter_ms)
                self._plan_ms.put(tick, message.plan_ms)
            case Command():
                self._sent.put(tick, header.stamp_ns)
                self._origin.put(tick, message.origin)
            case Pace():
                self._paces.append((tick, message.t0_ns, message.period_ns))
            case Order(what=Do.PLANNER, value=value):
                self._wanted.append((header.stamp_ns, value > 0))

    def has_plan(self, tick: int) -> bool:
        return self._plan_ms.has(tick)

    def origins(self) -> np.ndarray:
        """Where the control of each tick came from, uint8 ``(count,)``."""
        return self._origin.rows(self.count)

    def rate_hz(self, last: int) -> float | None:
        """Frames a second over the ``last`` ticks; None before there are two."""
        first = max(0, self.count - last)
        stamps = self._captured.rows(self.count, first)
        known = np.flatnonzero(~np.isnan(stamps))
        if len(known) < 2 or stamps[known[-1]] <= stamps[known[0]]:
            return None
        return float((len(known) - 1) * NS_PER_S / (stamps[known[-1]] - stamps[known[0]]))

    def first_command_ns(self) -> int | None:
        """The moment of the first command."""
        stamps = self._sent.rows(self.count)
        known = stamps[~np.isnan(stamps)]
        return int(known[0]) if known.size else None

    def stages(self, last: int | None = None) -> Stages:
        """Of the ``last`` ticks, or of all. What the plan made for a tick led to, and no other."""
        first = 1 if last is None else max(1, self.count - last)
        captured, received, filtered, planned = (
            column.rows(self.count - 1, first - 1)
            for column in (self._captured, self._received, self._filter_ms, self._plan_ms)
        )
        sent, applied, origin = (
            column.rows(self.count, first) for column in (self._sent, self._applied, self._origin)
        )
        _, _, pace = self._deadlines(first - 1)
        on_its_way = np.diff(pace) == 0  # a pause is no part of it
        fresh = np.where((origin == Origin.PLAN) & on_its_way, 1.0, np.nan)
        wire = (received - captured) / NS_PER_MS
        until_sent, total = (sent - captured) / NS_PER_MS, (applied - captured) / NS_PER_MS
        return Stages(
            wire=wire,
            filter=filtered,
            plan=planned,
            settle=(until_sent - wire - filtered - planned) * fresh,
            hold=(total - until_sent) * fresh,
            total=total * fresh,
        )

    def rhythm(self) -> Rhythm:
        """How even the steps of the body are in real time; NaN before there are two in a row."""
        if not (self._clock and self._clock.realtime):
            return Rhythm(float("nan"), float("nan"))
        _, period_ns, pace = self._deadlines(1)
        periods = np.diff(self._applied.rows(self.count, 1)) / period_ns[1:]
        known = periods[~np.isnan(periods) & (np.diff(pace) == 0)]
        if known.size == 0:
            return Rhythm(float("nan"), float("nan"))
        return Rhythm(float(known.mean()), float(known.std()))

    def frame_to_command_ms(self) -> np.ndarray:
        """From each frame to the command that its plan gave, ``(n,)``."""
        stages = self.stages()
        return stages.wire + stages.filter + stages.plan + stages.settle

    def misses(self, last: int | None = None) -> dict[str, int]:
        """Ticks that missed their deadline, by cause, among the ``last`` ones, or all:
        ``no frame`` (the body was not stepped), ``late step``, ``no command``, ``no plan`` and
        ``late plan`` (not there in time)."""
        first = 1 if last is None else max(1, self.count - last)
        applied, sent, origin = (
            column.rows(self.count, first) for column in (self._applied, self._sent, self._origin)
        )
        planned = ~np.isnan(self._plan_ms.rows(self.count - 1, first - 1))
        seen, told = ~np.isnan(applied), ~np.isnan(sent)
        late = np.zeros(len(applied), bool)
        if self._clock and self._clock.realtime:
            due_ns, period_ns, _ = self._deadlines(first)
            late = seen & (applied - due_ns > LATE_FRACTION * period_ns)
        captured = self._captured.rows(self.count - 1, first - 1)
        wanted = self._plans_wanted(captured) & self._plans_wanted(sent)
        stale = seen & ~late & told & (origin != Origin.PLAN) & wanted
        return {
            "no frame": int((~seen).sum()),
            "late step": int(late.sum()),
            "no command": int((seen & ~late & ~told).sum()),
            "no plan": int((stale & ~planned).sum()),
            "late plan": int((stale & planned).sum()),
        }

    def _deadlines(self, first: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of the ticks from ``first`` on: deadline, period, and which pace was theirs."""
        ticks = np.arange(first, self.count)
        begins = np.array([tick for tick, *_ in self._paces])
        pace = np.searchsorted(np.maximum.accumulate(begins), ticks, "right") - 1
        t0_ns, period_ns = np.array([each[1:] for each in self._paces], np.int64)[pace].T
        return t0_ns + ticks * period_ns, period_ns, pace

    def _plans_wanted(self, sent: np.ndarray) -> np.ndarray:
        """Whether plans were to be played when commands were ``sent``."""
        moments = [moment for moment, _ in self._wanted]
        wanted = np.array([True] + [wanted for _, wanted in self._wanted])
        return wanted[np.searchsorted(moments, sent, "right")]
