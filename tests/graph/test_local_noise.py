"""Covariances at landmarks, and between them."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jopa_agent.agent.graph.local_noise import LocalNoise

COVS = np.array([[[1.0, 0.2], [0.2, 2.0]], [[4.0, -1.0], [-1.0, 3.0]], [[9.0, 0.0], [0.0, 9.0]]])
MARKS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
NOISE = LocalNoise.of(MARKS, COVS)


def test_one_that_is_even_is_the_same_everywhere():
    noise = LocalNoise.even(jnp.asarray(COVS[0]))
    for pose in ([0.0, 0.0], [100.0, -3.0]):
        np.testing.assert_allclose(noise.at(jnp.array(pose)), COVS[0], rtol=1e-6)


def test_between_landmarks_it_is_their_kernel_mean():
    """Gaussian, as wide as the nearest landmarks are apart: here 1. So it is on a landmark, too."""
    for pose in np.array([[0.3, 0.4], MARKS[1]]):
        shares = np.exp(-0.5 * ((pose - MARKS) ** 2).sum(1))
        expected = np.tensordot(shares / shares.sum(), COVS, 1)
        np.testing.assert_allclose(NOISE.at(jnp.asarray(pose)), expected, rtol=1e-5)


def test_far_from_all_it_is_that_of_the_nearest():
    np.testing.assert_allclose(NOISE.at(jnp.array([50.0, 0.0])), COVS[1], rtol=1e-5)


def test_it_does_not_hang_on_where_zero_is():
    moved = LocalNoise.of(MARKS + 5, COVS)
    pose = jnp.array([0.3, 0.4])
    np.testing.assert_allclose(moved.at(pose + 5), NOISE.at(pose), rtol=1e-5)


def test_landmarks_that_coincide_count_alike():
    noise = LocalNoise.of(np.ones((3, 2)), COVS)
    for pose in ([1.0, 1.0], [7.0, -2.0]):
        np.testing.assert_allclose(noise.at(jnp.array(pose)), COVS.mean(0), rtol=1e-5)


def test_one_landmark_learns_the_mean_square():
    errors = np.random.default_rng(1).normal(size=(500, 2)) @ np.array([[1.0, 0.5], [0.0, 2.0]])
    found = LocalNoise.even(COVS[0]).learned(np.array([errors.T @ errors]), np.array([500.0]))
    np.testing.assert_allclose(found.covs[0], errors.T @ errors / 500, rtol=1e-5)


def test_it_is_told_by_squares_and_where_there_are_none_by_the_mean_of_all():
    rng = np.random.default_rng(0)
    poses = np.concatenate([rng.normal(0, 0.05, (4000, 2)), rng.normal([1, 0], 0.05, (4000, 2))])
    wide = MARKS.copy()
    wide[2] = [0, 30]
    noise = replace(NOISE, landmarks=jnp.asarray(wide))
    shares = np.asarray(jax.vmap(noise.shares)(jnp.asarray(poses)))
    roots = np.linalg.cholesky(COVS[[0] * 4000 + [1] * 4000])
    errors = np.einsum("tij,tj->ti", roots, rng.normal(size=(8000, 2)))
    squares = np.einsum("tk,ti,tj->kij", shares, errors, errors)
    found = noise.learned(squares, shares.sum(0))
    mean = errors.T @ errors / 8000
    np.testing.assert_allclose(found.covs[2], mean, rtol=1e-3)
    # each landmark hears of the other kind as well, for the kernel is as wide as they are apart
    share = 1 / (1 + np.exp(-0.5))
    for own, other in ((0, 1), (1, 0)):
        expected = share * COVS[own] + (1 - share) * COVS[other]
        np.testing.assert_allclose(found.covs[own], expected, rtol=0.1, atol=0.15)
