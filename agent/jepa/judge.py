"""The figures of a world model: what its probe tells, set by set."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...envs.two_rooms_walks import Walks
from .model import WorldModel, parameter_count
from .probes import chance_px2, constant_error_px2, error_px2, fit_probe, foretold
from .sets import JUDGED, drawn, judged, windows

_PROBING = 4000  # walks that a probe is trained on, cut to windows
_JUDGED = 2000  # trajectories of each set


@dataclass(frozen=True)
class Trials:
    """What probes are trained on and judged by; the same for all models."""

    training: Walks
    sets: dict[str, Walks]


def trials(seed: int, probing: int = _PROBING, count: int = _JUDGED) -> Trials:
    """So many walks to train a probe on, and ``count`` trajectories of each set."""
    training = windows(drawn("normal", probing, seed, "probing"))
    return Trials(training, {name: judged(name, count, seed) for name in JUDGED})


def probe_figures(
    model: WorldModel, asked: Trials, seed: int, show: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Errors in px² a coordinate, open loop from the first frame, beside what bounds them.

    ``probe`` has the mean of each set; ``encoded`` that of first frames, which are looked at;
    ``last`` that of last frames; ``constant`` is the error of the mean position, ``chance`` what
    no prediction from the first frame can be below.
    """
    probe = fit_probe(foretold(model, asked.training), asked.training.positions, seed)
    errors = {}
    for name, walks in asked.sets.items():
        errors[name] = error_px2(probe, foretold(model, walks), walks)
        if show:
            show(f"{name}: {errors[name].mean():.3f} px²")
    return {
        "probe": {name: float(each.mean()) for name, each in errors.items()},
        "encoded": {name: float(each[0]) for name, each in errors.items()},
        "last": {name: float(each[-1]) for name, each in errors.items()},
        "parameters": parameter_count(model),
    }


def bounds(asked: Trials, seed: int) -> dict[str, Any]:
    """What the errors lie between: that of a constant, and what is left to chance."""
    training = asked.training
    return {
        "constant": {k: constant_error_px2(training, each) for k, each in asked.sets.items()},
        "chance": {k: chance_px2(each, seed) for k, each in asked.sets.items()},
        "trajectories": {k: int(np.shape(w.positions)[0]) for k, w in asked.sets.items()},
    }
