"""The work behind ``collect``, ``train`` and ``validate``, with its progress on the terminal."""

import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.progress import TaskID

from ...configs.settings import Settings, SettingsError
from ...envs import Body
from ..bodies import body_for
from ..jax_setup import set_up_jax
from ..progress import progress_bars
from .checkpoint import load_model, save_model
from .collect import collect
from .dataset import EXPERIENCE, Dataset, load_dataset, recorded_dataset
from .errors import DatasetError
from .foretell import WARM
from .life import live, seconds_spent, split
from .page import read_page
from .validate import FAR, validate


def record(settings: Settings, out: Path) -> None:
    """Record a dataset and save it."""
    _check_on_time(settings)
    body = body_for(settings)
    with progress_bars() as progress:
        task = progress.add_task("frames", total=settings.collect.frames, figure="")
        dataset = collect(
            body,
            settings.collect,
            settings.run.seed,
            lambda done: progress.update(task, completed=done),
        )
    dataset.save(out)
    print(f"{dataset.count} frames: {out}")


def make_model(settings: Settings, dataset_file: Path | None, out: Path) -> dict[str, Any]:
    """Learn a model and save it, with the experience that it was learned from and judged by.

    Without a dataset the agent gathers its own, in rounds. Returns the verdict with its figures. A
    training that was cut off goes on where it ended.
    """
    _check_on_time(settings)
    set_up_jax()
    body = body_for(settings)
    recorded = _dataset(dataset_file, settings) if dataset_file else None
    if recorded is not None:
        _check(recorded, body, settings)
    folder = out.with_name(f"{out.name}.training")
    with progress_bars() as progress:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int, figure: str) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total, figure="")
            progress.update(tasks[stage], completed=done, figure=figure)

        life = live(settings, body, recorded, folder, show, progress.console.print)
    page = _page(settings, life.experience, read_page(folder / f"model-{life.round}")["scores"])
    verdict = life.verdict.as_dict() | {
        "frames": life.frames, "seconds": seconds_spent(folder), "round": life.round
    }  # fmt: skip
    save_model(life.model, page | {"verdict": verdict}, out)
    life.experience.save(out / EXPERIENCE)
    shutil.rmtree(folder)
    print(f"model: {out}: {life.verdict.words()}")
    return verdict


def judge_model(settings: Settings, model: Path, dataset_file: Path | None) -> dict[str, Any]:
    """Validate a model by a dataset that it has not learned from, or by the part of its own
    experience that was kept from learning; print the verdict and return it."""
    set_up_jax()
    loaded = load_model(model, settings.body)
    if dataset_file:
        judge_by = _dataset(dataset_file, settings)
    else:
        if not (model / EXPERIENCE).exists():
            raise DatasetError(
                f"model folder {str(model)!r} holds no frames to judge by: give some with "
                "--dataset, from 'jopa-agent collect'"
            )
        judge_by = split(load_dataset(model / EXPERIENCE))[1]
    _check_fits(judge_by, body_for(settings))
    if judge_by.frames.shape[1] <= FAR + WARM:
        raise DatasetError(
            f"dataset with segments of {judge_by.frames.shape[1]} frames: predictions of {FAR} "
            f"steps need more than {FAR + WARM}"
        )
    verdict = validate(loaded, judge_by, settings.planner)
    print(f"{verdict.words()}")
    return verdict.as_dict() | {"frames": judge_by.count}


def _check_on_time(settings: Settings) -> None:
    """Raise :class:`SettingsError` for delays: what is learned is what a control does at once."""
    for name in ("frame_delay", "command_delay"):
        if ticks := getattr(settings.body, name):
            raise SettingsError(
                f"body.{name} = {ticks}: frames and controls that are recorded late do not belong "
                "together; train without it, and give it to run or evaluate, which plan through it"
            )


def _dataset(path: Path, settings: Settings) -> Dataset:
    """The dataset of 'collect' at ``path``, or the frames of a recorded run."""
    if path.is_dir() or path.suffix == ".mcap":
        return recorded_dataset(path, settings.collect.segment_frames)
    return load_dataset(path)


def _check(dataset: Dataset, body: Body, settings: Settings) -> None:
    """Raise :class:`DatasetError` for a dataset that this body and these settings cannot use."""
    _check_fits(dataset, body)
    needed = 20 * settings.train.components
    if dataset.count < needed:
        raise DatasetError(
            f"dataset has {dataset.count} frames, too few to learn from: record {needed} or more"
        )


def _check_fits(dataset: Dataset, body: Body) -> None:
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
            "explore": settings.explore.model_dump(),
            "train": settings.train.model_dump(),
        },
        "versions": {
            name: version(name) for name in ("jopa-agent", "jax", "numpy", "optax", "gymnasium")
        },
        "scores": scores,
    }
