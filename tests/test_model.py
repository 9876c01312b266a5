"""The agent's model as a factor graph: what a frame says, and what is believed before any."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.filter import filter_step
from jopa_agent.agent.graph.gaussian import Belief
from jopa_agent.agent.graph.system import observed
from jopa_agent.agent.learning.checkpoint import load_model
from jopa_agent.agent.model import INFERENCE, Model
from jopa_agent.configs.settings import read_preset, settings_from, shipped_model
from jopa_agent.envs.camera import Camera
from jopa_agent.envs.pendulum import Pendulum
from scipy.stats import multivariate_normal

from .graph.transitions import PlainMotion, jacobians

BODY = settings_from(read_preset("pendulum"), {}).body


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(shipped_model("pendulum"), BODY)


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    """One that the encoder has no doubts about."""
    return Pendulum(Camera(BODY.camera_crop_px, BODY.camera_size_px)).picture(0.7)


def test_a_frame_is_a_message_about_the_pose(model: Model, frame: np.ndarray):
    """Density of the encoder's pose, at any state; nothing is said of velocity and disturbance."""
    anywhere = Belief.of(jnp.ones((1, 6)), jnp.eye(6)[None])
    rows = jax.jit(
        lambda model, frame: observed(model.system(), model.seen(frame), anywhere, INFERENCE)
    )
    said = jax.tree.map(lambda x: np.asarray(x[0], np.float64), rows(model, frame))
    pose = np.asarray(model.encoder(jnp.asarray(frame)), np.float64)
    cov = np.asarray(model.sensor_noise.at(pose), np.float64)
    std = np.sqrt(np.diag(cov))
    assert not said.matrix[:, 2:].any()
    for away in np.random.default_rng(1).normal(size=(5, 2)):
        state = np.concatenate([pose + away * std, np.zeros(4)])
        log_value = said.log_scale - 0.5 * np.sum((said.matrix @ state - said.value) ** 2)
        density = multivariate_normal(pose, cov).logpdf(state[:2])  # pyright: ignore[reportArgumentType]
        assert log_value == pytest.approx(density, abs=1e-2)


def test_one_step_is_prediction_and_bayes_rule(model: Model, frame: np.ndarray):
    """From the belief of before any frame, through a control, by the plain model."""
    system, oracle, control = model.system(), PlainMotion(model.transition), np.array([0.7])
    step = jax.jit(filter_step, static_argnames="inference")
    u = jnp.asarray(control, jnp.float32)
    seen = model.seen(jnp.asarray(frame))
    found = step(system, INFERENCE, system.prior, u, seen, jnp.asarray(False))
    mean, cov = np.asarray(system.prior.mean, float), np.asarray(system.prior.cov, float)
    along, _ = jacobians(oracle, mean, control)
    cov = along @ cov @ along.T + oracle.noise(mean, control)
    mean = oracle.mean(mean, control)
    noise = np.asarray(model.sensor_noise.at(model.encoder(jnp.asarray(frame))), np.float64)
    innovation = cov[:2, :2] + noise
    gain = np.linalg.solve(innovation, cov[:2]).T
    miss = np.asarray(model.encoder(jnp.asarray(frame)), np.float64) - mean[:2]
    after = cov - gain @ cov[:2]
    std = np.sqrt(np.diag(after))
    away = (np.asarray(found.belief.mean) - (mean + gain @ miss)) / std
    np.testing.assert_allclose(away, 0, atol=0.02)
    np.testing.assert_allclose(found.belief.std, std, rtol=5e-3)
    squares = miss @ np.linalg.solve(innovation, miss)
    assert float(found.surprise @ found.surprise) == pytest.approx(squares, rel=1e-3)
    density = multivariate_normal(np.zeros(2), innovation).logpdf(miss)  # pyright: ignore[reportArgumentType]
    assert float(found.evidence) == pytest.approx(density, rel=1e-3)


def test_at_rest_is_the_frames_pose_without_motion(model: Model, frame: np.ndarray):
    state = np.asarray(model.at_rest(jnp.asarray(frame)))
    np.testing.assert_allclose(state[:2], model.encoder(jnp.asarray(frame)), rtol=1e-6)
    assert not state[2:].any()
