"""The score of an episode, against cases that can be counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jopa_agent.agent.evaluation.score import angle_error, score

PERIOD_S = 0.05
TEN_SECONDS = 200  # steps


def swing(steps_away: int, steps_near: int, near: float = 0.05) -> np.ndarray:
    return np.concatenate([np.full(steps_away, np.pi), np.full(steps_near, near)])


def test_an_episode_that_reaches_and_holds():
    result = score(swing(60, 340), 0.0, PERIOD_S, 0.1)
    assert result.reached
    assert result.steps_to_reach == 60
    assert result.held
    assert result.final_error == pytest.approx(0.05)
    assert result.max_error_last_10s == pytest.approx(0.05)
    assert result.mean_error == pytest.approx((60 * np.pi + 340 * 0.05) / 400)


def test_never_reached_has_no_step():
    result = score(np.full(300, 1.0), 0.0, PERIOD_S, 0.1)
    assert not result.reached
    assert result.steps_to_reach is None
    assert not result.held


def test_one_glance_away_within_the_last_ten_seconds_is_not_held():
    angles = swing(100, 300)
    angles[-TEN_SECONDS - 1] = 0.2  # exactly ten seconds before the end
    result = score(angles, 0.0, PERIOD_S, 0.1)
    assert result.reached
    assert not result.held
    assert result.max_error_last_10s == pytest.approx(0.2)


def test_a_glance_away_before_the_last_ten_seconds_does_not_matter():
    angles = swing(100, 300)
    angles[-TEN_SECONDS - 2] = 0.2
    assert score(angles, 0.0, PERIOD_S, 0.1).held


@pytest.mark.parametrize(("frames", "held"), [(TEN_SECONDS, False), (TEN_SECONDS + 1, True)])
def test_an_episode_under_ten_seconds_is_not_held(frames: int, held: bool):
    result = score(np.zeros(frames), 0.0, PERIOD_S, 0.1)
    assert result.steps_to_reach == 0
    assert result.held is held


def test_the_tolerance_itself_is_outside():
    assert not score(np.full(300, 0.5), 0.0, PERIOD_S, 0.5).reached


def test_without_frames_there_is_nothing_to_score():
    with pytest.raises(ValueError, match="no true angle"):
        score(np.empty(0), 0.0, PERIOD_S, 0.1)


@given(
    angle=st.floats(-50, 50),
    goal=st.floats(-np.pi, np.pi),
    turns=st.integers(-3, 3),
)
def test_the_error_is_the_arc_between_two_points_on_the_circle(
    angle: float, goal: float, turns: int
):
    arc = abs(np.angle(np.exp(1j * (angle - goal))))
    assert angle_error(np.array([angle + turns * 2 * np.pi]), goal)[0] == pytest.approx(
        arc, abs=1e-12 * 100
    )
