"""What a frame says of the pose when it is usual, noisy, partly hidden, or nothing at all."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.learning.checkpoint import load_model
from jopa_agent.agent.model import Model
from jopa_agent.agent.pose_sensor import PoseSensor
from jopa_agent.configs.sections import Body
from jopa_agent.configs.settings import shipped_model
from jopa_agent.envs.camera import Camera
from jopa_agent.envs.pendulum import Pendulum

ANGLES = np.linspace(-np.pi, np.pi, 24, endpoint=False)
STATE = 6
messages = jax.jit(PoseSensor.messages)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(shipped_model("pendulum"), Body())


@pytest.fixture(scope="module")
def sensor(model: Model) -> PoseSensor:
    return PoseSensor(model.encoder, model.decoder, model.sensor_noise)


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return pictures(ANGLES)


def pictures(angles: np.ndarray) -> np.ndarray:
    body = Pendulum(Camera(256, 32))
    return np.stack([body.picture(angle) for angle in angles])


def noisy(frames: np.ndarray, std: float, seed: int) -> np.ndarray:
    pixels = frames + np.random.default_rng(seed).normal(0, 255 * std, frames.shape)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def read(sensor: PoseSensor, frames: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and covariances of the messages near the poses ``near``."""
    states = np.zeros((len(frames), STATE), np.float32)
    states[:, :2] = near
    told = messages(sensor, frames, states)
    cov = np.linalg.inv(np.asarray(told.precision, np.float64))
    return np.einsum("tij,tj->ti", cov, np.asarray(told.eta, np.float64)), cov


def sigmas(error: np.ndarray, cov: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("ti,tij,tj->t", error, np.linalg.inv(cov), error) / error.shape[1])


def test_a_usual_frame_is_read_by_the_encoder_wherever_the_state_is(sensor, frames):
    for near in (np.zeros(2), np.full(2, 3.0)):
        mean, cov = read(sensor, frames, near)
        poses = jax.vmap(sensor.encoder)(frames)
        np.testing.assert_allclose(mean, poses, atol=1e-3)
        np.testing.assert_allclose(cov, jax.vmap(sensor.noise.at)(poses), rtol=1e-3, atol=1e-9)


def test_one_frame_is_read_as_among_many(sensor, frames):
    seen = noisy(frames[:2], 0.1, 0)
    both, alone = read(sensor, seen, np.zeros(2)), read(sensor, seen[:1], np.zeros(2))
    for many, one in zip(both, alone, strict=True):
        np.testing.assert_allclose(many[:1], one, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("std", [0.05, 0.1])
def test_noise_turns_the_pose_less_than_the_encoders_and_no_more_than_is_said(sensor, frames, std):
    true = np.asarray(jax.vmap(sensor.encoder)(frames), np.float64)
    ours, encoders, scores = [], [], []
    for seed in range(4):
        seen = noisy(frames, std, seed)
        mean, cov = read(sensor, seen, np.zeros(2))
        ours.append(turned(mean, true))
        encoders.append(turned(np.asarray(jax.vmap(sensor.encoder)(seen)), true))
        scores.append(sigmas(mean - true, cov))
    assert np.mean(np.square(ours)) < 0.5 * np.mean(np.square(encoders))
    assert 0.2 < np.sqrt(np.mean(np.square(scores))) < 1.2


def turned(pose: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Angle between two poses of the ring."""
    angles = [np.arctan2(each[:, 1], each[:, 0]) for each in (pose, other)]
    return np.angle(np.exp(1j * (angles[0] - angles[1])))


def test_a_hidden_corner_is_seen_around_from_where_the_pose_was_expected(sensor, frames):
    hidden = frames.copy()
    hidden[:, :14, :14] = 0
    true = np.asarray(jax.vmap(sensor.encoder)(frames), np.float64)
    expected = np.asarray(jax.vmap(sensor.encoder)(pictures(ANGLES + 0.05)))
    mean, cov = read(sensor, hidden, expected)
    misled = np.linalg.norm(jax.vmap(sensor.encoder)(hidden) - true, axis=1)
    away = np.linalg.norm(mean - true, axis=1)
    std = np.sqrt(np.diagonal(cov, axis1=1, axis2=2))
    behind = (ANGLES > 0.1) & (ANGLES < 1.5)  # there the rod itself is hidden
    assert np.median(misled) > 1
    assert away[~behind].max() < 0.2
    assert std.min() > 0.1
    assert (away[behind] < 4 * std[behind].min(1)).all()


@pytest.mark.parametrize("shade", [0, 255])
def test_a_blank_frame_says_little(sensor, frames, shade):
    _, cov = read(sensor, np.full_like(frames[:1], shade), np.zeros(2))
    assert np.isfinite(cov).all()
    assert np.linalg.eigvalsh(cov)[0, -1] > 0.3


def test_a_lost_frame_says_nothing(model: Model, frames: np.ndarray):
    sensor = model.system().sensors[0]
    data = model.seen(jnp.asarray(frames[0]), False)
    rows = sensor.rows(data.readings[0], jnp.zeros((1, 2)))
    assert not np.any(rows.matrix)
    assert not np.any(rows.value)
