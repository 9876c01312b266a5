"""Experience on the way to goals of the agent's own choosing."""

import numpy as np

from ..encoders.likeness import rareness
from .dataset import Dataset
from .drive import Errand, Outing
from .ease import poses_with_ease

_NEAR = 0.2  # poses this near count as known to each other, in the pose's standard deviations


def explore(outing: Outing) -> Dataset:
    """Record ``settings.frames`` frames on an ``outing``.

    Every segment is for a frame of those ``known``, the rarer its pose the likelier. Every second
    is for one that can surely be held: what happens on the way there is what the model is needed
    for, and it errs where it has made itself believe what is not so. Random controls are added to
    those that are planned.
    """
    known, settings = outing.known, outing.settings
    rng = np.random.default_rng(outing.seed)
    frames = known.frames.reshape(-1, *known.frames.shape[2:])
    poses, easy = poses_with_ease(outing.model, frames)
    rare = rareness(np.asarray(poses, np.float64), _NEAR**2)
    held = rare * easy if easy.any() else rare
    chances = (rare / rare.sum(), held / held.sum())
    length = known.frames.shape[1]
    errands = [
        Errand(
            goal=frames[rng.choice(len(frames), p=chances[k % 2])],
            segments=1,
            reset=not k % settings.segments_per_reset,
        )
        for k in range(-(-settings.frames // length))
    ]
    return outing.experience(outing.drive(errands, settings.noise))
