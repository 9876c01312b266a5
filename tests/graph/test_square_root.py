"""Roots of semi-definite matrices and Stein's loss, against numpy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent.graph.square_root import (
    eigen_root,
    exact_lower_root,
    inverse_of_lower,
    pseudo_inverse,
    semidefinite_root,
    square_lower,
    stein,
)

seeds = st.integers(0, 2**32 - 1)
semidefinite_root_jit, eigen_root_jit = jax.jit(semidefinite_root), jax.jit(eigen_root)


@given(seed=seeds, rank=st.integers(0, 4), spread=st.sampled_from([0.0, 3.0]))
@settings(max_examples=40)
def test_roots_of_any_rank_restore_the_matrix(seed: int, rank: int, spread: float):
    """Each entry to some roundings of its two standard deviations, whose scales may differ."""
    rng = np.random.default_rng(seed)
    scale = 10 ** rng.uniform(-spread, spread, 4)
    factor = (scale[:, None] * rng.normal(size=(4, rank))).astype(np.float32)
    cov = factor @ factor.T
    std = np.sqrt(np.diag(cov))
    for root in (semidefinite_root_jit(cov), exact_lower_root(cov)):
        away = np.abs(np.asarray(root, np.float64) @ root.T - cov)
        assert (away <= 2e-5 * np.outer(std, std)).all()


def test_a_definite_matrix_has_its_lower_root():
    cov = np.array([[4.0, 2.0], [2.0, 3.0]], np.float32)
    expected = np.linalg.cholesky(cov)
    np.testing.assert_allclose(semidefinite_root(cov), expected, rtol=1e-6)
    np.testing.assert_allclose(exact_lower_root(cov), expected, rtol=1e-6)
    zero = np.zeros((2, 2))
    assert not exact_lower_root(zero).any()
    assert not semidefinite_root(zero).any()


@pytest.mark.usefixtures("float64")
def test_the_lower_root_differentiates_as_cholesky_does():
    """Entry by entry: a lower root stays lower."""
    factor, change = np.random.default_rng(0).normal(size=(2, 3, 3))
    cov, change = factor @ factor.T + np.eye(3), change + change.T
    found = jax.jvp(semidefinite_root, (cov,), (change,))[1]
    expected = jax.jvp(jnp.linalg.cholesky, (cov,), (change,))[1]
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.usefixtures("float64")
def test_the_pseudo_inverse_is_that_of_moore_and_penrose():
    factor = np.random.default_rng(1).normal(size=(4, 2))
    root = eigen_root_jit(factor @ factor.T)
    assert (np.asarray(root) == 0).all(axis=0).sum() == 2
    np.testing.assert_allclose(pseudo_inverse(root), np.linalg.pinv(root), rtol=0, atol=1e-12)


@pytest.mark.parametrize("columns", [2, 3, 7])
def test_square_lower_roots(columns: int):
    root = np.random.default_rng(2).normal(size=(3, columns)).astype(np.float32)
    lower = np.asarray(square_lower(jnp.asarray(root)))
    assert lower.shape == (3, 3)
    assert (np.triu(lower, 1) == 0).all()
    np.testing.assert_allclose(lower @ lower.T, root @ root.T, rtol=0, atol=1e-5)


def test_the_inverse_of_a_lower_triangle():
    lower = np.tril(np.random.default_rng(3).normal(size=(4, 4))) + 2 * np.eye(4)
    inverse = inverse_of_lower(jnp.asarray(lower, jnp.float32))
    np.testing.assert_allclose(inverse @ lower, np.eye(4), atol=1e-5)


@given(seed=seeds, close=st.sampled_from([1e-5, 1e-3, 0.1, 1.0, 1e2, 1e5]))
@settings(max_examples=40)
def test_steins_loss_in_float32_is_that_in_float64(seed: int, close: float):
    """Also for matrices that nearly are the same, where its terms cancel, and far ones."""
    rng = np.random.default_rng(seed)
    mine = (np.tril(rng.normal(size=(3, 3)), -1) + 2 * np.eye(3)).astype(np.float32)
    change = np.tril(rng.normal(size=(3, 3)), -1) + np.diag(rng.uniform(0, 1, 3))
    theirs = (mine @ (np.eye(3) + close * change)).astype(np.float32)
    ratio = np.linalg.solve(mine.astype(np.float64), theirs.astype(np.float64))
    pivots = np.diag(ratio)
    excess = pivots**2 - 1
    terms = np.sum(excess - np.log1p(excess)) + np.sum(np.tril(ratio, -1) ** 2)
    # entries of the ratio are off by their rounding, and the loss is quadratic in what they are
    size = np.abs(ratio).max()
    slack = 1e-5 * terms + 4e-6 * np.sqrt(terms) * size + 1e-12 * size**2
    assert abs(float(stein(jnp.asarray(mine), jnp.asarray(theirs))) - terms) <= slack
