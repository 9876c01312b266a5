"""The mind of a discrete agent: what frames, moves, goals and what is missing do to it."""

import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.discrete import engine
from jopa_agent.agent.discrete.checkpoint import load_trained
from jopa_agent.agent.discrete.mind import DiscreteMind, load_mind
from jopa_agent.agent.encoders.spot import place_of_spot
from jopa_agent.configs.settings import read_preset, settings_from, shipped_model
from jopa_agent.envs import make_body, read_goal
from jopa_agent.envs.camera import Camera
from jopa_agent.envs.spot import VIEW
from jopa_agent.transport.beliefs import is_categorical

CAMERA = Camera(252, 36)
MODEL = shipped_model("lineworld")


def settings(**sections):
    return settings_from(read_preset("lineworld"), sections)


@pytest.fixture(scope="module")
def mind() -> DiscreteMind:
    mind = load_mind(MODEL, settings())
    mind.compile()
    return mind


def play(mind: DiscreteMind, ticks: int, goal: str = "state 4"):
    """A run without processes: the steps, the frames, the controls given, and the true states."""
    body = make_body("lineworld", CAMERA)
    mind.reset(0)
    assert mind.set_goal(read_goal(goal, body).image)
    image, control = body.reset(2, "gymnasium"), np.zeros(1, np.float32)
    steps, frames, controls, states = [], [], [], []
    for _ in range(ticks):
        steps.append(mind.step(image, control))
        frames.append(image)
        controls.append(control)
        states.append(int(body.truth().state[0]))
        control = steps[-1].controls[0]
        image = body.step(control)
    return steps, frames, controls, states


def test_beliefs_are_those_of_the_filter(mind: DiscreteMind):
    steps, frames, controls, states = play(mind, 12)
    trained = load_trained(MODEL)
    places = np.array([place_of_spot(frame, VIEW)[0] for frame in frames])
    actions = np.rint(np.array(controls)[1:, 0] + 1).astype(int)
    found = engine.filtered(trained.model, trained.encoder(places)[None], actions[None])
    beliefs = np.array([step.mean for step in steps])
    np.testing.assert_allclose(beliefs, found.beliefs[0], atol=1e-5)
    wish = 8.0 * trained.model.likelihood @ steps[0].goal
    agent = engine.agent_of(trained.model, len(steps), wish, 4)
    least = engine.policies(agent, jnp.asarray(beliefs)).expected_free_energy.min(axis=1)
    np.testing.assert_allclose([step.free_energy for step in steps], least, atol=1e-3)
    assert (beliefs.argmax(axis=1) == states).mean() > 0.8
    assert is_categorical(beliefs, np.array([step.std for step in steps]))
    step = steps[0]
    assert step.controls.shape == (4, 1)
    assert step.planned_mean.shape == (4, 5)
    assert step.goal.argmax() == 4
    assert step.distance == pytest.approx(1 - step.mean @ step.goal)
    assert step.surprise >= 0


def test_it_goes_to_the_goal_and_to_the_next(mind: DiscreteMind):
    steps, *_, states = play(mind, 40)
    there = np.array(states[8:]) == 4
    assert there.mean() > 0.5  # the moves' own noise leads away again
    assert {float(step.controls[0, 0]) for step in steps[:3]} == {1.0}
    steps, *_, states = play(mind, 40, "state 1")
    assert (np.array(states[8:]) == 1).mean() > 0.4


def test_what_is_not_seen_is_bridged_by_the_moves(mind: DiscreteMind):
    _, frames, *_ = play(mind, 1)
    mind.begin_episode()
    first = mind.step(frames[0], np.zeros(1))
    lost = mind.step(None, np.ones(1))
    moves = np.asarray(load_trained(MODEL).model.transition)[:, :, 2]
    np.testing.assert_allclose(lost.mean, moves @ first.mean, atol=1e-5)
    assert lost.surprise == 0.0
    mind.begin_episode()
    again = mind.step(frames[0], np.ones(1))  # what was given before an episode does not count
    assert np.array_equal(again.mean, first.mean)


def test_it_learns_the_moves_while_acting_and_forgets_them_at_a_reset(mind: DiscreteMind):
    _, frames, *_ = play(mind, 1)
    stuck = frames[0]
    believed = []
    for _ in range(2):
        mind.reset(0)
        mind.step(stuck, np.zeros(1))
        believed.append(mind.step(None, np.ones(1)).mean[0])
        for _ in range(60):  # forward leads nowhere any more
            mind.step(stuck, np.ones(1))
            mind.learn()
        believed.append(mind.step(None, np.ones(1)).mean[0])
    assert believed[0] == believed[2]
    assert believed[1] > believed[0] + 0.2


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"body": {"frame_delay": 1}}, "body.frame_delay = 1"),
        (
            {
                "sensors": {"gyro": {"matrix": [[1.0]]}},
                "gateway": {"listen": "tcp://127.0.0.1:5600"},
            },
            "sensors gyro",
        ),
    ],
)
def test_what_it_cannot_do(sections, said):
    with pytest.raises(ValueError, match=said):
        load_mind(MODEL, settings(**sections))


def test_a_goal_comes_first():
    with pytest.raises(ValueError, match="call set_goal"):
        load_mind(MODEL, settings()).step(None, np.zeros(1))


def test_which_beliefs_are_categorical():
    mean = np.array([[0.2, 0.8], [1.0, 0.0]])
    std = np.sqrt(mean * (1 - mean))
    assert is_categorical(mean, std)
    lost = np.full((1, 2), np.nan)
    assert is_categorical(np.concatenate([mean, lost]), np.concatenate([std, lost]))
    assert not is_categorical(lost, lost)
    assert not is_categorical(mean, std + 0.1)
    assert not is_categorical(2 * mean, std)
    assert not is_categorical(np.array([1.5, -0.5]), np.array([0.1, 0.1]))
    assert not is_categorical(np.ones(1), np.zeros(1))
