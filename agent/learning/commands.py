"""The work behind ``collect``, ``train`` and ``evaluate``, with its progress on the terminal."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ...configs.settings import Settings
from ...envs import Body, read_goal
from ..bodies import body_for
from ..jax_setup import set_up_jax
from .checkpoint import load_model, save_model
from .collect import collect
from .dataset import Dataset, load_dataset
from .errors import DatasetError
from .evaluate import Episode, evaluate
from .train import train


def record(settings: Settings, out: Path) -> None:
    """Record a dataset and save it."""
    with _progress() as progress:
        dataset = _record(settings, progress)
    dataset.save(out)
    print(f"{dataset.count} frames: {out}")


def make_model(settings: Settings, dataset_file: Path | None, out: Path) -> None:
    """Learn a model from a dataset, recorded first where none is given, and save it."""
    set_up_jax()
    body = body_for(settings)
    dataset = load_dataset(dataset_file) if dataset_file else None
    with _progress() as progress:
        if dataset is None:
            dataset = _record(settings, progress)
        _check(dataset, body, settings)
        tasks = {}

        def show(stage: str, done: int, total: int, figure: str) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total, figure="")
            progress.update(tasks[stage], completed=done, figure=figure)

        model, scores = train(dataset, body.spec, settings.train, settings.run.seed, show)
    save_model(model, _page(settings, dataset, scores), out)
    print(f"model: {out}")


def score_model(settings: Settings, model: Path, episodes: int) -> dict[str, Any]:
    """Evaluate a model, print the figures and return them."""
    load_model(model, settings.body)
    read_goal(settings.run.goal, body_for(settings))
    with _progress() as progress:
        task = progress.add_task("episodes", total=episodes, figure="")
        returns: list[float] = []

        def show(episode: Episode) -> None:
            returns.append(episode.reward_sum)
            mean = sum(returns) / len(returns)
            progress.update(task, completed=len(returns), figure=f"mean return {mean:.1f}")

        figures = evaluate(settings, model, episodes, show)
    print(
        f"mean return {figures['mean_return']:.1f} "
        f"(standard error {figures['return_standard_error']:.1f}), "
        f"reached {figures['reached_fraction']:.1%}, held {figures['held_fraction']:.1%}, "
        f"median steps to reach {figures['median_steps_to_reach']}, "
        f"largest error of the last 10 s {figures['max_error_last_10s']:.3f} rad"
    )
    return figures


def _record(settings: Settings, progress: Progress) -> Dataset:
    task = progress.add_task("frames", total=settings.collect.frames, figure="")
    return collect(
        body_for(settings),
        settings.collect,
        settings.run.seed,
        lambda done: progress.update(task, completed=done),
    )


def _check(dataset: Dataset, body: Body, settings: Settings) -> None:
    """Raise :class:`DatasetError` for a dataset that this body and these settings cannot use."""
    spec = body.spec
    if dataset.frames.shape[2:] != spec.frame_shape:
        raise DatasetError(
            f"dataset has frames of {dataset.frames.shape[2:]}, the camera gives "
            f"{spec.frame_shape}: set body.camera_size_px or record it again"
        )
    if dataset.controls.shape[2] != spec.control_low.size:
        raise DatasetError(
            f"dataset has {dataset.controls.shape[2]} controls, {spec.name} takes "
            f"{spec.control_low.size}: record it with 'jopa-agent collect'"
        )
    needed = 20 * settings.train.components
    if dataset.count < needed:
        raise DatasetError(
            f"dataset has {dataset.count} frames, too few to learn from: record {needed} or more"
        )


def _page(settings: Settings, dataset: Dataset, scores: dict[str, Any]) -> dict[str, Any]:
    """What a reader of the model's page wants to know of its making."""
    return {
        "environment": settings.body.name,
        "seed": settings.run.seed,
        "data": {
            "body": dataset.body,
            "frames": dataset.count,
            "segments": dataset.frames.shape[0],
            "seed": dataset.seed,
        },
        "settings": {
            "body": settings.body.model_dump(),
            "collect": settings.collect.model_dump(),
            "train": settings.train.model_dump(),
        },
        "versions": {
            name: version(name) for name in ("jopa-agent", "jax", "numpy", "optax", "gymnasium")
        },
        "scores": scores,
    }


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description:9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[figure]}"),
        console=Console(stderr=True),
    )
