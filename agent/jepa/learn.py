"""Learning a world model from walks, kept on disk as it goes."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..learning.errors import ModelError
from ..output import write_text
from .files import read_tree, write_tree
from .model import Architecture, WorldModel, new_model
from .sets import WALK_FRAMES, drawn
from .training import Experience, Progress, Schedule, begin, train

_STRETCH = 50  # steps in one compiled call
_SAVE_EVERY_S = 60.0
_STATE, _NOTES = "training.safetensors", "training.json"


@dataclass(frozen=True)
class Learned:
    """A trained model, and how the training went: after so many ``frames`` and ``seconds``, the
    mean of each term of the loss since the entry before."""

    model: WorldModel
    history: list[dict[str, float]]


def experience_of(frames: int, seed: int) -> Experience:
    """Walks of at least so many frames in all; half of them begin near a door."""
    count = -(-frames // WALK_FRAMES)
    by_door = count // 2
    parts = [drawn("normal", count - by_door, seed, "training")]
    if by_door:
        parts.append(drawn("door", by_door, seed, "training"))

    def joined(values: Iterable[np.ndarray], dtype: type) -> Array:
        return jnp.asarray(np.concatenate(list(values)), dtype)

    return Experience(
        joined((walks.positions for walks in parts), jnp.float32),
        joined((walks.controls for walks in parts), jnp.float32),
        joined((walks.layout.wall_x for walks in parts), jnp.int32),
        joined((walks.layout.door_y for walks in parts), jnp.int32),
    )


def learn(
    architecture: Architecture,
    schedule: Schedule,
    experience: Experience,
    seed: int,
    folder: Path,
    show: Callable[[int, dict[str, float]], None],
) -> Learned:
    """Train a model, keeping all in ``folder``: a training that was cut off goes on where it was.

    ``show`` is called with the steps done and the terms of the loss. Raises :class:`ModelError`
    where the folder holds a training of another kind.
    """
    key_model, key = jax.random.split(jax.random.key(seed))
    progress = begin(new_model(architecture, key_model), schedule)
    about = {"architecture": asdict(architecture), "schedule": asdict(schedule), "seed": seed,
             "frames": int(experience.positions.shape[0]) * WALK_FRAMES}  # fmt: skip
    history: list[dict[str, float]] = []
    if (folder / _NOTES).exists():
        progress, history = _resumed(progress, about, folder)
    spent = history[-1]["seconds"] if history else 0.0
    began = saved = time.monotonic()
    while (done := int(progress.step)) < schedule.steps:
        steps = min(_STRETCH, schedule.steps - done)
        progress, terms = train(progress, experience, key, schedule, steps)
        entry = {name: float(value) for name, value in terms._asdict().items()}
        done += steps
        now = time.monotonic()
        seen = {"step": done, "frames": done * schedule.frames_a_step}
        history.append(seen | {"seconds": spent + now - began} | entry)
        show(done, entry)
        if now - saved > _SAVE_EVERY_S or done == schedule.steps:
            _keep(progress, about, history, folder)
            saved = now
    return Learned(progress.model, history)


def _keep(
    progress: Progress, about: dict[str, Any], history: list[dict[str, float]], folder: Path
) -> None:
    write_tree(progress, folder / _STATE)
    notes = {"about": about, "history": history}
    write_text(json.dumps(notes), folder / (_NOTES + ".part"))
    (folder / (_NOTES + ".part")).replace(folder / _NOTES)


def _resumed(
    progress: Progress, about: dict[str, Any], folder: Path
) -> tuple[Progress, list[dict[str, float]]]:
    path = folder / _NOTES
    try:
        notes = json.loads(path.read_text("utf-8"))
        history, same = notes["history"], notes["about"] == json.loads(json.dumps(about))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ModelError(
            f"training {str(path)!r} cannot be read ({error}): remove {str(folder)!r}"
        ) from None
    if not same:
        raise ModelError(
            f"training folder {str(folder)!r} holds a training with other settings: remove it, or "
            "give another --out"
        )
    progress = read_tree(progress, folder / _STATE)
    return progress, [each for each in history if each["step"] <= int(progress.step)]
