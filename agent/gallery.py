"""Goals to choose from: pictures spread evenly over what a body can show."""

from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from ..envs import Body, Nameable, Posable, picture_at
from .learning.dataset import EXPERIENCE
from .runs.gallery import NO_GALLERY, Gallery

_GOALS = 24
_LARGEST = 2 * 2**20  # bytes of all pictures together
_LOOKED_AT = 2000  # frames of the experience


def gallery_of(body: Body, model: Path) -> Gallery:
    """Goals all around, of a body with an angle; its states, of one that has names for them; else
    the frames most unlike each other among those that the ``model`` was trained with, where it has
    kept them."""
    count = min(_GOALS, _LARGEST // int(np.prod(body.spec.frame_shape)))
    if isinstance(body, Posable):
        degrees = [round(360 * i / count) for i in range(count)]
        signed = [each if each <= 180 else each - 360 for each in degrees]
        images = np.stack([body.picture(np.deg2rad(each)) for each in signed])
        return Gallery(tuple(f"{each}deg" for each in signed), images)
    if isinstance(body, Nameable):
        names = body.goal_names[:count]
        return Gallery(names, np.stack([picture_at(name, body) for name in names]))
    frames = _experience(model / EXPERIENCE)
    if frames is None or frames.shape[1:] != body.spec.frame_shape:
        return NO_GALLERY
    chosen = unlike_each_other(frames, count)
    return Gallery(tuple(f"seen {number}" for number in chosen), frames[chosen])


def unlike_each_other(frames: np.ndarray, count: int) -> list[int]:
    """Which ``count`` of the ``frames`` ``(N, ...)`` to take so that each is as far as can be from
    those before it, in pixels: farthest-point sampling (Gonzalez, 1985)."""
    rows = frames.reshape(len(frames), -1).astype(np.float32)
    chosen = [0]
    nearest = np.full(len(rows), np.inf)
    while len(chosen) < min(count, len(rows)):
        nearest = np.minimum(nearest, np.square(rows - rows[chosen[-1]]).sum(axis=1))
        chosen.append(int(nearest.argmax()))
        if nearest[chosen[-1]] == 0:
            return chosen[:-1]
    return chosen


def _experience(file: Path) -> np.ndarray | None:
    """Frames of a dataset, thinned evenly; None where there are none to read."""
    try:
        with safe_open(file, framework="numpy") as tensors:
            frames = np.asarray(tensors.get_tensor("frames"))
    except (OSError, SafetensorError, ValueError):
        return None
    frames = frames.reshape(-1, *frames.shape[2:])
    return frames[:: -(-len(frames) // _LOOKED_AT)]
