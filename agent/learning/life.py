"""An agent's first life: rounds of gathering experience, learning, and judging the model.

Everything is kept in a folder as soon as it is there, so that a life which was cut off goes on
where it ended. The model that comes of it is the newest that passes validation.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...configs.settings import Settings
from ...envs import Body
from ..mind import Mind
from ..model import Model
from .calibrate import calibrate
from .checkpoint import load_model, save_model
from .collect import collect
from .dataset import Dataset, joined, load_dataset
from .drive import Outing
from .errors import DatasetError, ModelError
from .explore import explore
from .page import read_page
from .train import train
from .trial import put_to_trial
from .validate import Verdict, read_verdict, validate

HELD_OUT = 10
"""Of so many segments one is kept from learning, to judge by."""

_FAR_BETTER = 0.5  # of the error: few frames judge, and more were learned from

Progress = Callable[[str, int, int, str], None]


@dataclass(frozen=True)
class Life:
    """What a life led to: the chosen ``model``, its ``verdict``, the frames that it learned from
    and was judged by, its own ``page``, and how many frames were gathered in all."""

    model: Model
    verdict: Verdict
    experience: Dataset
    frames: int
    round: int


def live(
    settings: Settings,
    body: Body,
    recorded: Dataset | None,
    folder: Path,
    progress: Progress,
    say: Callable[[str], None],
) -> Life:
    """Learn to move ``body``, or from what was ``recorded`` of it alone, keeping all in ``folder``.

    The first round's experience is that of random controls; each further one adds frames that the
    newest model gathered on the way to goals of its own choosing. Each model is judged by frames
    kept from learning, and learned anew from another start where it fails. The models of the last
    two rounds are put to trial with the body itself, whose frames are learned from afterwards: by
    the next round, and by a model at the end that explores no more. A newer model replaces an older
    one unless it alone fails, or predicts far worse what neither has learned from. While the newest
    does not pass, up to ``settings.explore.retries`` rounds are added. ``say`` is told each
    verdict.
    """
    _continue(folder, settings, recorded)
    wanted = 0 if recorded is not None else settings.explore.rounds
    retries = settings.explore.retries
    best: Life | None = None
    model: Model | None = None
    number = 0
    while number <= wanted:
        experience = _experience(settings, body, recorded, folder, number, model, progress)
        model, verdict = _learned(settings, body, experience, folder, number, progress)
        if recorded is None and number >= wanted - 1:
            verdict = _tried(settings, body, experience, folder, number, model, verdict, progress)
        say(f"round {number}, {experience.count} frames: {verdict.words()}")
        if number >= wanted - 1:
            found = Life(model, verdict, experience, experience.count, number)
            best = found if best is None else _chosen(best, found, settings)
        if number >= wanted and not verdict.passed and retries:
            retries, wanted = retries - 1, wanted + 1
            say("the newest model has not passed: another round, " + (
                "from another start" if recorded is not None else "with more frames"
            ))  # fmt: skip
        number += 1
    assert best is not None
    if recorded is None and verdict.tried is not None:
        experience, held = _after_trial(folder, number - 1), verdict.tried
        model, verdict = _learned(settings, body, experience, folder, number, progress)
        verdict = verdict.after_trial(held)
        say(f"after the trial, {experience.count} frames: {verdict.words()}")
        found = Life(model, verdict, experience, experience.count, number)
        best = _chosen(best, found, settings)
    return replace(best, frames=experience.count)


def _chosen(old: Life, new: Life, settings: Settings) -> Life:
    """``new``, unless it alone fails, or ``old`` predicts far better what neither learned from."""
    verdict = validate(old.model, split(new.experience)[1], settings.planner)
    if old.verdict.tried is not None:
        verdict = verdict.after_trial(old.verdict.tried)
    far_better = verdict.error_20_rms < _FAR_BETTER * new.verdict.error_20_rms
    keeps = verdict.better_than(new.verdict) and (far_better or not new.verdict.passed)
    return replace(old, verdict=verdict) if keeps else new


def split(experience: Dataset) -> tuple[Dataset, Dataset]:
    """Segments to learn from, and segments to judge by: one of every ten, drawn by lot.

    What is kept from learning stays so when more is gathered.
    """
    count = experience.frames.shape[0]
    tens = -(-count // HELD_OUT)
    drawn = np.random.default_rng(0).integers(HELD_OUT, size=tens) + HELD_OUT * np.arange(tens)
    drawn[0] %= count
    kept = np.zeros(count, bool)
    kept[drawn[drawn < count]] = True
    parts = (replace(experience, frames=experience.frames[mask], controls=experience.controls[mask])
             for mask in (~kept, kept))  # fmt: skip
    return tuple(parts)  # type: ignore[return-value]


def _continue(folder: Path, settings: Settings, recorded: Dataset | None) -> None:
    """Go on with what is in ``folder``; ModelError where it is of another life."""
    same = settings.model_dump(include={"body", "collect", "explore", "train", "planner"})
    same |= {"seed": settings.run.seed, "recorded": None if recorded is None else recorded.count}
    note, text = folder / "life.json", json.dumps(same, sort_keys=True)
    try:
        begun = folder.exists() and any(folder.iterdir())
        if begun and (not note.exists() or note.read_text("utf-8") != text):
            raise ModelError(
                f"training folder {str(folder)!r} is of a training with other settings: "
                "remove it, or give another --out"
            )
        folder.mkdir(parents=True, exist_ok=True)
        note.write_text(text, "utf-8")
    except OSError as error:
        raise ModelError(f"training folder {str(folder)!r} cannot be used: {error}") from None


def _experience(settings, body, recorded, folder, number, model, progress) -> Dataset:
    """All experience up to this round."""
    if recorded is not None:
        return recorded
    file = folder / f"experience-{number}.safetensors"
    if file.exists():
        try:
            return load_dataset(file)
        except DatasetError:
            pass  # cut off while it was written: gathered again
    seed = settings.run.seed
    if number == 0:
        total = settings.collect.frames
        found = collect(
            body, settings.collect, seed, lambda done: progress("frames", done, total, "")
        )
    else:
        before = _after_trial(folder, number - 1)
        total, stage = settings.explore.frames, f"explore {number}"
        ways = {"curiosity": settings.explore.curiosity}
        mind = Mind(model, settings.planner.model_copy(update=ways), seed)
        new = explore(Outing(
            mind, model, body, before, settings.explore, seed + 7919 * number,
            lambda done: progress(stage, done, total, ""),
        ))  # fmt: skip
        found = joined(before, new)
    _keep(found, file)
    return found


def _tried(settings, body, experience, folder, number, model, verdict, progress) -> Verdict:
    """``verdict`` after the trial of this round's ``model``."""
    file, note = folder / f"trial-{number}.safetensors", folder / f"trial-{number}.json"
    if not note.exists():
        explore = settings.explore
        total = explore.trials * explore.trial_segments * experience.frames.shape[1]

        def show(done: int) -> None:
            progress(f"trial {number}", done, total, "")

        mind = Mind(model, settings.planner, settings.run.seed)
        seed = settings.run.seed + 104729 * (number + 1)
        trial = put_to_trial(Outing(mind, model, body, experience, explore, seed, show))
        if trial is not None:
            _keep(trial.experience, file)
            done = trial.experience.count
            progress(f"trial {number}", done, done, "")
        share = None if trial is None else float(trial.held.mean())
        unfinished = note.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(share), "utf-8")
        unfinished.replace(note)
    share = json.loads(note.read_text("utf-8"))
    return verdict if share is None else verdict.after_trial(share)


