"""Honest beliefs: noises and doubts as wide as the errors of predictions turn out to be.

Rendered frames are not read with white noise: what the encoder gets wrong is a pattern that is
locked to the pose, so that neighbouring steps err alike. Learning, which takes errors of different
steps for independent, finds too much process noise, too little noise of the sensor, and is too
sure of the weights. Three factors, one for each of these covariances, are therefore chosen such
that predictions are as often off by so many sigmas as normal ones are.

What is left of the process noise then may be very little: an error that hangs on the pose is no
noise. A filter that relies on such predictions follows late, for where they err they err for many
steps alike. Its own process noise is therefore kept up, as in loop transfer recovery (Doyle and
Stein, Robustness with observers, IEEE Transactions on Automatic Control 24, 1979).
"""

from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..graph.motion import widened
from ..model import Model
from .dataset import Dataset
from .foretell import foretell

NOMINAL = (0.5, 0.9, 0.99)
"""Central shares of a normal distribution that predictions are judged by."""

_QUANTILES = (0.6744898, 1.6448536, 2.5758293)
_AHEAD = (1, 5, 20)  # steps
_SEGMENTS = 12  # of those that were learned from
_START, _STEPS = np.log2([3.0, 0.05, 16.0]), (1.0, 0.5)
_WATCHFUL = 0.3  # of the process noise that was learned: a filter takes it for no less
_LEAST, _MOST = np.log2([0.5, 0.005, 1.0]), np.log2([16.0, 2.0, 200.0])


class Widths(NamedTuple):
    """Factors on the covariances of the sensor's noise, the process noise, and the weights."""

    sensor: float
    process: float
    weights: float


def coverage(scores: Float[np.ndarray, "N d"]) -> tuple[float, ...]:
    """Shares of ``scores``, in sigmas, within each of the central shares of a normal one."""
    return tuple(float((np.abs(scores) < quantile).mean()) for quantile in _QUANTILES)


def calibrate(model: Model, learned_from: Dataset, held_out: Dataset) -> tuple[Model, Widths]:
    """``model`` with honest widths, and the factors that gave them.

    The coverage of frames that were learned from and of those ``held_out`` counts alike: the
    former are many, but err less.
    """
    some = np.unique(np.linspace(0, len(learned_from.frames) - 1, _SEGMENTS).astype(int))
    known = replace(
        learned_from, frames=learned_from.frames[some], controls=learned_from.controls[some]
    )
    misfits: dict[tuple[float, ...], float] = {}

    def misfit(logs: np.ndarray) -> float:
        key = tuple(logs)
        if key not in misfits:
            wide = _widened(model, Widths(*2.0**logs))
            misfits[key] = sum(_misfit(wide, each) for each in (known, held_out))
        return misfits[key]

    best = _START
    for step in _STEPS:
        improved = True
        while improved:
            improved = False
            for axis in range(3):
                for sign in (1, -1):
                    other = best.copy()
                    other[axis] = np.clip(other[axis] + sign * step, _LEAST[axis], _MOST[axis])
                    if misfit(other) < misfit(best):
                        best, improved = other, True
    widths = Widths(*(float(x) for x in 2.0**best))
    return _widened(model, widths), widths


def _widened(model: Model, widths: Widths) -> Model:
    return replace(
        model,
        sensor_noise=model.sensor_noise.scaled(widths.sensor),
        transition=widened(model.transition, widths.process, widths.weights),
        inflation=jnp.asarray(max(1.0, _WATCHFUL / widths.process), jnp.float32),
    )


def _misfit(model: Model, recorded: Dataset) -> float:
    scores = foretell(model, recorded, max(_AHEAD)).scores
    found = np.array([coverage(scores[:, ahead - 1]) for ahead in _AHEAD])
    return float(((found - NOMINAL) ** 2).sum())
