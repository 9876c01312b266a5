"""What blows have done to a run, from its recording and its figures: the work behind chaos.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jopa_agent.agent.runs.recorded import RecordedRun
from jopa_agent.transport.clock import NS_PER_S
from jopa_agent.transport.messages import Belief, Command, Frame, Origin

UPRIGHT = 0.15  # latent distance
STREAMS = ("frame", "command", "belief")


@dataclass(frozen=True)
class Blow:
    """What a process was dealt, and when (monotonic)."""

    process: str
    what: str
    moment_ns: int


@dataclass(frozen=True)
class Row:
    """The worst of some ``tries``: seconds until controls from before no longer acted (``safe``),
    until another process did the work (``back``), and until the body was at its goal again
    (``upright``); ``lost`` says what was not recorded."""

    what: str
    tries: int
    safe: float | None
    back: float | None
    upright: float | None
    lost: str

    @staticmethod
    def of_run(what: str, summary: dict[str, Any] | None, lost: str) -> "Row":
        """Of a run of which only the figures are left; none where it has ended before its time."""
        if summary is None:
            return Row(f"{what}: the run ended", 1, None, None, None, lost)
        missed = f"{summary['missed_deadlines']} of {summary['ticks']} deadlines missed"
        held = "held" if summary["held"] else "not held"
        return Row(f"{what}: {held}, {missed}", 1, None, None, None, lost)


class Course:
    """A recorded run: when each tick's step began, what acted in it, and how far the goal was."""

    def __init__(self, out: Path) -> None:
        run = RecordedRun(out)
        self.applied: dict[int, int] = {}
        self._commands: dict[int, tuple[Origin, int]] = {}
        away: list[tuple[int, float]] = []
        for recorded in run.messages(STREAMS):
            tick = recorded.header.tick
            match recorded.message:
                case Frame(applied_ns=applied_ns):
                    self.applied[tick] = applied_ns
                case Command(origin=origin, frame_stamp_ns=stamp_ns):
                    self._commands[tick] = origin, stamp_ns
                case Belief(distance=distance):
                    away.append((recorded.header.stamp_ns, distance))
        stamps, distances = zip(*away, strict=True)
        self._stamps, self._distances = np.array(stamps), np.array(distances)
        self.ended_ns = int(self._stamps[-1])

    def safe_after_s(self, begin_ns: int, end_ns: int) -> float:
        """Until the last step in which a plan from before ``begin_ns`` acted."""
        late = [
            self.applied[tick] - begin_ns
            for tick, (origin, stamp_ns) in self._commands.items()
            if origin is not Origin.SAFE and stamp_ns < begin_ns <= self.applied.get(tick, 0)
            if self.applied[tick] <= end_ns
        ]
        return max(late, default=0) / NS_PER_S

    def upright_after_s(self, begin_ns: int, end_ns: int) -> float:
        """Until the body was at its goal for good; infinite where it was not."""
        within = (self._stamps > begin_ns) & (self._stamps <= end_ns)
        if not within.any() or self._distances[within][-1] > UPRIGHT:
            return float("inf")
        wrong = np.flatnonzero(within & (self._distances > UPRIGHT))
        return float(self._stamps[wrong[-1]] - begin_ns) / NS_PER_S if len(wrong) else 0.0

    def lost_frames(self, begin_ns: int, end_ns: int) -> int:
        """Frames that are not in the recording, in gaps that ended within the span: what a recorder
        loses with its life is older than the blow."""
        ticks = sorted(self.applied)
        return sum(
            tick - before - 1
            for before, tick in pairwise(ticks)
            if begin_ns < self.applied[tick] <= end_ns
        )


def figures(
    out: Path, blows: Sequence[Blow], faults: Sequence[dict[str, Any]]
) -> tuple[list[Row], int]:
    """A row for each kind of blow, and how many ``faults`` none of them explains."""
    course, left = Course(out), sorted(faults, key=lambda fault: fault["lost_ns"])
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    for number, blow in enumerate(blows):
        end_ns = blows[number + 1].moment_ns if number + 1 < len(blows) else course.ended_ns
        own = [
            fault
            for fault in left
            if fault["process"] == blow.process and blow.moment_ns <= fault["lost_ns"] <= end_ns
        ]
        back = 0.0
        for fault in own:
            left.remove(fault)
            took = fault["back_after_s"]
            lost = (fault["lost_ns"] - blow.moment_ns) / NS_PER_S
            back = max(back, float("inf") if took is None else lost + took)
        found.setdefault(f"{blow.process}, {blow.what}", []).append(
            (
                course.safe_after_s(blow.moment_ns, end_ns),
                back,
                course.upright_after_s(blow.moment_ns, end_ns),
                course.lost_frames(blow.moment_ns, end_ns),
            )
        )
    rows = []
    for what, values in sorted(found.items()):
        safe, back, upright, lost = (max(column) for column in zip(*values, strict=True))
        rows.append(Row(what, len(values), safe, back, upright, f"{lost:.0f} frames"))
    return rows, len(left)


def show(rows: Sequence[Row]) -> None:
    """Print the table, as Markdown has it."""
    print("| fault | tries | old controls act for, s | back, s | upright, s | not recorded |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        numbers = (row.safe, row.back, row.upright)
        cells = ("" if number is None else f"{number:.2f}" for number in numbers)
        print(f"| {row.what} | {row.tries} | {' | '.join(cells)} | {row.lost} |")
