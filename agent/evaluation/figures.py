"""What many episodes amount to: shares, returns against the optimum, calibration, latencies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...configs.settings import Settings
from ...envs import Body
from .episode import NEAR, RETURN_STEPS, Episode

_LEVELS = (0.5, 0.9, 0.99)
_WORST = 5
_BEGINNING = 20  # frames


@dataclass(frozen=True)
class Regret:
    """The optimum's returns on the same starts, and by how much each episode falls short."""

    optimal: np.ndarray
    regret: np.ndarray


def regret_of(body: Body, episodes: Sequence[Episode]) -> Regret | None:
    """Against the best that the true state and physics allow; None where these are not known, or
    where the goal is not the one that the body's reward asks for."""
    physics = getattr(body, "physics", None)
    long_enough = all(len(episode.controls) >= RETURN_STEPS for episode in episodes)
    upright = all(episode.goal in ("upright", "0deg") for episode in episodes)
    if physics is None or not upright or not long_enough:
        return None
    from ...envs.optimum import optimal_returns

    starts = np.array([episode.states[0] for episode in episodes])
    optimal = optimal_returns(physics, starts, RETURN_STEPS)
    return Regret(optimal, optimal - np.array([episode.reward_sum for episode in episodes]))


def central_ranks(episodes: Sequence[Episode], at_goal: bool) -> np.ndarray:
    """The smallest central band of its prediction that each frame lies in, uniform in 0 ... 1
    where beliefs are honest; of the frames that are believed :data:`NEAR` the goal, or the others.

    A frame's squared surprise, summed over the poses, is chi-squared then. The first second, in
    which nothing is known of the velocity, does not count, nor do frames that were lost.
    """
    from scipy.stats import chi2

    squares, near = [], []
    for episode in episodes:
        squares.append(episode.poses * episode.surprises[_BEGINNING:] ** 2)
        near.append(episode.distances[_BEGINNING:] <= NEAR)
    asked = np.concatenate(squares)[np.concatenate(near) == at_goal]
    ranks = chi2.cdf(asked, episodes[0].poses)
    return ranks[np.isfinite(ranks) & (ranks > 0)]


def _coverage(ranks: np.ndarray) -> dict[str, float]:
    """Shares of the frames that lie within the central bands of the one-step prediction."""
    return {f"{level:g}": float((ranks < level).mean()) for level in _LEVELS if ranks.size}


def summarised(
    episodes: Sequence[Episode],
    regret: Regret | None,
    settings: Settings,
    model: str,
) -> dict[str, Any]:
    """All figures, as JSON takes them."""
    scores = [episode.score for episode in episodes]
    steps = [each.steps_to_reach for each in scores if each.steps_to_reach is not None]
    returns = np.array([episode.reward_sum for episode in episodes])
    goals = list(dict.fromkeys(episode.goal for episode in episodes))
    return {
        "environment": settings.body.name,
        "model": model,
        "goal": goals[0] if len(goals) == 1 else goals,
        "reset": settings.run.start,
        "seconds": settings.run.duration_s,
        "seed": settings.run.seed,
        "success_fraction": _share(episode.succeeded for episode in episodes),
        "mean_return": float(returns.mean()),
        "return_standard_error": float(returns.std() / np.sqrt(len(returns))),
        "optimal_return": None if regret is None else float(regret.optimal.mean()),
        "regret": None if regret is None else float(regret.regret.mean()),
        "reached_fraction": _share(each.reached for each in scores),
        "held_fraction": _share(each.held for each in scores),
        "passed_fraction": _share(each.passed for each in scores),
        "median_steps_to_reach": float(np.median(steps)) if steps else None,
        "max_error_last_10s": float(max(each.max_error_last_10s for each in scores)),
        "coverage_on_the_way": _coverage(central_ranks(episodes, at_goal=False)),
        "coverage_at_goal": _coverage(central_ranks(episodes, at_goal=True)),
        "filter_ms": _spread([episode.filter_ms for episode in episodes]),
        "plan_ms": _spread([episode.plan_ms for episode in episodes]),
        "goals": [_goal(name, episodes) for name in goals],
        "worst": [
            {"goal": episode.goal, "seed": episode.seed, "succeeded": episode.succeeded,
             "max_error_last_10s": episode.score.max_error_last_10s}
            for episode in worst(episodes)[:_WORST]
        ],
        "episodes": [episode.as_dict() for episode in episodes],
    }  # fmt: skip


def worst(episodes: Sequence[Episode]) -> list[Episode]:
    """The episodes, the worst first: those that failed, then those that ended furthest away."""
    return sorted(
        episodes,
        key=lambda episode: (
            episode.succeeded,
            episode.goal_can_be_held is False,
            -episode.score.max_error_last_10s,
            episode.reward_sum,
        ),
    )


def _goal(name: str, episodes: Sequence[Episode]) -> dict[str, Any]:
    own = [episode for episode in episodes if episode.goal == name]
    return {
        "goal": name,
        "can_be_held": own[0].goal_can_be_held,
        "episodes": len(own),
        "success_fraction": _share(episode.succeeded for episode in own),
    }


def _share(values: Any) -> float:
    return float(np.mean([bool(value) for value in values]))


def _spread(arrays: list[np.ndarray]) -> dict[str, float]:
    values = np.concatenate(arrays)
    return {"p50": float(np.median(values)), "p99": float(np.percentile(values, 99))}
