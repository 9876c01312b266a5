"""The report of an evaluation: one HTML file that needs nothing else."""

import base64
import html
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes

from ...configs.settings import Settings
from ...envs.physics import wrapped
from .episode import Episode
from .figures import Regret, central_ranks, worst

# Okabe and Ito's colours: told apart by eyes that see no red or no green, and in gray.
_BLUE, _ORANGE, _GREEN, _GRAY = "#0072B2", "#D55E00", "#00805F", "#8A8F98"
_DPI = 110
_LOWEST_ERROR = 1e-3

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #20242a; max-width: 1080px; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .9rem .2rem 0; text-align: left;
        border-bottom: 1px solid #dde1e6; vertical-align: top; }
code { background: #f2f4f6; padding: .1rem .3rem; } img { max-width: 100%; }
.panels { display: flex; flex-wrap: wrap; gap: 1rem; } .panels img { max-width: 520px; }
"""


def save_report(
    path: Path,
    figures: dict[str, Any],
    episodes: Sequence[Episode],
    regret: Regret | None,
    settings: Settings,
    replay: Callable[[Episode], str],
) -> None:
    """Write the report to ``path``; ``replay`` is the command that plays an episode again.

    Raises OSError where it cannot be written.
    """
    panels = [_draw(_errors, episodes, settings)]
    if (
        all(episode.goal_can_be_held is not None for episode in episodes)
        and np.isfinite(episodes[0].states).all()
    ):
        panels.insert(0, _draw_circle(figures))
        panels.append(_draw(_portraits, episodes))
    if regret is not None:
        panels.append(_draw(_returns, episodes, regret))
    panels += [_draw(_calibration, episodes), _draw(_latencies, episodes)]
    ranked = worst(episodes)
    body = [
        f"<h1>{_text(figures['environment'])}: {figures['success_fraction']:.1%} of "
        f"{len(episodes)} episodes succeeded</h1>",
        "<p>An episode succeeds where its goal is held throughout the last 10 s or, where it "
        "cannot be held, passed in each 10 s.</p>",
        _table(_rows(figures)),
        "<h2>All episodes</h2><div class='panels'>" + "".join(panels) + "</div>",
        f"<h2>The worst episode: goal {_text(ranked[0].goal)}, seed {ranked[0].seed}</h2>",
        _film(ranked[0], settings),
        "<h2>The worst cases, and how to play them again</h2>",
        _table(
            [("goal", "seed", "", "largest error of the last 10 s", "command")]
            + [
                (
                    _text(each.goal),
                    str(each.seed),
                    "succeeded" if each.succeeded else "failed",
                    f"{each.score.max_error_last_10s:.3f}",
                    f"<code>{_text(replay(each))}</code>",
                )
                for each in ranked[:5]
            ],
            head=True,
        ),
        "<h2>Goals</h2>",
        _table(
            [("goal", "can be held", "episodes", "succeeded")]
            + [
                (
                    _text(goal["goal"]),
                    {True: "yes", False: "no", None: "unknown"}[goal["can_be_held"]],
                    str(goal["episodes"]),
                    f"{goal['success_fraction']:.0%}",
                )
                for goal in figures["goals"]
            ],
            head=True,
        ),
    ]
    page = (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>"
        f"{_text(figures['environment'])}</title><style>{_STYLE}</style>{''.join(body)}</html>"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, "utf-8")


def _rows(figures: dict[str, Any]) -> list[tuple[str, ...]]:
    steps, regret = figures["median_steps_to_reach"], figures["regret"]
    error = figures["return_standard_error"]
    rows = [
        ("model", _text(figures["model"])),
        ("starts", f"{_text(figures['reset'])}, seeds from {figures['seed']}"),
        ("seconds", f"{figures['seconds']:g}"),
        ("reached", f"{figures['reached_fraction']:.1%}"),
        ("held", f"{figures['held_fraction']:.1%}"),
        ("median steps to reach", "none reached" if steps is None else f"{steps:g}"),
        ("return of the first 200 steps", f"{figures['mean_return']:.1f} ± {error:.1f}"),
    ]
    if regret is not None:
        optimum = figures["optimal_return"]
        rows.append(("the optimum's on the same starts", f"{optimum:.1f}: regret {regret:.1f}"))
    for where, name in (("on the way", "coverage_on_the_way"), ("at the goal", "coverage_at_goal")):
        covered = ", ".join(f"{float(k):.0%}: {v:.1%}" for k, v in figures[name].items())
        rows.append(
            (f"frames {where} within the central bands of the prediction", covered or "none")
        )
    for name in ("filter_ms", "plan_ms"):
        spread = figures[name]
        rows.append((name[:-3], f"p50 {spread['p50']:.2f} ms, p99 {spread['p99']:.2f} ms"))
    return rows


def _table(rows: Sequence[tuple[str, ...]], head: bool = False) -> str:
    lines = []
    for index, row in enumerate(rows):
        tag = "th" if head and not index else "td"
        lines.append("<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in row) + "</tr>")
    return f"<table>{''.join(lines)}</table>"


def _text(value: Any) -> str:
    return html.escape(str(value))


def _picture(figure: Figure, what: str) -> str:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png")
    data = base64.b64encode(buffer.getvalue()).decode()
    return f"<img alt='{_text(what)}' src='data:image/png;base64,{data}'>"


def _draw(panel: Callable[..., str], *arguments: Any) -> str:
    figure = Figure(figsize=(5, 3.6), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    title = panel(axes, *arguments)
    axes.set_title(title, fontsize=10, loc="left")
    return _picture(figure, title)


def _draw_circle(figures: dict[str, Any]) -> str:
    """Goals around the circle, upright at the top; the further out, the more succeeded."""
    figure = Figure(figsize=(5, 3.6), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot(projection="polar")
    assert isinstance(axes, PolarAxes)
    axes.set_theta_zero_location("N")
    for goal in figures["goals"]:
        share = goal["success_fraction"]
        axes.plot(
            [np.deg2rad(_degrees(goal["goal"]))],
            [share],
            marker="o" if goal["can_be_held"] else "D",
            color=_GREEN if share == 1 else _ORANGE,
            markersize=7,
        )
    axes.set_ylim(0, 1.15)
    axes.set_yticks([0.5, 1.0], ["50 %", "100 %"], fontsize=8)
    axes.tick_params(labelsize=8)
    title = "success by goal (○ can be held, ◇ can be passed)"
    axes.set_title(title, fontsize=10, loc="left")
    return _picture(figure, title)


def _degrees(name: str) -> float:
    named = {"upright": 0.0, "hanging": 180.0}
    return named[name] if name in named else float(name.removesuffix("deg"))


def _errors(axes: Axes, episodes: Sequence[Episode], settings: Settings) -> str:
    for episode in episodes:
        seconds = np.linspace(0, settings.run.duration_s, len(episode.errors))
        color = _BLUE if episode.succeeded else _ORANGE
        seen = np.maximum(episode.errors, _LOWEST_ERROR)
        axes.plot(seconds, seen, color=color, linewidth=0.6, alpha=0.5)
    axes.axhline(settings.run.tolerance_rad, color=_GRAY, linestyle=(0, (4, 3)), linewidth=0.9)
    axes.set_yscale("log")
    axes.set_xlabel("s")
    return "distance from the goal (failed in orange)"


def _portraits(axes: Axes, episodes: Sequence[Episode]) -> str:
    for episode in episodes[:40]:
        angle = wrapped(episode.states[:, 0])
        angle = np.where(np.abs(np.diff(angle, prepend=angle[0])) > np.pi, np.nan, angle)
        axes.plot(angle, episode.states[:, 1], color=_BLUE, linewidth=0.5, alpha=0.5)
    axes.set_xlabel("angle, rad")
    axes.set_ylabel("rad/s")
    return f"phase portraits ({min(len(episodes), 40)} episodes)"


def _returns(axes: Axes, episodes: Sequence[Episode], regret: Regret) -> str:
    returns = np.array([episode.reward_sum for episode in episodes])
    axes.scatter(regret.optimal, returns, s=8, color=_BLUE, alpha=0.6)
    low = float(min(returns.min(), regret.optimal.min()))
    axes.plot([low, 0], [low, 0], color=_GRAY, linewidth=0.9)
    axes.set_xlabel("the optimum's return")
    axes.set_ylabel("return")
    return f"returns against the optimum: regret {regret.regret.mean():.1f}"


def _calibration(axes: Axes, episodes: Sequence[Episode]) -> str:
    for name, at_goal, color in (("on the way", False, _BLUE), ("at the goal", True, _GREEN)):
        ranks = np.sort(central_ranks(episodes, at_goal))
        axes.plot(ranks, np.linspace(0, 1, ranks.size), color=color, label=name)
    axes.plot([0, 1], [0, 1], color=_GRAY, linewidth=0.9)
    axes.set_xlabel("central band of the prediction")
    axes.set_ylabel("share of the frames within")
    axes.legend(frameon=False, fontsize=8)
    return "calibration one step ahead (above the line: too modest)"


def _latencies(axes: Axes, episodes: Sequence[Episode]) -> str:
    for name, color in (("filter_ms", _GREEN), ("plan_ms", _BLUE)):
        values = np.concatenate([getattr(episode, name) for episode in episodes])
        top = np.percentile(values, 99.5)
        axes.hist(values[values <= top], 60, color=color, alpha=0.7, label=name[:-3], density=True)
    axes.set_xlabel("ms")
    axes.set_yticks([])
    axes.legend(frameon=False, fontsize=8)
    return "time to filter and to plan"


def _film(episode: Episode, settings: Settings) -> str:
    count = len(episode.frames)
    figure = Figure(figsize=(10, 1.15), dpi=_DPI, layout="constrained")
    seconds = settings.run.duration_s / max(len(episode.controls), 1)
    for place, (tick, frame) in enumerate(
        zip(episode.frame_ticks, episode.frames, strict=True), start=1
    ):
        axes = figure.add_subplot(1, count, place)
        axes.imshow(frame[..., 0], cmap="gray", vmin=0, vmax=255)
        axes.set_title(f"{tick * seconds:.1f} s", fontsize=7)
        axes.axis("off")
    return _picture(figure, "frames of the worst episode")