def _after_trial(folder: Path, number: int) -> Dataset:
    """All experience up to a round, and the frames of its trial."""
    known = load_dataset(folder / f"experience-{number}.safetensors")
    tried = folder / f"trial-{number}.safetensors"
    return joined(known, load_dataset(tried)) if tried.exists() else known


def _keep(dataset: Dataset, file: Path) -> None:
    unfinished = file.with_suffix(".unfinished")
    dataset.save(unfinished)
    unfinished.replace(file)


def _learned(settings, body, experience, folder, number, progress) -> tuple[Model, Verdict]:
    """The model of this round, and what is thought of it."""
    kept = folder / f"model-{number}"
    try:
        return load_model(kept, settings.body), read_verdict(read_page(kept)["verdict"])
    except (ModelError, KeyError):
        pass
    began = time.monotonic()

    def show(stage: str, done: int, total: int, figure: str) -> None:
        progress(f"{stage} {number}", done, total, figure)

    learn_from, judge_by = split(experience)
    model, scores, verdict = None, {}, None
    for start in range(settings.explore.starts):
        seed = settings.run.seed + number + 1009 * start
        other, figures = train(learn_from, body.spec, settings.train, seed, show)
        other, widths = calibrate(other, learn_from, judge_by)
        figures["widths"] = widths._asdict()
        found = validate(other, judge_by, settings.planner)
        if verdict is None or found.better_than(verdict):
            model, scores, verdict = other, figures, found
        if verdict.passed:
            break
    assert model is not None
    assert verdict is not None
    page = {"scores": scores, "verdict": verdict.as_dict(), "seconds": time.monotonic() - began}
    save_model(model, page, kept)
    return model, verdict


def seconds_spent(folder: Path) -> float:
    """Seconds that learning took, over all rounds and continuations."""
    pages: list[dict[str, Any]] = [read_page(each) for each in folder.glob("model-*")]
    return sum(page["seconds"] for page in pages)


__all__ = ["HELD_OUT", "Life", "live", "seconds_spent", "split"]
