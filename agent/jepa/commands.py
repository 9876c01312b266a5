"""The work of the commands for agents that act by a joint-embedding predictive world model."""

import argparse
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ...configs.settings import Settings
from ..jax_setup import set_up_jax
from ..learning.errors import DatasetError
from ..options import model_of
from ..output import check_writable, write_json
from ..progress import progress_bars
from .datasets import write_set
from .equipment import equip, save_equipment
from .files import PAGE, load_world, read_world_page, save_world
from .journeys import REACHED_PX, STEPS, Journey, journey_figures, travel
from .judge import bounds, probe_figures, trials
from .learn import experience_of, learn
from .mind import load_mind
from .model import ARCHITECTURES, parameter_count
from .sets import SETS
from .training import Schedule

__all__ = ["check_trusted", "collect", "evaluate", "train"]


def check_trusted(folder: Path) -> None:
    """Raise ``ModelError`` where there is no sound model: there is no verdict on its page."""
    load_world(folder)


def collect(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write the four sets, each of ``collect.frames`` frames at least."""
    out: Path = arguments.out
    check_writable(out / "normal" / "dataset.toml")
    with progress_bars() as progress:
        for name, kind in SETS.items():
            count = -(-settings.collect.frames // kind.frames)
            task = progress.add_task(name, total=count * kind.frames, figure="")
            write_set(
                name, count, settings.run.seed, out / name,
                lambda done, task=task: progress.update(task, completed=done),
            )  # fmt: skip
    print(f"datasets: {', '.join(str(out / name) for name in SETS)}")
    return 0


def train(settings: Settings, arguments: argparse.Namespace) -> int:
    """Train a world model; one that was cut off goes on where it was."""
    if arguments.dataset:
        raise DatasetError(
            f"dataset {str(arguments.dataset)!r}: a world model of the two rooms is trained on the "
            "walks that --jepa.frames and --seed say, drawn as they are looked at; leave it out"
        )
    check_writable(arguments.out / PAGE)
    check_writable(arguments.json)
    set_up_jax()
    asked, seed = settings.jepa, settings.run.seed
    architecture = ARCHITECTURES[asked.architecture]
    schedule = schedule_of(settings)
    folder = arguments.out.with_name(f"{arguments.out.name}.training")
    with progress_bars() as progress:
        task = progress.add_task("steps", total=schedule.steps, figure="")

        def show(done: int, terms: dict[str, float]) -> None:
            figure = ", ".join(f"{name} {value:.4f}" for name, value in terms.items())
            progress.update(task, completed=done, figure=figure)

        experience = experience_of(asked.frames, seed)
        learned = learn(architecture, schedule, experience, seed, folder, show)
    last = learned.history[-1]
    about = {
        "environment": "two-rooms", "seed": seed, "name": asked.architecture,
        "parameters": parameter_count(learned.model), "settings": asked.model_dump(),
        "frames_seen": int(last["frames"]), "seconds": round(last["seconds"], 1),
        "versions": {name: version(name) for name in ("jopa-agent", "jax", "numpy", "optax")},
        "history": _thinned(learned.history),
    }  # fmt: skip
    save_equipment(equip(learned.model, seed), arguments.out)
    save_world(learned.model, architecture, about, arguments.out)
    shutil.rmtree(folder)
    print(
        f"model: {arguments.out}: {about['parameters']} parameters, {about['frames_seen']} frames "
        f"looked at in {about['seconds']:.0f} s"
    )
    if arguments.json:
        write_json(about, arguments.json)
    return 0


def schedule_of(settings: Settings) -> Schedule:
    """How the settings ask for a training."""
    asked = settings.jepa
    return Schedule(asked.steps, asked.batch, asked.window, asked.looks, asked.learning_rate)


def evaluate(settings: Settings, arguments: argparse.Namespace) -> int:
    """Probe a world model, and let it act."""
    model_folder = model_of(arguments)
    check_writable(arguments.json)
    set_up_jax()
    model, _ = load_world(model_folder)
    page = read_world_page(model_folder)
    asked = trials(settings.run.seed)
    figures: dict[str, Any] = probe_figures(model, asked, settings.run.seed, print)
    figures |= bounds(asked, settings.run.seed)
    figures["training"] = {
        name: page.get(name) for name in ("seed", "frames_seen", "seconds", "history")
    }
    figures |= journey_figures(_travelled(model_folder, settings, arguments.starts))
    print(
        f"reached {figures['success_fraction']:.1%} of {figures['journeys']} goals in the other "
        f"room, to {REACHED_PX} px, within {STEPS} steps; a plan takes "
        f"{figures['plan_ms']['median']:.1f} ms, and the slowest percent of them "
        f"{figures['plan_ms']['p99']:.1f} ms"
    )
    if arguments.json:
        write_json(figures, arguments.json)
    return 0


def _travelled(folder: Path, settings: Settings, count: int) -> list[Journey]:
    mind = load_mind(folder, settings)
    mind.compile()
    with progress_bars() as progress:
        task = progress.add_task("journeys", total=count, figure="")

        def show(reached: int, made: int) -> None:
            progress.update(task, completed=made, figure=f"{reached} of {made} reached")

        return travel(mind, count, settings.run.seed, show)


def _thinned(history: list[dict[str, float]], most: int = 200) -> list[dict[str, float]]:
    """Every so many entries of a history, the last one included."""
    every = -(-len(history) // most)
    return history[::-1][::every][::-1]
