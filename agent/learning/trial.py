"""A trial with the body itself: are goals that can be held reached, and held?

It needs no true state: the distance is that of the believed pose to the goal's.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool

from ..graph.hold import effort_std, holding_control
from ..model import Model
from .dataset import Dataset
from .drive import Errand, Outing
from .spread import spread

_EASY = 0.8  # of the limits: goals that may take more to be held are not asked for
_SURE = 2.0  # standard deviations
_NEAR = 0.12  # of the poses' standard deviation
_LAST = 0.2  # of the time given: the share at its end for which it has to be held


class Trial(NamedTuple):
    """What was recorded, and whether each goal was held at the end of its time."""

    experience: Dataset
    held: Bool[np.ndarray, "goals"]


def put_to_trial(outing: Outing) -> Trial | None:
    """Go on an ``outing`` to ``settings.trials`` goals in turn, without a reset between them, each
    for ``settings.trial_segments`` segments.

    The goals are frames of those ``known`` that the model is sure to hold with ease, far from each
    other; None where there are none, or none are asked for.
    """
    settings = outing.settings
    goals = _goals(outing.model, outing.known, settings.trials)
    if not len(goals):
        return None
    errands = [Errand(goal, settings.trial_segments, False) for goal in goals]
    driven = outing.drive(errands, 0.0)
    away = driven.distances.reshape(len(goals), -1)
    last = away[:, -max(1, round(_LAST * away.shape[1])) :]
    return Trial(outing.experience(driven), np.sqrt(np.mean(last**2, axis=1)) < _NEAR)


def _goals(model: Model, known: Dataset, count: int) -> np.ndarray:
    frames = known.frames.reshape(-1, *known.frames.shape[2:])
    poses, taken = (np.asarray(x) for x in _efforts(model, jnp.asarray(frames)))
    easy = np.flatnonzero(taken < _EASY)
    if not len(easy) or not count:
        return frames[:0]
    return frames[easy[spread(poses[easy], min(count, len(easy)))]]


@jax.jit
def _efforts(model, frames):
    """The pose of each frame, and what it takes at most to hold it, as the model sees it."""
    transition, d = model.transition, model.transition.outputs
    limits = model.control_low, model.control_high

    def one(frame):
        state = model.at_rest(frame)
        effort = holding_control(transition, state, *limits).effort
        return state[:d], effort + _SURE * effort_std(transition, state, model.sensor_cov, *limits)

    return jax.lax.map(one, frames)
