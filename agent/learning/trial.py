"""A trial with the body itself: are goals that can be held reached, and held?

It needs no true state: the distance is that of the believed pose to the goal's.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ..model import Model
from .dataset import Dataset
from .drive import Errand, Outing
from .ease import poses_with_ease
from .spread import spread

_NEAR = 0.12  # of the poses' standard deviation
_LAST = 0.4  # of a segment: the share at its end for which it has to be held


class Trial(NamedTuple):
    """What was recorded, and whether each goal was held."""

    experience: Dataset
    held: Bool[np.ndarray, "goals"]


def put_to_trial(outing: Outing) -> Trial | None:
    """Go on an ``outing`` to ``settings.trials`` goals in turn, each from a reset, until it is held
    at the end of a segment, for ``settings.trial_segments`` of them at most.

    The goals are frames of those ``known`` that the model is sure to hold with ease, far from each
    other; None where there are none, or none are asked for.
    """
    settings = outing.settings
    goals = _goals(outing.model, outing.known, settings.trials)
    if not len(goals):
        return None
    errands = [Errand(goal, settings.trial_segments, True, _held) for goal in goals]
    driven = outing.drive(errands, 0.0)
    return Trial(outing.experience(driven), driven.done)


def _held(away: Float[np.ndarray, "T"]) -> bool:
    last = away[-max(1, round(_LAST * len(away))) :]
    return bool(np.sqrt(np.mean(last**2)) < _NEAR)


def _goals(model: Model, known: Dataset, count: int) -> np.ndarray:
    frames = known.frames.reshape(-1, *known.frames.shape[2:])
    poses, ease = poses_with_ease(model, frames)
    easy = np.flatnonzero(ease)
    if not len(easy) or not count:
        return frames[:0]
    return frames[easy[spread(poses[easy], min(count, len(easy)))]]
