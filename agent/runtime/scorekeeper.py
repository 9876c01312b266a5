"""Keeps score of a run from its streams: a few numbers a tick, and a dozen frames."""

from collections.abc import Iterable

import numpy as np

from ...configs.settings import Settings
from ...envs import Goal
from ...transport import messages
from ...transport.clock import NS_PER_MS
from ...transport.messages import FIRST_EPOCH, Header, Health, Message
from ..evaluation.score import Score, angle_error, score
from .columns import Album, Column
from .fault import Fault
from .record import RunRecord
from .summary import Interruption, Percentiles, Summary

_FRAMES = 12


class Scorekeeper:
    """Takes every message of a run, in whatever order the streams deliver them."""

    def __init__(self, settings: Settings, goal: Goal, period_s: float) -> None:
        """``period_s`` is the body's own time between two frames."""
        self._settings, self._goal, self._period_s = settings, goal, period_s
        self._count = 0
        self._epoch = FIRST_EPOCH
        self._album = Album(_FRAMES)
        self._angle = Column("float64")
        self._frame_stamp, self._command_stamp = Column("float64"), Column("float64")
        self._control = Column("float32", vector=True)
        self._origin = Column("uint8", missing=messages.Origin.SAFE)
        self._mean = Column("float32", vector=True)
        self._std = Column("float32", vector=True)
        self._distance, self._surprise = Column("float32"), Column("float32")
        self._filter_ms, self._plan_ms = Column("float32"), Column("float32")
        self._free_energy = Column("float32")

    def take(self, header: Header, message: Message) -> None:
        """Note what a message says about its tick."""
        tick = header.tick
        match message:
            case messages.Frame():
                self._count = max(self._count, tick + 1)
                self._frame_stamp.put(tick, header.stamp_ns)
                self._control.put(tick, message.control)
                self._album.put(tick, message.image)
            case messages.Truth():
                self._angle.put(tick, message.state[0])
            case messages.Command():
                self._command_stamp.put(tick, header.stamp_ns)
                self._origin.put(tick, message.origin)
            case messages.Plan():
                self._filter_ms.put(tick, message.filter_ms)
                self._plan_ms.put(tick, message.plan_ms)
                self._free_energy.put(tick, message.free_energy)
            case messages.Belief():
                self._epoch = max(self._epoch, header.epoch)
                self._mean.put(tick, message.mean)
                self._std.put(tick, message.std)
                self._distance.put(tick, message.distance)
                self._surprise.put(tick, message.surprise)

    @property
    def begun(self) -> bool:
        """Whether there was any frame."""
        return self._count > 0

    def complete(self) -> bool:
        """Whether all that follows from the last frame has arrived."""
        last = self._count - 1
        expected = [self._plan_ms, self._distance] + [self._angle] * self._settings.run.score
        return self.begun and all(column.has(last) for column in expected)

    def record(self) -> RunRecord:
        """The run so far, which has :attr:`begun`."""
        count = self._count
        frame_ticks, frames = self._album.chosen()
        ticks = np.arange(count)
        angle = self._goal.angle
        error = None
        if self._scored and angle is not None:
            error = angle_error(self._angle.rows(count), angle)
        return RunRecord(
            ticks=ticks,
            time_s=ticks * self._period_s,
            error_rad=error,
            control=self._control.rows(count),
            origin=self._origin.rows(count),
            mean=self._mean.rows(count),
            std=self._std.rows(count),
            distance=self._distance.rows(count),
            surprise=self._surprise.rows(count),
            free_energy=self._free_energy.rows(count),
            frame_ticks=frame_ticks,
            frames=frames,
            goal=self._goal.image,
        )

    def summary(self, healths: Iterable[Health], faults: Iterable[Fault] = ()) -> Summary:
        """The figures of the run so far, with the counts of the processes' last ``healths``, and
        the ``faults`` that befell them."""
        healths, faults = list(healths), list(faults)
        run, count = self._settings.run, self._count
        scored = self._score()
        distance = self._distance.rows(count)
        known = distance[np.isfinite(distance)]
        latency_ns = self._command_stamp.rows(count)[1:] - self._frame_stamp.rows(count)[:-1]
        unseen = int(np.isnan(self._frame_stamp.rows(count)).sum())
        from_plan = self._origin.rows(count)[1:] == messages.Origin.PLAN
        return Summary(
            ticks=count - 1,
            goal=self._goal.name,
            goal_can_be_held=self._goal.can_be_held,
            goals=1 + self._epoch - FIRST_EPOCH,
            reached=scored and scored.reached,
            held=scored and scored.held,
            steps_to_reach=scored and scored.steps_to_reach,
            mean_error=scored and scored.mean_error,
            final_error=scored and scored.final_error,
            max_error_last_10s=scored and scored.max_error_last_10s,
            mean_distance=float(known.mean()) if known.size else None,
            final_distance=float(known[-1]) if known.size else None,
            frame_to_command_ms=Percentiles.of(latency_ns[from_plan] / NS_PER_MS),
            filter_ms=Percentiles.of(self._filter_ms.rows(count)),
            plan_ms=Percentiles.of(self._plan_ms.rows(count)),
            missed_deadlines=unseen + sum(health.missed_deadlines for health in healths),
            late_plans=sum(health.late_plans for health in healths),
            stale_plans=sum(health.stale_plans for health in healths),
            invalid_plans=sum(health.invalid_plans for health in healths),
            dropped_frames=sum(health.dropped_frames for health in healths),
            malformed=sum(health.malformed for health in healths),
            restarts=sum(len(fault.replaced_ns) for fault in faults),
            faults=[Interruption.of(fault) for fault in faults],
            first_command_ns=self._first_command_ns(),
            clock=run.clock,
            rate_hz=run.rate_hz,
            seed=run.seed,
        )

    @property
    def _scored(self) -> bool:
        return self._angle.has(0) and self._epoch == FIRST_EPOCH

    def _first_command_ns(self) -> int | None:
        stamps = self._command_stamp.rows(self._count)
        known = stamps[~np.isnan(stamps)]
        return int(known[0]) if known.size else None

    def _score(self) -> Score | None:
        angle = self._goal.angle
        if not self._scored or angle is None:
            return None
        angles = self._angle.rows(self._count)
        known = angles[~np.isnan(angles)]  # the last may be under way when the user stops
        return score(known, angle, self._period_s, self._settings.run.tolerance_rad)
