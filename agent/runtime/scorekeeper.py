"""Keeps score of a run from its streams: a few numbers a tick, and a dozen frames."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

from ...configs.settings import Settings
from ...envs import Goal
from ...transport import messages
from ...transport.messages import FIRST_EPOCH, Header, Health, Message
from ..evaluation.score import Score, score_errors
from .attendance import Attendance
from .columns import Album, Column
from .fault import Fault
from .record import RunRecord
from .summary import Interruption, Percentiles, Spread, Summary
from .timeline import Timeline

_FRAMES = 12
_LAST = 200  # ticks that the status is about


class Scorekeeper:
    """Takes every message of a run, in whatever order the streams deliver them."""

    def __init__(self, settings: Settings, goal: Goal, period_s: float) -> None:
        """``period_s`` is the body's own time between two frames."""
        self._settings, self._goal, self._period_s = settings, goal, period_s
        self.timeline = Timeline()
        self._epoch = FIRST_EPOCH
        self._album = Album(_FRAMES)
        self._angle = Column("float64")
        self._control = Column("float32", vector=True)
        self._mean = Column("float32", vector=True)
        self._std = Column("float32", vector=True)
        self._distance, self._surprise = Column("float32"), Column("float32")
        self._free_energy = Column("float32")
        self.attendance = Attendance()

    def take(self, header: Header, message: Message) -> None:
        """Note what a message says about its tick."""
        tick = header.tick
        self.timeline.take(header, message)
        match message:
            case messages.Frame():
                self._control.put(tick, message.control)
                self._album.put(tick, message.image)
            case messages.Truth():
                self._angle.put(tick, message.state[0])
            case messages.Plan():
                self._free_energy.put(tick, message.free_energy)
            case messages.Belief():
                self._epoch = max(self._epoch, header.epoch)
                self._mean.put(tick, message.mean)
                self._std.put(tick, message.std)
                self._distance.put(tick, message.distance)
                self._surprise.put(tick, message.surprise)
            case messages.Peer():
                self.attendance.take(message)

    @property
    def begun(self) -> bool:
        """Whether there was any frame."""
        return self.timeline.count > 0

    def complete(self) -> bool:
        """Whether all that follows from the last frame has arrived."""
        last = self.timeline.count - 1
        expected = [self._distance] + [self._angle] * self._settings.run.score
        planned = self.begun and self.timeline.has_plan(last)
        return planned and all(column.has(last) for column in expected)

    def record(self) -> RunRecord:
        """The run so far, which has :attr:`begun`."""
        count = self.timeline.count
        frame_ticks, frames = self._album.chosen()
        ticks = np.arange(count)
        error = self._goal.errors(self._angle.rows(count)) if self._scored else None
        return RunRecord(
            ticks=ticks,
            time_s=ticks * self._period_s,
            error_rad=error,
            control=self._control.rows(count),
            origin=self.timeline.origins(),
            mean=self._mean.rows(count),
            std=self._std.rows(count),
            distance=self._distance.rows(count),
            surprise=self._surprise.rows(count),
            free_energy=self._free_energy.rows(count),
            frame_ticks=frame_ticks,
            frames=frames,
            goal=self._goal.image,
        )

    def status(self) -> dict[str, Any]:
        """How the run goes, over its last ticks, as JSON takes it."""
        count = self.timeline.count
        stages = self.timeline.stages(_LAST)

        def newest(column: Column) -> float | None:
            last = column.rows(count, max(0, count - _LAST))
            known = last[np.isfinite(last)]
            return float(known[-1]) if known.size else None

        return {
            "tick": count - 1,
            "last": len(stages.total),
            "rate_hz": self.timeline.rate_hz(_LAST),
            "goal": self._goal.name if self._epoch == FIRST_EPOCH else f"number {self._epoch}",
            "distance": newest(self._distance),
            "surprise": newest(self._surprise),
            "free_energy": newest(self._free_energy),
            "stages_ms": {name: asdict(Spread.of(each)) for name, each in stages._asdict().items()},
            "misses": self.timeline.misses(_LAST),
            "missed": sum(self.timeline.misses().values()),
            "peers": self.attendance.plain(),
        }

    def summary(self, healths: Iterable[Health], faults: Iterable[Fault] = ()) -> Summary:
        """The figures of the run so far, with the counts of the processes' last ``healths``, and
        the ``faults`` that befell them."""
        healths, faults = list(healths), list(faults)
        run, count = self._settings.run, self.timeline.count
        scored = self._score()
        distance = self._distance.rows(count)
        known = distance[np.isfinite(distance)]
        stages, misses = self.timeline.stages(), self.timeline.misses()
        rhythm = self.timeline.rhythm()
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
            frame_to_command_ms=Percentiles.of(self.timeline.frame_to_command_ms()),
            filter_ms=Percentiles.of(stages.filter),
            plan_ms=Percentiles.of(stages.plan),
            stages_ms={name: Spread.of(each) for name, each in stages._asdict().items()},
            step_periods=None if np.isnan(rhythm.mean) else rhythm,
            missed_deadlines=sum(misses.values()),
            misses=misses,
            late_plans=sum(health.late_plans for health in healths),
            stale_plans=sum(health.stale_plans for health in healths),
            invalid_plans=sum(health.invalid_plans for health in healths),
            dropped_frames=sum(health.dropped_frames for health in healths),
            malformed=sum(health.malformed for health in healths),
            restarts=sum(len(fault.replaced_ns) for fault in faults),
            faults=[Interruption.of(fault) for fault in faults],
            first_command_ns=self.timeline.first_command_ns(),
            clock=run.clock,
            rate_hz=run.rate_hz,
            seed=run.seed,
        )

    @property
    def _scored(self) -> bool:
        return self._angle.has(0) and self._epoch == FIRST_EPOCH

    def _score(self) -> Score | None:
        angles = self._angle.rows(self.timeline.count)
        known = angles[~np.isnan(angles)]  # the last may be under way when the user stops
        errors = self._goal.errors(known) if self._scored else None
        if errors is None:
            return None
        return score_errors(errors, self._period_s, self._settings.run.tolerance_rad)
