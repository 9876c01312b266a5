"""A short training of the encoder on a bar that turns in a small picture."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.encoders.fitted import Assignment, Fitted, Schedule
from jopa_agent.agent.encoders.likeness import squared_distances
from jopa_agent.agent.encoders.predictive import fit_predictive
from jopa_agent.agent.encoders.slow_features import even_weights, principal_components
from jopa_agent.agent.learning.dataset import EXPERIENCE, load_dataset
from jopa_agent.configs.settings import shipped_model

from .movie import POSES, POWERS, SCHEDULE, STEPS, Movie, assignment, make_movie


@pytest.fixture(scope="module")
def movie() -> Movie:
    return make_movie()


class Training(NamedTuple):
    fitted: Fitted
    losses: list[tuple[int, float]]


def train(seed: int) -> Training:
    losses: list[tuple[int, float]] = []
    fitted = fit_predictive(assignment(seed, lambda done, loss: losses.append((done, loss))))
    return Training(fitted, losses)


@pytest.fixture(scope="module")
def training() -> Training:
    return train(seed=3)


def poses(training: Training, movie: Movie) -> np.ndarray:
    return np.asarray(jax.vmap(jax.vmap(training.fitted.encoder))(jnp.asarray(movie.frames)))


def test_training_lowers_its_loss(training: Training):
    assert [done for done, _ in training.losses] == [STEPS // 2, STEPS]
    assert training.losses[1][1] < 0.8 * training.losses[0][1]


def test_the_poses_stay_white(training: Training, movie: Movie):
    """Where each counts by how rare it is."""
    values = poses(training, movie).reshape(-1, POSES)
    pixels = movie.frames.reshape(*movie.frames.shape[:2], -1) / 255
    mean, projection = principal_components(
        pixels.reshape(-1, pixels.shape[-1]), SCHEDULE.components
    )
    seen = (pixels - mean) @ projection.T / np.linalg.norm(projection, axis=1)
    share = even_weights(seen).frames.reshape(-1)
    np.testing.assert_allclose(share @ values, 0, atol=1e-3)
    # the whitening's ridge of 1e-4 is little beside raw variances of order one
    np.testing.assert_allclose(values.T @ (share[:, None] * values), np.eye(POSES), atol=3e-3)


def test_the_poses_are_a_ring_that_turns_with_the_body(training: Training, movie: Movie):
    """Up to a turn and a mirror the pose's angle is the body's; angles that were rarer are drawn
    together a little, so it is a few tenths of a radian off in places."""
    values = poses(training, movie)
    seen = np.arctan2(values[..., 1], values[..., 0])
    agreement = [np.abs(np.mean(np.exp(1j * (seen - s * movie.angles)))) for s in (1, -1)]
    assert max(agreement) > 0.95
    assert np.linalg.norm(values, axis=-1).min() > 0.4


def test_frames_that_look_alike_begin_with_poses_side_by_side():
    """Before the poses are moved by prediction, after one step of which: the first 800 frames that
    the shipped model learned from."""
    recorded = load_dataset(shipped_model("pendulum") / EXPERIENCE)
    count = 800 // recorded.frames.shape[1]
    frames, controls = recorded.frames[:count], recorded.controls[:count]
    schedule = Schedule(64, 16, width=64, steps=1, batch=64, learning_rate=5e-4, window=1)
    encoder = fit_predictive(Assignment(frames, controls, POWERS, POSES, 0, schedule)).encoder
    found = np.asarray(jax.vmap(jax.vmap(encoder))(jnp.asarray(frames))).reshape(-1, POSES)
    pixels = frames.reshape(len(found), -1) / 255
    apart = np.sqrt(squared_distances(found, found))
    alike = squared_distances(pixels, pixels) < 1
    assert apart[alike].max() < 0.06 * apart.max()


def test_the_last_layer_predicts_the_poses_it_was_trained_with(training: Training, movie: Movie):
    """One step ahead, better by far than supposing that the velocity stays."""
    pose = poses(training, movie).astype(np.float64)
    fitted, velocity = training.fitted, np.diff(pose, axis=1)
    scale = np.asarray(fitted.features.scale, np.float64)
    inputs = np.concatenate([pose[:, 1:-1], velocity[:, :-1], movie.controls[:, 1:]], -1) / scale
    phi = np.stack([np.prod(inputs[..., list(power)], axis=-1) for power in POWERS], axis=-1)
    change = np.diff(velocity, axis=1)
    assert fitted.last_layer.shape == (len(POWERS), POSES)
    assert fitted.last_layer.dtype == np.float64
    assert np.mean((change - phi @ fitted.last_layer) ** 2) < 0.5 * np.mean(change**2)


def test_the_same_seed_gives_the_same_bits(training: Training):
    again = train(seed=3)
    assert again.losses == training.losses
    one, two = (jax.tree.leaves(each.fitted.encoder) for each in (training, again))
    assert all((a == b).all() for a, b in zip(one, two, strict=True))
    assert (again.fitted.last_layer == training.fitted.last_layer).all()
