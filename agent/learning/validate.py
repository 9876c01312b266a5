"""Is a model good enough to act on? Judged from frames that it has not learned from."""

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ...configs.sections import Planner
from ..encoders.likeness import squared_distances
from ..model import Model
from .calibrate import coverage
from .dataset import Dataset
from .foretell import foretell
from .rehearse import rehearse
from .spread import spread

FAR = 20
"""Steps of the longer prediction that is judged."""

_GOALS, _STEPS, _SETTLED = 12, 160, 40
_NEAR = 0.2  # of the poses' standard deviation: counts as held in a rehearsal


@dataclass(frozen=True)
class Verdict:
    """What :func:`validate` found; ``faults`` are the reasons not to trust the model, and empty
    where it passes.

    Errors are medians and root mean squares in standard deviations of the poses; ``coverage``
    lists the shares of poses, calibrated on these frames among others, within the central 50, 90
    and 99 % of the prediction, after 1 and after 20 steps; ``twins``: largest distance of poses
    among frames that look all but the same,
    as a share of the largest distance at all; ``reconstruction``: share of the frames' variance
    that their decoded poses do not explain; ``rehearsed``: share of goals reached and held, or
    passed where they cannot be held, in the model's own dream; ``tried``: share of goals held in a
    trial with the body itself, None where there was none.
    """

    error_1: float
    error_20: float
    error_20_rms: float
    coverage_1: tuple[float, ...]
    coverage_20: tuple[float, ...]
    twins: float
    reconstruction: float
    rehearsed: float
    tried: float | None
    faults: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.faults

    def after_trial(self, share: float) -> "Verdict":
        """The same once a ``share`` of goals was held in a trial with the body itself."""
        fault = f"of the goals tried with the body itself {share:.0%} were held (all must be)"
        return replace(self, tried=share, faults=self.faults + ((fault,) if share < 1 else ()))

    def better_than(self, other: "Verdict") -> bool:
        """Whether to act on this one's model instead: it alone passes, or it errs less far."""
        if self.passed != other.passed:
            return self.passed
        return self.error_20_rms < other.error_20_rms or math.isnan(other.error_20_rms)

    def words(self) -> str:
        """In one line."""
        figures = (
            f"predicts 1 and {FAR} steps to {self.error_1:.3f} and {self.error_20:.3f} sd, "
            f"rehearsed {self.rehearsed:.0%} of its goals"
        )
        if self.tried is not None:
            figures += f", held {self.tried:.0%} of those tried"
        return f"passed ({figures})" if self.passed else f"failed: {'; '.join(self.faults)}"

    def as_dict(self) -> dict[str, Any]:
        """As JSON and TOML take it."""
        known = {k: v for k, v in asdict(self).items() if v is not None}
        scores = {k: list(v) if isinstance(v, tuple) else v for k, v in known.items()}
        return {"verdict": "pass" if self.passed else "fail", **scores}


def read_verdict(page: dict[str, Any]) -> Verdict:
    """The verdict that :meth:`Verdict.as_dict` wrote; raises KeyError where one is missing."""
    found: dict[str, Any] = {"tried": None} | page
    found = {field.name: found[field.name] for field in fields(Verdict)}
    return Verdict(**{k: tuple(v) if isinstance(v, list) else v for k, v in found.items()})  # type: ignore[arg-type]


def validate(model: Model, recorded: Dataset, planner: Planner, seed: int = 0) -> Verdict:
    """Judge ``model`` by frames ``recorded`` that it has not learned from, and by a rehearsal."""
    told = foretell(model, recorded, FAR)
    errors = np.abs(told.errors)
    frames = recorded.frames.reshape(-1, *recorded.frames.shape[2:])
    poses = np.asarray(model.poses(jnp.asarray(recorded.frames)))
    poses = poses.reshape(len(frames), -1)
    views = np.asarray(jax.jit(jax.vmap(model.views))(jnp.asarray(recorded.frames)))
    twins = _twins(views, poses)
    rehearsed = _rehearsed(model, planner, poses, seed)
    found = {
        "error_1": float(np.median(errors[:, 0])),
        "error_20": float(np.median(errors[:, FAR - 1])),
        "error_20_rms": float(np.sqrt(np.mean(told.errors[:, FAR - 1] ** 2))),
        "coverage_1": coverage(told.scores[:, 0]),
        "coverage_20": coverage(told.scores[:, FAR - 1]),
        "twins": twins,
        "reconstruction": _reconstruction(model, frames, poses),
        "rehearsed": rehearsed,
        "tried": None,
    }
    return Verdict(**found, faults=tuple(_faults(found)))


def _faults(found: dict[str, Any]) -> list[str]:
    """Reasons not to trust a model. The bounds lie between those of models that held the upright,
    and of models that did not."""
    faults = []
    if not found["error_20_rms"] < 1.0:
        faults.append(
            f"predictions {FAR} steps ahead go astray: off by {found['error_20_rms']:.2f} of the "
            "poses' standard deviation (root mean square; at most 1)"
        )
    if not found["error_20"] < 0.1:
        faults.append(
            f"predictions {FAR} steps ahead are off by {found['error_20']:.3f} of the poses' "
            "standard deviation (median; at most 0.1)"
        )
    for name in ("coverage_1", "coverage_20"):
        if not found[name][2] >= 0.7:
            faults.append(
                f"predictions are too sure of themselves: {found[name][2]:.0%} of the poses lie "
                f"within the 99 % band {name.partition('_')[2]} steps ahead (at least 70 %)"
            )
    if not found["twins"] < 0.05:
        faults.append(
            "frames that look alike have poses that lie apart: "
            f"{found['twins']:.1%} of their range (at most 5 %)"
        )
    if not found["reconstruction"] < 0.5:
        faults.append(
            "poses do not tell what the frames show: decoded, they leave "
            f"{found['reconstruction']:.0%} of the frames' variance (at most 50 %)"
        )
    if not found["rehearsed"] > 0.75:
        faults.append(
            f"of the goals rehearsed in the model itself {found['rehearsed']:.0%} are held, or "
            "passed where they cannot be held (more than 75 %)"
        )
    return faults


def _twins(views: np.ndarray, poses: Float[np.ndarray, "N d"]) -> float:
    """How far apart the poses are of each view and of the one that looks most like it."""
    pixels = views.reshape(len(poses), -1).astype(np.float32) / 255
    apart = squared_distances(pixels, pixels)
    np.fill_diagonal(apart, np.inf)
    twin = apart.argmin(1)
    alike = apart[np.arange(len(apart)), twin] <= np.quantile(apart.min(1), 0.9)
    away = np.linalg.norm(poses - poses[twin], axis=1)[alike]
    return float(away.max() / np.linalg.norm(np.ptp(poses, axis=0)))


def _reconstruction(model: Model, frames: np.ndarray, poses: Float[np.ndarray, "N d"]) -> float:
    shown = frames.astype(np.float32) / 255
    decoded = np.asarray(jax.jit(jax.vmap(model.picture))(jnp.asarray(poses)))
    return float(np.sum((shown - decoded) ** 2) / np.sum((shown - shown.mean(0)) ** 2))


def _rehearsed(model: Model, planner: Planner, poses: np.ndarray, seed: int) -> float:
    goals = poses[spread(poses, _GOALS)]
    starts = np.roll(goals, 1 + _GOALS // 2, axis=0)
    away, can_be_held = rehearse(model, planner, starts, goals, _STEPS, seed)
    held = away[:, -_SETTLED:].max(1) < _NEAR
    passed = away.min(1) < _NEAR
    return float(np.where(can_be_held, held, passed).mean())
