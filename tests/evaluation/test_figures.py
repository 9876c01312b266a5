"""What many episodes amount to."""

import numpy as np
from jopa_agent.agent.evaluation.episode import NEAR, Episode
from jopa_agent.agent.evaluation.figures import central_ranks
from jopa_agent.agent.evaluation.score import score_errors

TICKS, POSES = 4020, 2


def episode(surprises: np.ndarray, distances: np.ndarray) -> Episode:
    nothing = np.zeros(len(surprises))
    return Episode(
        goal="upright", goal_can_be_held=True, seed=0, score=score_errors(nothing, 0.05, 0.1),
        reward_sum=0.0, poses=POSES, states=np.zeros((len(surprises) + 1, 2)),
        controls=nothing[:, None], distances=distances, errors=distances, surprises=surprises,
        filter_ms=nothing, plan_ms=nothing, frames=np.zeros((0, 4, 4, 1), np.uint8),
        frame_ticks=np.zeros(0, int),
    )  # fmt: skip


def test_ranks_of_honest_beliefs_are_uniform_on_the_way_and_at_the_goal() -> None:
    """Normal errors of each coordinate on the way, half as large at the goal; some frames lost."""
    rng = np.random.default_rng(0)
    near = np.arange(TICKS) >= TICKS // 2
    errors = rng.normal(size=(TICKS, POSES)) * np.where(near, 0.5, 1.0)[:, None]
    surprises = np.sqrt((errors**2).mean(axis=1))
    surprises[100:110] = np.nan
    distances = np.where(near, NEAR / 2, 2 * NEAR)
    away, home = (
        central_ranks([episode(surprises, distances)], at_goal) for at_goal in (False, True)
    )
    assert len(away) == TICKS // 2 - 20 - 10
    assert len(home) == TICKS // 2
    for level in (0.5, 0.9, 0.99):
        # three standard errors of a share of 2,000
        assert abs((away < level).mean() - level) < 3 * np.sqrt(level * (1 - level) / 2000)
        # of a chi-squared of 2 degrees of freedom, a quarter as large
        assert abs((home < level).mean() - (1 - (1 - level) ** 4)) < 0.035


def test_where_the_goal_is_never_reached_nothing_is_said_of_it() -> None:
    found = central_ranks([episode(np.ones(40), np.full(40, 9.0))], at_goal=True)
    assert found.size == 0
