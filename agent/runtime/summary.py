"""The figures of a run that a user reads, on the terminal and as JSON."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .fault import Fault
from .timeline import Rhythm


@dataclass(frozen=True)
class Percentiles:
    """Median and 99th percentile; None where nothing was measured."""

    p50: float | None
    p99: float | None

    @staticmethod
    def of(values: np.ndarray) -> "Percentiles":
        """Of ``values`` (n,), those that are NaN apart."""
        known = values[~np.isnan(values)]
        if known.size == 0:
            return Percentiles(None, None)
        p50, p99 = np.percentile(known, [50, 99])
        return Percentiles(float(p50), float(p99))


@dataclass(frozen=True)
class Spread:
    """Median, 99th percentile and largest; None where nothing was measured."""

    p50: float | None
    p99: float | None
    max: float | None

    @staticmethod
    def of(values: np.ndarray) -> "Spread":
        """Of ``values`` (n,), those that are NaN apart."""
        middle = Percentiles.of(values)
        largest = None if middle.p50 is None else float(np.nanmax(values))
        return Spread(middle.p50, middle.p99, largest)


@dataclass(frozen=True)
class Interruption:
    """A process that was lost: when this was found (monotonic), at which tick of the run, why, and
    the seconds until another did its work; None where none did."""

    process: str
    tick: int
    lost_ns: int
    what: str
    back_after_s: float | None

    @staticmethod
    def of(fault: Fault) -> "Interruption":
        return Interruption(
            fault.process, fault.tick, fault.lost_ns, fault.what, fault.back_after_s
        )


@dataclass(frozen=True)
class Summary:
    """A run in figures. Errors are radians of the true angle, for scoring only; they are None in
    a run that was not scored, and in one whose goal was changed on the way.

    ``stages_ms``, ``step_periods`` and ``misses`` are those of :class:`.timeline.Timeline`;
    ``frame_to_command_ms`` is from the end of a frame's render to the command that its plan gave;
    ``missed_deadlines`` counts the ticks that were not given one, those whose step began more than
    a tenth of a period late, and those that the body did not see. ``goals`` counts the goals that
    were set, the first included. ``faults`` are the processes that were lost on the way.
    ``first_command_ns`` is the moment of the first command on the host's monotonic clock.
    """

    ticks: int
    goal: str
    goal_can_be_held: bool | None
    goals: int
    reached: bool | None
    held: bool | None
    steps_to_reach: int | None
    mean_error: float | None
    final_error: float | None
    max_error_last_10s: float | None
    mean_distance: float | None
    final_distance: float | None
    frame_to_command_ms: Percentiles
    filter_ms: Percentiles
    plan_ms: Percentiles
    stages_ms: dict[str, Spread]
    step_periods: Rhythm | None
    missed_deadlines: int
    misses: dict[str, int]
    late_plans: int
    stale_plans: int
    invalid_plans: int
    dropped_frames: int
    malformed: int
    restarts: int
    faults: list[Interruption]
    first_command_ns: int | None
    clock: str
    rate_hz: float
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        rhythm = self.step_periods and self.step_periods._asdict()
        return asdict(self) | {"step_periods": rhythm}
