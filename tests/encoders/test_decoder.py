"""The decoder draws what poses were read from; what disturbs a frame is told from its pose."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.encoders.decoder import fit_decoder
from jopa_agent.agent.learning.checkpoint import load_model
from jopa_agent.agent.model import Model
from jopa_agent.configs.settings import Body, shipped_model
from jopa_agent.envs.camera import Camera
from jopa_agent.envs.pendulum import Pendulum

ANGLES = np.linspace(-np.pi, np.pi, 24, endpoint=False)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(shipped_model("pendulum"), Body())


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    body = Pendulum(Camera(256, 32))
    return np.stack([body.picture(angle) for angle in ANGLES])


def noisy(frames: np.ndarray, std: float, seed: int = 0) -> np.ndarray:
    pixels = frames + np.random.default_rng(seed).normal(0, 255 * std, frames.shape)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def test_frames_are_drawn_where_they_are_a_function_of_the_pose():
    """Sums of harmonics, whose components it finds itself."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 800)
    poses = np.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], 1)
    waves = np.cos(angle[:, None] * np.arange(1, 5)) @ rng.normal(size=(4, 30))
    frames = np.clip(128 + 20 * waves, 0, 255).astype(np.uint8).reshape(-1, 5, 6, 1)
    decoder = fit_decoder(poses, frames, seed=0, steps=1500)
    drawn = np.asarray(jax.vmap(decoder)(jnp.asarray(poses, jnp.float32))).reshape(frames.shape)
    shown = frames / 255
    assert np.sum((drawn - shown) ** 2) < 0.01 * np.sum((shown - shown.mean(0)) ** 2)


def test_the_shipped_model_draws_the_pendulum_at_any_angle(model: Model, frames: np.ndarray):
    drawn = np.asarray(jax.vmap(lambda frame: model.picture(model.encoder(frame)))(frames))
    assert drawn.shape == frames.shape
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    shown = frames / 255
    unexplained = np.sum((drawn - shown) ** 2) / np.sum((shown - shown.mean(0)) ** 2)
    assert unexplained < 0.1


def test_usual_frames_are_not_disturbed(model: Model, frames: np.ndarray):
    assert not np.any(jax.vmap(model.encoder.disturbance)(frames))


@pytest.mark.parametrize("std", [0.05, 0.1])
def test_noise_widens_the_message_as_much_as_it_moves_the_pose(model: Model, frames, std):
    moved, variances = [], []
    for seed in range(4):
        seen = noisy(frames, std, seed)
        moved.append(jax.vmap(model.encoder)(seen) - jax.vmap(model.encoder)(frames))
        covariances = jax.vmap(model.encoder.disturbance)(seen)
        variances.append(np.diagonal(covariances, axis1=1, axis2=2))
    scores = np.array(moved) / np.sqrt(np.array(variances))
    assert 0.5 < np.sqrt(np.mean(scores**2)) < 2


def test_a_hidden_corner_says_next_to_nothing(model: Model, frames: np.ndarray):
    hidden = frames.copy()
    hidden[:, :14, :14] = 0
    moved = jax.vmap(model.encoder)(hidden) - jax.vmap(model.encoder)(frames)
    covariances = jax.vmap(model.encoder.disturbance)(hidden)
    stds = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    assert np.sqrt(np.mean(np.square(moved))) > 0.5  # the pose itself is lost
    assert (stds > 0.5).all()
