"""The line world: its moves and emissions, one by one and many at once, and it as a body."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from jopa_agent.envs import GoalError, make_body, read_goal
from jopa_agent.envs.camera import Camera
from jopa_agent.envs.line_trajectories import draw_trajectories
from jopa_agent.envs.line_world import BACK, FORWARD, MEANS, STAY, LineWorld, transition_matrix
from jopa_agent.envs.spot import VIEW

ID = "jopa_agent.envs.line_world:LineWorld-v0"
CAMERA = Camera(252, 36)


def counted(states, actions, following):
    counts = np.zeros((5, 5, 3))
    np.add.at(counts, (following, states, actions), 1)
    return counts / counts.sum(axis=0)


def test_gymnasium_takes_it():
    env = gymnasium.make(ID, render_mode="rgb_array")
    check_env(env.unwrapped, skip_render_check=False)
    first, _ = env.reset(seed=4)
    walk = [env.step(action)[0] for action in (2, 2, 1, 0)]
    assert np.array_equal(env.reset(seed=4)[0], first)
    assert np.array_equal([env.step(action)[0] for action in (2, 2, 1, 0)], walk)


def test_moves_by_hand():
    moves = transition_matrix(0.1)
    np.testing.assert_allclose(moves.sum(axis=0), 1.0, atol=1e-12)
    assert moves[0, 0, BACK] == moves[2, 2, STAY] == moves[4, 4, FORWARD] == pytest.approx(0.92)
    assert moves[3, 2, FORWARD] == moves[1, 2, BACK] == pytest.approx(0.92)
    assert moves[2, 2, FORWARD] == pytest.approx(0.02)


def test_steps_and_trajectories_are_of_the_same_law():
    """40,000 moves: each of the 75 frequencies, of 2,700 draws or more, within five sigmas."""
    trajectories, states = draw_trajectories(7, 8000, 6)
    found = counted(states[:, :-1], trajectories.actions, states[:, 1:])
    np.testing.assert_allclose(found, transition_matrix(), atol=5 * (0.25 / 2400) ** 0.5)
    env, actions = LineWorld(), np.random.default_rng(0).integers(3, size=20_000)
    env.reset(seed=0)
    walk = [env.state]
    for action in actions:
        env.step(action)
        walk.append(env.state)
    found = counted(walk[:-1], actions, walk[1:])
    np.testing.assert_allclose(found, transition_matrix(), atol=5 * (0.25 / 900) ** 0.5)
    for state in range(5):
        seen = trajectories.emissions[states == state]
        np.testing.assert_allclose(seen.mean(axis=0), MEANS[state], atol=5 / len(seen) ** 0.5)
        np.testing.assert_allclose(np.cov(seen.T), np.eye(2), atol=5 * (2 / len(seen)) ** 0.5)
    assert (np.bincount(states[:, 0]) == 1600).all()


def test_trajectories_are_those_of_their_seed():
    first, again, other = (draw_trajectories(seed, 10, 4) for seed in ((3, 0), (3, 0), (3, 1)))
    assert np.array_equal(first[0].emissions, again[0].emissions)
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0].emissions, other[0].emissions)
    assert first[0].emissions.dtype == np.float32


@pytest.mark.parametrize("options", [{"state": 5}, {"state": -1}, {"state": "one"}])
def test_a_state_that_there_is_not(options):
    with pytest.raises(ValueError, match=r"the line has the states 0 \.\.\. 4"):
        LineWorld().reset(options=options)


def test_the_body_shows_the_emission_and_moves_by_one_number():
    body = make_body("lineworld", CAMERA)
    frame = body.reset(5, "hanging")
    env = LineWorld()
    pixels = VIEW * ((np.arange(36) + 0.5) / 18 - 1)
    emission, _ = env.reset(seed=5)
    for control in (1.0, 0.6, 0.2, -1.0, -0.7):
        light = frame[..., 0] / frame.sum()
        place = np.array([light.sum(axis=0) @ pixels, light.sum(axis=1) @ -pixels])
        np.testing.assert_allclose(place, emission, atol=0.01)
        assert body.truth().state[0] == env.state
        frame = body.step(np.array([control], np.float32))
        emission = env.step(round(control) + 1)[0]


def test_goals_are_called_by_their_state():
    body = make_body("lineworld", CAMERA)
    goal = read_goal("state 3", body)
    assert (goal.state, goal.angle, goal.can_be_held) == (3.0, None, None)
    assert not np.array_equal(goal.image, read_goal("state 2", body).image)
    with pytest.raises(GoalError, match=r"'state 5': the line has the states 0 \.\.\. 4"):
        read_goal("state 5", body)
    with pytest.raises(GoalError, match="known by its pictures alone"):
        read_goal("upright", body)


def test_it_has_no_physics():
    with pytest.raises(ValueError, match="'mass=2' cannot be set in 'lineworld'"):
        make_body("lineworld", CAMERA, "mass=2")
