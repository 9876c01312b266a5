"""The picture of a run: frames along it, the belief, the torque and the distance to the goal."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from ...envs import BodySpec
from ...transport.beliefs import is_categorical
from ...transport.pictures import in_colours
from .record import RunRecord
from .summary import Summary

PICTURE_SIZE_PX = (1500, 1300)
_DPI = 125
_FRAMES = 12
_COORDINATES = 8  # latent coordinates that have room

# Okabe and Ito's colours: told apart by eyes that see no red or no green, and in gray.
_BLUE, _ORANGE, _GREEN, _PURPLE, _GRAY = "#0072B2", "#D55E00", "#00805F", "#A6518A", "#8A8F98"
_INK, _MUTED = "#20242A", "#5F6670"
_LEFT = 0.087  # of the width: where everything begins
_LONGEST_GOAL = 60
_FONT_PT = 8.5
_LOWEST_ERROR_RAD = 1e-3  # where the logarithmic scale of the error ends


def save_picture(
    record: RunRecord,
    summary: Summary,
    path: Path,
    body: BodySpec,
    tolerance_rad: float,
    unit: str = "rad",
) -> None:
    """Draw ``record`` into the PNG file ``path``, :data:`PICTURE_SIZE_PX` large.

    ``summary`` heads it; the limits of ``body`` and the tolerance are drawn as dashed lines;
    ``unit`` is that of the true error.
    Raises ``OSError`` when the file cannot be written.
    """
    width, height = PICTURE_SIZE_PX
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    _head(figure, summary, body.name, unit)
    pictures, plots = figure.add_gridspec(
        2, 1, height_ratios=(1, 9), left=_LEFT, right=0.985, top=0.935, bottom=0.045, hspace=0.09
    )
    _draw_frames(figure, pictures, record)
    _draw_plots(figure, plots, record, body, tolerance_rad, unit)
    figure.savefig(path, format="png")


def _head(figure: Figure, summary: Summary, body: str, unit: str) -> None:
    """The outcome, and below it the figures."""
    goal = (
        summary.goal if len(summary.goal) <= _LONGEST_GOAL else "…" + summary.goal[-_LONGEST_GOAL:]
    )
    title = f"{body}, goal {goal}: {_outcome(summary)}"
    parts = [f"{summary.ticks} ticks, {summary.clock}, seed {summary.seed}"]
    if summary.final_error is not None:
        parts.append(f"final error {summary.final_error:.3f} {unit}")
    latency = summary.frame_to_command_ms
    if latency.p50 is not None and latency.p99 is not None:
        parts.append(f"frame to command {latency.p50:.1f} ms, p99 {latency.p99:.1f} ms")
    parts.append(f"{summary.missed_deadlines} deadlines missed")
    figure.text(_LEFT, 0.975, title, fontsize=12, color=_INK, va="center", parse_math=False)
    figure.text(_LEFT, 0.954, "  ·  ".join(parts), fontsize=_FONT_PT, color=_MUTED, va="center")


def _outcome(summary: Summary) -> str:
    if summary.goals > 1:
        return f"then {summary.goals - 1} more, not scored"
    if summary.reached is None:
        return "not scored"
    if not summary.reached:
        return "not reached"
    return f"reached after {summary.steps_to_reach} steps, {'held' if summary.held else 'not held'}"


def _draw_frames(figure: Figure, place: SubplotSpec, record: RunRecord) -> None:
    """The frames along the run, and the goal at the end of the row."""
    cells = place.subgridspec(1, _FRAMES + 1, wspace=0.12)
    chosen = np.linspace(0, len(record.frames) - 1, min(_FRAMES, len(record.frames)))
    for column, index in enumerate(chosen.round().astype(int)):
        axes = figure.add_subplot(cells[0, column])
        _picture(axes, record.frames[index])
        seconds = record.time_s[record.frame_ticks[index]]
        axes.set_xlabel(f"{seconds:.1f} s", color=_INK, labelpad=3, fontsize=_FONT_PT)
    axes = figure.add_subplot(cells[0, _FRAMES])
    _picture(axes, record.goal)
    axes.set_xlabel("goal", color=_GREEN, labelpad=3, fontsize=_FONT_PT)
    axes.spines[:].set(edgecolor=_GREEN, linewidth=2.0)


def _picture(axes: Axes, image: np.ndarray) -> None:
    axes.imshow(in_colours(image))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(edgecolor=_GRAY, linewidth=0.7)


def _draw_plots(
    figure: Figure,
    place: SubplotSpec,
    record: RunRecord,
    body: BodySpec,
    tolerance_rad: float,
    unit: str,
) -> None:
    """Everything over time, one under the other on one axis of seconds."""
    categorical = is_categorical(record.mean, record.std)
    coordinates = 1 if categorical else min(record.mean.shape[1], _COORDINATES)
    error_rad = record.error_rad
    heights = (
        [3.0 if categorical else 0.8] * coordinates + [1.0, 1.0] + [1.3] * (error_rad is not None)
    )
    cells = place.subgridspec(len(heights), 1, height_ratios=heights, hspace=0.16)
    axes = [figure.add_subplot(cells[row, 0]) for row in range(len(heights))]
    for row in axes[1:]:
        row.sharex(axes[0])
    for row in axes:
        _style(row)
    for index in range(coordinates):
        _states(axes[index], record) if categorical else _belief(axes[index], record, index)
    _control(axes[coordinates], record, body)
    _distance(axes[coordinates + 1], record)
    if error_rad is not None:
        _error(axes[-1], record.time_s, error_rad, tolerance_rad, unit)
    axes[0].set_xlim(record.time_s[0], max(record.time_s[-1], record.time_s[0] + 1e-3))
    axes[-1].tick_params(labelbottom=True)
    axes[-1].set_xlabel("time of the body, s", fontsize=_FONT_PT, color=_INK)
    figure.align_ylabels(axes)


def _style(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(color=_GRAY, linewidth=0.7)
    axes.tick_params(labelsize=_FONT_PT - 0.5, color=_GRAY, labelcolor=_INK, labelbottom=False)
    axes.grid(True, color="#E6E8EB", linewidth=0.6)
    axes.set_axisbelow(True)


def _label(axes: Axes, words: str) -> None:
    axes.set_ylabel(words, fontsize=_FONT_PT, color=_INK)


def _belief(axes: Axes, record: RunRecord, index: int) -> None:
    mean, deviation = record.mean[:, index], 2 * record.std[:, index]
    axes.fill_between(
        record.time_s, mean - deviation, mean + deviation, color=_BLUE, alpha=0.25, linewidth=0
    )
    axes.plot(record.time_s, mean, color=_BLUE, linewidth=1.0)
    if index == 0:
        axes.set_title("belief ±2σ", loc="left", fontsize=_FONT_PT, color=_BLUE, pad=3)
    _label(axes, f"state {index + 1}")


def _states(axes: Axes, record: RunRecord) -> None:
    """How likely each of a few states is."""
    period_s = record.time_s[1] if len(record.time_s) > 1 else 1.0
    edges = np.append(record.time_s, record.time_s[-1] + period_s)
    borders = np.arange(record.mean.shape[1] + 1) - 0.5
    axes.pcolormesh(edges, borders, record.mean.T, cmap="Blues", vmin=0, vmax=1)
    axes.set_yticks(range(record.mean.shape[1]))
    axes.set_title(
        "q(s): the darker, the likelier", loc="left", fontsize=_FONT_PT, color=_BLUE, pad=3
    )
    _label(axes, "state")


def _control(axes: Axes, record: RunRecord, body: BodySpec) -> None:
    for limit in np.unique([body.control_low, body.control_high]):
        axes.axhline(limit, color=_GRAY, linewidth=0.9, linestyle=(0, (4, 3)))
    for series in record.control.T:
        axes.plot(record.time_s, series, color=_ORANGE, linewidth=0.9)
    _label(axes, "move" if is_categorical(record.mean, record.std) else "torque")


def _distance(axes: Axes, record: RunRecord) -> None:
    axes.plot(record.time_s, record.distance, color=_GREEN, linewidth=1.0)
    axes.set_ylim(bottom=0)
    _label(axes, "distance\n(latent)")


def _error(
    axes: Axes, seconds: np.ndarray, error_rad: np.ndarray, tolerance_rad: float, unit: str
) -> None:
    seen = np.maximum(error_rad, _LOWEST_ERROR_RAD)
    axes.plot(seconds, seen, color=_PURPLE, linewidth=1.0)
    axes.axhline(tolerance_rad, color=_GRAY, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.annotate(
        f"tolerance {tolerance_rad:g}",
        (1.0, tolerance_rad),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=_FONT_PT - 0.5,
        color=_INK,
    )
    axes.set_yscale("log")
    axes.set_ylim(_LOWEST_ERROR_RAD, 4.0)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    _label(axes, f"true error, {unit}\n(for scoring)")
