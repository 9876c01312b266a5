"""Environments of Gymnasium's as bodies: what follows from them, and which are refused."""

from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box
from jopa_agent.envs import GoalError, derived_preset, make_body, read_goal
from jopa_agent.envs.camera import Camera
from jopa_agent.envs.pendulum import Pendulum


class Lamp(gymnasium.Env):
    """A light whose place two actions set: 96x64 pixels, ended after a step by its own rules."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None, high: float = 3.0) -> None:
        self.render_mode = render_mode
        self.action_space = Box(np.array([-1, -high], np.float32), np.array([1, high], np.float32))
        self.observation_space = Box(-1, 1, (2,))
        self.place = np.zeros(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        self.place = self.np_random.uniform(-1, 1, 2)
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.place = np.asarray(action, float)
        return np.zeros(2, np.float32), float(action.sum()), True, False, {}

    def render(self):
        picture = np.zeros((64, 96, 3), np.uint8)
        picture[:, 47 + int(20 * self.place[0]), :] = 255
        return picture


@pytest.fixture(autouse=True)
def registered():
    for name, high in (("Lamp-v0", 3.0), ("Endless-v0", np.inf)):
        gymnasium.register(name, entry_point=Lamp, max_episode_steps=1, kwargs={"high": high})
    yield
    for name in ("Lamp-v0", "Endless-v0"):
        del gymnasium.registry[name]


def test_what_follows_from_the_environment():
    preset = derived_preset("Lamp-v0")
    assert preset["body"] == {
        "name": "Lamp-v0",
        "frame_skip": 2,
        "camera_crop_px": 64,
        "camera_size_px": 32,
    }
    assert preset["run"] == {"rate_hz": 25.0, "start": "gymnasium", "score": False}
    spec = make_body("Lamp-v0", Camera(64, 32)).spec
    assert spec.period_s == pytest.approx(0.02)
    np.testing.assert_array_equal(spec.control_low, np.float32([-1, -3]))
    np.testing.assert_array_equal(spec.control_high, np.float32([1, 3]))
    np.testing.assert_array_equal(spec.safe_control, np.zeros(2, np.float32))
    assert spec.frame_shape == (32, 32, 1)


def test_it_goes_on_beyond_the_end_of_an_episode():
    body = make_body("Lamp-v0", Camera(64, 32))
    first = body.reset(0, "hanging")
    np.testing.assert_array_equal(body.reset(0, "gymnasium"), first)
    left = body.step(np.float32([-0.5, 0]))
    for _ in range(5):
        right = body.step(np.float32([0.5, 1]))
    assert left[0].argmax() < right[0].argmax()
    assert body.truth().reward == 1.5
    assert np.isnan(body.truth().state).all()
    body.close()


@pytest.mark.parametrize(
    ("dt", "skip", "rate_hz"), [(0.2, 1, 5), (0.05, 1, 20), (0.01, 5, 20), (1 / 60, 3, 20)]
)
def test_a_tick_is_at_most_50_ms_where_a_step_is(
    monkeypatch: pytest.MonkeyPatch, dt: float, skip: int, rate_hz: float
):
    monkeypatch.setattr(Lamp, "dt", dt, raising=False)
    preset = derived_preset("Lamp-v0")
    assert preset["body"]["frame_skip"] == skip
    assert preset["run"]["rate_hz"] == pytest.approx(rate_hz)


def test_a_tick_of_some_steps_is_one_control_and_one_frame():
    once, thrice = (make_body("Pendulum-v1", Camera(256, 32), frame_skip=n) for n in (1, 3))
    assert thrice.spec.period_s == pytest.approx(3 * once.spec.period_s)
    for body in (once, thrice):
        body.reset(5, "gymnasium")
    for control in (2.0, -1.0, 0.5):
        rewards = []
        for _ in range(3):
            frame = once.step(np.float32([control]))
            rewards.append(once.truth().reward)
        np.testing.assert_array_equal(thrice.step(np.float32([control])), frame)
        assert thrice.truth().reward == pytest.approx(sum(rewards))
    for body in (once, thrice):
        body.close()


def test_other_bodies_have_one_step_a_tick():
    with pytest.raises(ValueError, match="frame_skip is 2: a tick of 'pendulum' is one step"):
        make_body("pendulum", Camera(256, 32), frame_skip=2)


def test_the_same_pendulum_by_another_name(pendulum: Pendulum):
    body = make_body("Pendulum-v1", Camera(256, 32))
    assert body.spec.period_s == pendulum.spec.period_s
    body.reset(4, "gymnasium")
    pendulum.reset(4, "gymnasium")
    for _ in range(5):  # its picture has the arrow of the torque, which the preset's hides
        body.step(np.float32([0.0]))
        pendulum.step(np.float32([0.0]))
    assert body.truth().reward == pytest.approx(pendulum.truth().reward)
    body.close()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("CartPole-v1", "Discrete"),
        ("Endless-v0", "finite limits"),
        ("Nothing-v3", "cannot be made"),
        ("no_such_module:It-v0", "cannot be made"),
    ],
)
def test_what_cannot_be_driven_is_refused_in_one_line(name: str, words: str):
    for make in (derived_preset, lambda name: make_body(name, Camera(64, 32))):
        with pytest.raises(ValueError, match=words) as error:
            make(name)
        assert repr(name) in str(error.value)
        assert "\n" not in str(error.value)


def test_a_camera_larger_than_the_picture_is_refused():
    with pytest.raises(ValueError, match="camera_crop_px is 128: set it to at most"):
        make_body("Lamp-v0", Camera(128, 32))


def test_its_goals_are_pictures(tmp_path):
    from jopa_agent.agent.learning.collect import collect
    from jopa_agent.configs.sections import Collect

    body = make_body("Lamp-v0", Camera(64, 32))
    with pytest.raises(GoalError, match="known by its pictures alone"):
        read_goal("10deg", body)
    recorded = collect(body, Collect(frames=60, segment_frames=30), seed=0)
    file = tmp_path / "data.safetensors"
    recorded.save(file)
    goal = read_goal(f"{file}:25", body)
    np.testing.assert_array_equal(goal.image, recorded.frames[0, 25])
    assert (goal.angle, goal.holding_effort, goal.can_be_held) == (None, None, None)
    with pytest.raises(GoalError, match=r"it holds the frames 0 \.\.\. 59"):
        read_goal(f"{file}:60", body)
    with pytest.raises(GoalError, match="cannot be read as a dataset"):
        read_goal(f"{tmp_path / 'none'}:3", body)
    with pytest.raises(GoalError, match="the camera sees"):
        read_goal(f"{file}:3", make_body("Lamp-v0", Camera(64, 64)))


@pytest.mark.parametrize(
    ("name", "rate_hz", "controls"), [("BrightPendulum-v0", 25.0, 1), ("TwoLinkArm-v0", 20.0, 2)]
)
def test_the_bodies_of_the_docs(
    monkeypatch: pytest.MonkeyPatch, name: str, rate_hz: float, controls: int
):
    folder = Path(__file__).parents[2] / "tools" / "bodies"
    if not folder.exists():
        pytest.skip("the tools are not beside the tests")
    monkeypatch.syspath_prepend(str(folder))
    preset = derived_preset(f"bodies:{name}")
    assert preset["run"]["rate_hz"] == rate_hz
    body = make_body(f"bodies:{name}", Camera(128, 32))
    assert body.spec.control_high.shape == (controls,)
    first = body.reset(1, "gymnasium")
    for _ in range(20):
        frame = body.step(body.spec.control_high)
    assert np.abs(frame.astype(int) - first).max() > 50  # it moves, and that can be seen
    body.close()
