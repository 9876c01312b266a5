"""How well a run went, from the true angle alone: what `run` and `evaluate` both report."""

from dataclasses import dataclass

import numpy as np

from ...envs.physics import wrapped

HOLD_S = 10.0  # a goal counts as held when the body stays near it for this long, to the end


@dataclass(frozen=True)
class Score:
    """One episode against the truth; errors are radians of the true angle, wrapped.

    ``steps_to_reach`` counts steps from the start to the first frame within the tolerance.
    ``held``: within the tolerance throughout the last 10 s; false for a shorter episode.
    ``passed``: within the tolerance at least once in each whole 10 s; false for a shorter episode.
    """

    reached: bool
    steps_to_reach: int | None
    held: bool
    passed: bool
    mean_error: float
    final_error: float
    max_error_last_10s: float


def angle_error(angles: np.ndarray, goal_angle: float) -> np.ndarray:
    """Distance on the circle from ``angles`` (T,) to ``goal_angle``: (T,) in 0 ... pi radians."""
    turned = np.asarray(angles, dtype=np.float64) - goal_angle
    return np.abs(wrapped(turned))


def score(angles: np.ndarray, goal_angle: float, period_s: float, tolerance_rad: float) -> Score:
    """Score the true ``angles`` (T,), one a frame from the first before any step; radians.

    Raises ``ValueError`` when there is no angle at all.
    """
    if len(angles) == 0:
        raise ValueError("no true angle to score: the episode has no frame")
    return score_errors(angle_error(angles, goal_angle), period_s, tolerance_rad)


def score_errors(error: np.ndarray, period_s: float, tolerance: float) -> Score:
    """Score the distances ``error`` (T,) to the goal, one a frame."""
    near = error < tolerance
    hold_steps = round(HOLD_S / period_s)
    last = error[-(hold_steps + 1) :]
    windows = near[1:][: (len(near) - 1) // hold_steps * hold_steps].reshape(-1, hold_steps)
    return Score(
        reached=bool(near.any()),
        steps_to_reach=int(near.argmax()) if near.any() else None,
        held=len(last) > hold_steps and bool((last < tolerance).all()),
        passed=len(windows) > 0 and bool(windows.any(1).all()),
        mean_error=float(error.mean()),
        final_error=float(error[-1]),
        max_error_last_10s=float(last.max()),
    )
