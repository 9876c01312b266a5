"""The work behind ``evaluate``, with its progress on the terminal."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...configs.settings import Settings, SettingsError
from ...envs import Body, Goal, GoalError, Posable, goal_at, read_goal
from ..bodies import body_for
from ..learning.checkpoint import load_model
from ..output import OutputError
from ..progress import progress_bars
from .conditions import Conditions
from .episode import Episode, Task
from .evaluate import evaluate
from .figures import regret_of, summarised
from .switching import switch_goals, switching_lines

_ALL_DEG = range(-180, 180, 15)


def score_model(
    settings: Settings,
    model: Path,
    goals: str | None,
    starts: int,
    conditions: Conditions,
    report: Path | None,
    command: Sequence[str],
) -> dict[str, Any]:
    """Evaluate a model, print the figures and return them.

    ``goals`` are those of the option, ``starts`` the number of starts for each; the ``command``
    that asked for it is what the report's replays are made of.
    """
    load_model(model, settings.body)
    body = body_for(settings)
    tasks = [
        Task(goal, settings.run.seed + start, conditions)
        for goal in _goals(goals, settings, body)
        for start in range(starts)
    ]
    if isinstance(conditions.kick, float) and not hasattr(body, "push"):
        raise SettingsError(
            f"kick {conditions.kick:g}: {body.spec.name} cannot be given a velocity; give "
            "'torque', which any body can feel"
        )
    if conditions.change and not hasattr(body, "alter"):
        raise SettingsError(
            f"change: the physics of {body.spec.name} cannot be changed: only the pendulum's can"
        )
    with progress_bars() as progress:
        task = progress.add_task("episodes", total=len(tasks), figure="")
        done: list[bool] = []

        def show(episode: Episode) -> None:
            done.append(episode.succeeded)
            figure = f"{sum(done)} of {len(done)} succeeded"
            progress.update(task, completed=len(done), figure=figure)

        episodes = evaluate(settings, model, tasks, show)
    regret = regret_of(body, episodes)
    figures = summarised(episodes, regret, settings, str(model))
    for line in _lines(figures):
        print(line)
    if report:
        from .report import save_report

        try:
            save_report(
                report, figures, episodes, regret, settings, lambda one: _replay(command, one)
            )
        except OSError as error:
            raise OutputError(f"cannot write {str(report)!r}: {error.strerror}") from None
        print(f"report: {report}")
    return figures


def switch_between(
    settings: Settings, model: Path, goals: str | None, seconds: float, runs: int
) -> dict[str, Any]:
    """Change the goal every so many ``seconds``, print the figures and return them."""
    load_model(model, settings.body)
    body = body_for(settings)
    chosen = _goals(goals, settings, body)
    if len(chosen) < 2:
        raise SettingsError("switch: there is one goal alone: give several, as --goals=0,180,-15")
    if not 0 < seconds <= settings.run.duration_s:
        raise SettingsError(
            f"switch {seconds:g}: give seconds, up to the --seconds of the whole, "
            f"{settings.run.duration_s:g}"
        )
    figures = switch_goals(settings, model, body, chosen, seconds, runs)
    for line in switching_lines(figures):
        print(line)
    return figures


def _goals(text: str | None, settings: Settings, body: Body) -> list[Goal]:
    """The goals that an option names: one of the settings', ``all``, or degrees."""
    if text is None:
        return [read_goal(settings.run.goal, body)]
    if text == "all":
        if not isinstance(body, Posable):
            raise GoalError(
                f"goals 'all' are angles, but {body.spec.name} is known by its pictures alone: "
                "give pictures, or DATASET:NUMBER of frames"
            )
        return [goal_at(f"{each}deg", float(np.deg2rad(each)), body) for each in _ALL_DEG]
    names = [name.strip() for name in text.split(",")]
    return [read_goal(f"{name}deg" if _is_number(name) else name, body) for name in names]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _replay(command: Sequence[str], episode: Episode) -> str:
    """The command that plays one episode again: later options win over earlier ones."""
    one = ["--goals", episode.goal, "--starts", "1", "--seed", str(episode.seed)]
    kept: list[str] = []
    skip = False
    for word in command:
        name = word.partition("=")[0]
        replaced = name in ("--goals", "--goal", "--starts", "--episodes", "--seed", "--json")
        if skip:
            skip = False
        elif replaced:
            skip = "=" not in word
        else:
            kept.append(word)
    return shlex.join(["jopa-agent", *kept, *one])


def _lines(figures: dict[str, Any]) -> list[str]:
    """The figures as a person reads them."""
    returns = f"mean return {figures['mean_return']:.1f}"
    if figures["regret"] is not None:
        optimum = figures["optimal_return"]
        returns += f", the optimum's {optimum:.1f}: regret {figures['regret']:.1f}"
    on_the_way, at_goal = (
        ", ".join(f"{v:.0%} of {float(k):.0%}" for k, v in figures[name].items()) or "none"
        for name in ("coverage_on_the_way", "coverage_at_goal")
    )
    steps = figures["median_steps_to_reach"]
    filtered, planned = figures["filter_ms"], figures["plan_ms"]
    return [
        f"succeeded {figures['success_fraction']:.1%} (held, or passed where it cannot be held)",
        f"reached {figures['reached_fraction']:.1%}, held {figures['held_fraction']:.1%}, "
        f"median steps to reach {'none' if steps is None else f'{steps:g}'}, "
        f"largest error of the last 10 s {figures['max_error_last_10s']:.3f}",
        f"{returns} (standard error {figures['return_standard_error']:.1f})",
        f"frames within the central bands of their prediction: on the way {on_the_way}; "
        f"at the goal {at_goal}",
        f"filter p99 {filtered['p99']:.2f} ms, plan p99 {planned['p99']:.2f} ms",
    ]
