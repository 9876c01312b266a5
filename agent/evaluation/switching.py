"""Goals that change in mid-run: is each reached before the next one is asked for, and how soon?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...configs.settings import Settings
from ...envs import Body, Goal
from ..mind import Mind
from .episode import NEAR
from .evaluate import evaluate
from .score import angle_error

_SETTLED_S = 0.5

SLOW = 1.5
"""As a multiple of the optimum's ticks: what takes longer is slow."""


@dataclass(frozen=True)
class Leg:
    """One goal's time, beginning in the true state ``start``: near it or ``away``, tick by tick."""

    goal: Goal
    start: np.ndarray
    away: list[bool]


@dataclass(frozen=True)
class Run:
    """``goals`` in an order drawn with ``seed``, none twice running, each for ``seconds``, as long
    as the settings' duration lasts."""

    goals: tuple[Goal, ...]
    seed: int
    seconds: float

    def play(self, mind: Mind, body: Body, settings: Settings) -> list[Leg]:
        """Play it."""
        rng, run = np.random.default_rng(self.seed), settings.run
        image = body.reset(self.seed, run.start)
        mind.reset(self.seed)
        control = np.zeros_like(body.spec.safe_control)
        legs, last = [], -1
        for _ in range(int(run.duration_s // self.seconds)):
            last = int(rng.choice([k for k in range(len(self.goals)) if k != last]))
            goal = self.goals[last]
            mind.set_goal(goal.image)
            leg = Leg(goal, body.truth().state, [])
            for _ in range(round(self.seconds / body.spec.period_s)):
                angle = body.truth().state[0]
                step = mind.step(image, control)
                if run.learn:
                    mind.learn()
                control = step.controls[0]
                image = body.step(control)
                if goal.angle is None:
                    leg.away.append(step.distance > NEAR)
                else:
                    leg.away.append(float(angle_error(angle, goal.angle)) > run.tolerance_rad)
            legs.append(leg)
        return legs


def switch_goals(
    settings: Settings, model: Path, body: Body, goals: Sequence[Goal], seconds: float, runs: int
) -> dict[str, Any]:
    """Play ``runs`` of them; all figures, as JSON takes them.

    A goal is ``reached`` where the last half second was spent near it; ``optimum`` are the ticks
    that have to be spent elsewhere from the same true state, None where that is not known.
    """
    tasks = [Run(tuple(goals), settings.run.seed + k, seconds) for k in range(runs)]
    settled = round(_SETTLED_S / body.spec.period_s)
    legs = [
        {
            "goal": leg.goal.name,
            "reached": not any(leg.away[-settled:]),
            "ticks_away": sum(leg.away),
            "optimum": _optimum(body, leg, settings.run.tolerance_rad),
        }
        for found in evaluate(settings, model, tasks)
        for leg in found
    ]
    optima = [leg["optimum"] for leg in legs if leg["optimum"] is not None]
    slow = [leg["ticks_away"] > SLOW * leg["optimum"] for leg in legs if leg["optimum"] is not None]
    return {
        "environment": settings.body.name,
        "model": str(model),
        "seconds": seconds,
        "reached_fraction": float(np.mean([leg["reached"] for leg in legs])),
        "mean_ticks_away": float(np.mean([leg["ticks_away"] for leg in legs])),
        "mean_optimum": float(np.mean(optima)) if optima else None,
        "slow_fraction": float(np.mean(slow)) if optima else None,
        "legs": legs,
    }


def _optimum(body: Body, leg: Leg, tolerance: float) -> int | None:
    physics = getattr(body, "physics", None)
    if physics is None or leg.goal.angle is None:
        return None
    from ...envs.optimum import Stay, optimal_ticks_away

    stay = Stay(leg.goal.angle, tolerance)
    return int(optimal_ticks_away(physics, stay, leg.start[None], len(leg.away))[0])


def switching_lines(figures: dict[str, Any]) -> list[str]:
    """The figures as a person reads them."""
    count, seconds, reached = len(figures["legs"]), figures["seconds"], figures["reached_fraction"]
    line = f"mean ticks away from the goal {figures['mean_ticks_away']:.1f}"
    if figures["mean_optimum"] is not None:
        line += f", the optimum's {figures['mean_optimum']:.1f}; "
        line += f"{figures['slow_fraction']:.1%} took more than {SLOW:g} times the optimum's"
    return [f"reached {reached:.1%} of {count} goals in {seconds:g} s each", line]
