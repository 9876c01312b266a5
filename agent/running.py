"""What a run says before it begins, and what it leaves when it is over."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from threading import Timer

from ..configs.settings import Settings
from ..envs import BodySpec, Goal
from .output import OutputError, write_json
from .prepare import prepare
from .runs.launch import Launch
from .runtime import supervisor
from .runtime.summary import Percentiles, Summary
from .viewer.display import display_available

# From the start to the import of what draws the picture, which is slow: it is done neither while
# the processes start nor after Ctrl-C.
_DRAWING_S = 5.0


def run(settings: Settings, model: Path, out: Path, json_file: Path | None) -> None:
    """Run the agent, print the summary, and save figures and picture; see :mod:`.supervisor`."""
    launch, goal = _prepare(settings, model)
    if goal.can_be_held is False:
        _say(
            f"goal {goal.name}: to rest there takes {goal.holding_effort:.1f} times the control's "
            "limit; the agent will pass it as near as it can"
        )
    drawing = Timer(_DRAWING_S, import_module, args=(".runtime.report", __package__))
    drawing.start()
    try:
        summary, record, unwritten = supervisor.run(launch, goal, out)
    finally:
        drawing.cancel()
    for line in _lines(summary, goal.unit):
        print(line)
    if json_file:
        write_json(summary.as_dict(), json_file)
    if unwritten:
        raise unwritten
    tolerance_rad = settings.run.tolerance_rad
    _save_picture(summary, record, out / "run.png", launch.body, tolerance_rad, goal.unit)
    print(f"picture, figures and settings: {out}")


def _prepare(settings: Settings, model: Path) -> tuple[Launch, Goal]:
    """What the run begins with; the display is looked for meanwhile, and where there is none the
    run goes without a window."""
    with ThreadPoolExecutor(1) as pool:
        display = None if settings.run.headless else pool.submit(display_available)
        launch, goal = prepare(settings, model)
    if display is None or display.result():
        return launch, goal
    _say("no display found: running without a window")
    run = settings.run.model_copy(update={"headless": True})
    return replace(launch, settings=settings.model_copy(update={"run": run})), goal


def _save_picture(
    summary, record, path: Path, body: BodySpec, tolerance_rad: float, unit: str
) -> None:
    from .runtime.report import save_picture

    try:
        save_picture(record, summary, path, body, tolerance_rad, unit)
    except OSError as error:
        raise OutputError(f"cannot write {str(path)!r}: {error.strerror}") from None


def _lines(summary: Summary, unit: str) -> list[str]:
    """The summary as a person reads it."""
    lines = [f"{summary.ticks} ticks towards {summary.goal}, {summary.clock}, seed {summary.seed}"]
    if summary.reached is None:
        lines.append("reached   not scored")
    elif not summary.reached:
        lines.append("reached   no")
    else:
        lines.append(f"reached   after {summary.steps_to_reach} steps")
        held = "yes" if summary.held else "no"
        lines.append(f"held      {held} (largest error of the last 10 s: "
                     f"{summary.max_error_last_10s:.3f} {unit})")  # fmt: skip
    if summary.mean_error is not None:
        lines.append(
            f"error     mean {summary.mean_error:.3f}, last {summary.final_error:.3f} {unit}"
        )
    if summary.mean_distance is not None:
        mean, last = summary.mean_distance, summary.final_distance
        lines.append(f"distance  mean {mean:.3f}, last {last:.3f} (latent)")
    lines += [
        f"latency   frame to command {_spread(summary.frame_to_command_ms)}",
        f"          filter {_spread(summary.filter_ms)}, plan {_spread(summary.plan_ms)}",
        f"missed    {summary.missed_deadlines} deadlines, {summary.late_plans} late plans",
    ]
    for fault in summary.faults:
        back = "not replaced" if fault.back_after_s is None else f"{fault.back_after_s:.1f} s"
        lines.append(f"fault     tick {fault.tick}: {fault.process} {fault.what}; back: {back}")
    return lines


def _spread(value: Percentiles) -> str:
    if value.p50 is None or value.p99 is None:
        return "not measured"
    return f"p50 {value.p50:.2f} ms, p99 {value.p99:.2f} ms"


def _say(text: str) -> None:
    print(f"jopa-agent: {text}", file=sys.stderr)
