"""The pendulum is Gymnasium's, bit for bit; its frames show the angle and nothing else."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from jopa_agent.envs import make_body
from jopa_agent.envs.camera import Camera
from jopa_agent.envs.pendulum import Pendulum

STEPS = 250  # more than the 200 after which Gymnasium's own wrapper cuts an episode


@pytest.fixture
def gym() -> Iterator[gymnasium.Env]:
    env: Any = gymnasium.make("Pendulum-v1").unwrapped
    yield env
    env.close()


def torques(seed: int) -> np.ndarray:
    """Within the limits, and sometimes beyond."""
    return np.random.default_rng(seed).uniform(-2.5, 2.5, (STEPS, 1)).astype(np.float32)


@pytest.mark.parametrize("seed", [0, 7])
def test_it_moves_as_gymnasiums_own(pendulum: Pendulum, gym: Any, seed: int):
    pendulum.reset(seed, "gymnasium")
    gym.reset(seed=seed)
    np.testing.assert_array_equal(pendulum.truth().state, gym.state)
    for torque in torques(seed):
        pendulum.step(torque)
        _, reward, *_ = gym.step(torque.astype(np.float64))
        truth = pendulum.truth()
        assert truth.state.tobytes() == gym.state.tobytes()
        assert truth.state.dtype == np.float64
        assert truth.reward == reward


def test_hanging_hangs(pendulum: Pendulum):
    pendulum.reset(3, "hanging")
    assert pendulum.truth().state.tolist() == [np.pi, 0.0]
    assert pendulum.truth().reward == 0.0
    for _ in range(20):
        pendulum.step(np.zeros(1, np.float32))
    np.testing.assert_allclose(pendulum.truth().state, [np.pi, 0], rtol=0, atol=1e-12)


def test_the_spec_is_gymnasiums(pendulum: Pendulum, gym: Any):
    spec = pendulum.spec
    assert spec.name == "pendulum"
    assert spec.period_s == gym.dt == 0.05
    np.testing.assert_array_equal(spec.control_low, gym.action_space.low)
    np.testing.assert_array_equal(spec.control_high, gym.action_space.high)
    assert spec.control_low.dtype == spec.control_high.dtype == np.float32
    assert spec.safe_control.tolist() == [0.0]
    assert spec.frame_shape == (32, 32, 1)


def test_frames_are_the_render_without_the_arrow(
    pendulum: Pendulum, render_at: Callable[..., np.ndarray]
):
    camera = Camera(256, 32)
    frames = [pendulum.reset(1, "gymnasium")]
    angles = [pendulum.truth().state[0]]
    for torque in torques(1)[:40]:
        frames.append(pendulum.step(torque))
        angles.append(pendulum.truth().state[0])
    for frame, angle in zip(frames, angles, strict=True):
        np.testing.assert_array_equal(frame, camera.capture(render_at(angle)))
    # there was an arrow to hide
    assert (camera.capture(render_at(1.0, torque=2.0)) != camera.capture(render_at(1.0))).any()


def test_a_picture_is_the_frame_at_that_angle_after_any_torque(
    pendulum: Pendulum, render_at: Callable[..., np.ndarray]
):
    for torque, angle in [(2.0, 0.5), (-2.0, 0.5), (0.0, 4.0)]:
        pendulum.step(np.array([torque], np.float32))
        expected = Camera(256, 32).capture(render_at(angle))
        np.testing.assert_array_equal(pendulum.picture(angle), expected)


def test_positive_angles_turn_counter_clockwise(pendulum: Pendulum):
    """The rod is darker than the background: at 90 degrees it lies in the left half."""
    shade = 255.0 - pendulum.picture(np.pi / 2)[..., 0]
    shade -= shade.min()
    assert shade[:, :16].sum() > 5 * shade[:, 16:].sum()
    upright = 255.0 - pendulum.picture(0.0)[..., 0]
    upright -= upright.min()
    assert upright[:16].sum() > 5 * upright[16:].sum()


def test_picture_leaves_the_state_alone(pendulum: Pendulum, gym: Any):
    pendulum.reset(4, "gymnasium")
    gym.reset(seed=4)
    for torque in torques(4)[:20]:
        before = pendulum.truth()
        pendulum.picture(1.0)
        assert pendulum.truth().state.tobytes() == before.state.tobytes()
        assert pendulum.truth().reward == before.reward
        pendulum.step(torque)
        gym.step(torque.astype(np.float64))
    assert pendulum.truth().state.tobytes() == gym.state.tobytes()


def test_what_was_told_does_not_change_later(pendulum: Pendulum):
    before = pendulum.truth().state
    kept = before.copy()
    before += 1.0
    np.testing.assert_array_equal(pendulum.truth().state, kept)
    control = np.array([1.5], np.float32)
    pendulum.step(control)
    assert control.tolist() == [1.5]
    np.testing.assert_array_equal(before, kept + 1.0)


@pytest.mark.parametrize("angle", np.deg2rad([0, 10, 23, -15, 150, 90, 180, -60]))
def test_the_holding_effort_is_what_gymnasiums_physics_takes(
    pendulum: Pendulum, gym: Any, angle: float
):
    """A step from rest with that torque, gravity's opposite, leaves the pendulum at rest; beyond
    the limit, with the torque at its limit, what is missing still moves it."""
    effort = pendulum.holding_effort(angle)
    gym.reset(seed=0)
    gym.state = np.array([angle, 0.0])
    gym.step(np.array([-np.sign(np.sin(angle)) * min(effort, 1.0) * gym.max_torque]))
    missing = max(effort - 1.0, 0.0) * gym.max_torque * 3 * gym.dt
    assert abs(gym.state[1]) == pytest.approx(missing, abs=1e-12)


def test_the_choice_of_a_video_driver_is_left_to_others(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "chosen")
    make_body("pendulum", Camera(256, 32)).close()
    assert os.environ["SDL_VIDEODRIVER"] == "chosen"
    monkeypatch.delenv("SDL_VIDEODRIVER")
    make_body("pendulum", Camera(256, 32)).close()
    assert "SDL_VIDEODRIVER" not in os.environ


@pytest.mark.parametrize(
    ("place", "force", "turn"),
    [
        ((0.0, 0.5), (0.5, 0.0), 1),  # below the pivot to the right: counter-clockwise
        ((0.0, -0.5), (0.5, 0.0), -1),
        ((0.5, 0.0), (0.0, -0.5), 1),  # upwards, on the right
        ((0.5, 0.0), (0.7, 0.0), 0),  # along the lever
    ],
)
def test_a_drag_is_a_torque_about_the_middle(pendulum: Pendulum, place, force, turn):
    def after_a_step() -> np.ndarray:
        pendulum.reset(0, "hanging")
        pendulum.drag(np.array(place, np.float32), np.array(force, np.float32))
        pendulum.step(np.zeros(1, np.float32))
        return pendulum.truth().state

    # twice the lever (0.25), of the largest torque 2; 3 / (m l²) is the inverse of the inertia
    assert after_a_step()[1] == pytest.approx(turn * 3 * 2 * 0.25 * 2 * 0.05, abs=1e-6)
    dragged = pendulum.truth().state
    pendulum.step(np.zeros(1, np.float32))
    coasting = dragged[1] + 15 * np.sin(dragged[0]) * 0.05
    assert pendulum.truth().state[1] == pytest.approx(coasting)


def test_no_drag_is_stronger_than_four_times_the_bodys_own(pendulum: Pendulum):
    pendulum.reset(0, "hanging")
    pendulum.drag(np.array([0, 1e9]), np.array([1e9, 0]))
    pendulum.step(np.zeros(1, np.float32))
    assert pendulum.truth().state[1] == pytest.approx(3 * 4 * 2 * 0.05)
