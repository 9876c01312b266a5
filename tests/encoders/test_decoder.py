"""The decoder draws what poses were read from, and knows how well."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.encoders.decoder import fit_decoder
from jopa_agent.agent.encoders.pictures import pixels_of
from jopa_agent.agent.learning.checkpoint import load_model
from jopa_agent.agent.model import Model
from jopa_agent.configs.sections import Body
from jopa_agent.configs.settings import shipped_model
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


def test_what_is_hardly_ever_seen_is_drawn_as_well():
    """Blots of light that move with the pose, which is nearly always on one side."""
    rng = np.random.default_rng(0)
    angle = np.concatenate([rng.uniform(0, np.pi, 980), rng.uniform(np.pi, 2 * np.pi, 20)])
    poses = np.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], 1)
    turned = np.angle(np.exp(1j * (angle[:, None] - np.arange(30) * 2 * np.pi / 30)))
    shown = np.exp(-0.5 * (turned / 0.3) ** 2)
    frames = np.rint(255 * shown).astype(np.uint8).reshape(-1, 5, 6, 1)
    decoder = fit_decoder(poses, frames, seed=0, steps=1500)
    drawn = np.asarray(jax.vmap(decoder)(jnp.asarray(poses, jnp.float32)))
    misfit = np.abs(drawn - shown).mean(1)
    assert misfit[-20:].mean() < 4 * misfit[:-20].mean()


def test_the_shipped_model_draws_the_pendulum_at_any_angle(model: Model, frames: np.ndarray):
    drawn = np.asarray(jax.vmap(lambda frame: model.picture(model.encoder(frame)))(frames))
    assert drawn.shape == frames.shape
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    shown = frames / 255
    unexplained = np.sum((drawn - shown) ** 2) / np.sum((shown - shown.mean(0)) ** 2)
    assert unexplained < 0.1


def test_frames_at_any_angle_are_drawn_as_well_as_usual(model: Model, frames: np.ndarray):
    misfit = jax.vmap(lambda frame: model.decoder.misfit(model.encoder(frame), pixels_of(frame)))
    assert (misfit(frames) <= model.decoder.usual_misfit).all()
    assert (misfit(255 - frames) > model.decoder.usual_misfit).all()
