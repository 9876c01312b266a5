"""The work of the commands for agents that infer a pose and how it moves."""

import argparse
from pathlib import Path
from typing import Any

from ..configs.settings import Settings, SettingsError
from .evaluation.command import score_model, switch_between
from .evaluation.conditions import Conditions, read_change, read_faults, read_kick
from .learning import commands
from .options import model_of
from .output import check_writable, write_json

__all__ = ["collect", "evaluate", "train", "validate"]

_STARTS = 20  # for each goal


def collect(settings: Settings, arguments: argparse.Namespace) -> int:
    """Record experience under random controls."""
    check_writable(arguments.out)
    commands.record(settings, arguments.out)
    return 0


def train(settings: Settings, arguments: argparse.Namespace) -> int:
    """Learn a model; 1 where none passed."""
    check_writable(arguments.out / "model.toml")
    check_writable(arguments.json)
    verdict = commands.make_model(settings, arguments.dataset, arguments.out)
    return _told(verdict, arguments.json)


def validate(settings: Settings, arguments: argparse.Namespace) -> int:
    """Judge a model; 1 where it fails."""
    check_writable(arguments.json)
    model = model_of(arguments)
    verdict = commands.judge_model(settings, model, arguments.dataset)
    return _told(verdict, arguments.json)


def evaluate(settings: Settings, arguments: argparse.Namespace) -> int:
    """Score a model against the true state."""
    if settings.run.duration_s == 0:
        raise SettingsError("run.duration_s = 0: an episode needs some --seconds")
    model = model_of(arguments)
    check_writable(arguments.json)
    check_writable(arguments.report)
    if arguments.switch is not None:
        return _switched(arguments, settings, model)
    conditions = Conditions(
        None if arguments.kick is None else read_kick(arguments.kick),
        read_faults(arguments.fault),
        read_change(arguments.change),
    )
    starts = arguments.starts or _STARTS
    figures = score_model(
        settings, model, arguments.goals, starts, conditions, arguments.report,
        arguments.words,
    )  # fmt: skip
    if arguments.json:
        write_json(figures, arguments.json)
    return 0


def _switched(arguments: argparse.Namespace, settings: Settings, model: Path) -> int:
    """``--switch``"""
    for name in ("kick", "fault", "change", "report"):
        if getattr(arguments, name):
            raise SettingsError(f"--switch and --{name} do not go together: leave one out")
    starts = arguments.starts or _STARTS
    figures = switch_between(settings, model, arguments.goals, arguments.switch, starts)
    if arguments.json:
        write_json(figures, arguments.json)
    return 0


def _told(verdict: dict[str, Any], file: Path | None) -> int:
    if file:
        write_json(verdict, file)
    return 0 if verdict["verdict"] == "pass" else 1
