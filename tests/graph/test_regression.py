"""The last layer's posterior and the expected statistics that it is made of."""

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent.graph.gaussian import Belief
from jopa_agent.agent.graph.regression import Statistics, expected_statistics, regress

D = 1
N = 3 * D

summed = jax.jit(expected_statistics)


def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray, Statistics]:
    rng = np.random.default_rng(seed)
    phi, targets = rng.normal(size=(50, 4)), rng.normal(size=(50, 2))
    return phi, targets, Statistics(phi.T @ phi, phi.T @ targets, targets.T @ targets, np.array(50))


def test_without_a_prior_it_is_ridge_regression():
    phi, targets, statistics = data()
    layer = regress(statistics, ridge=0.5)
    # ridge regression is least squares with rows of zeros that carry the ridge
    padded = np.concatenate([phi, np.sqrt(0.5) * np.eye(4)])
    right = np.linalg.lstsq(padded, np.concatenate([targets, np.zeros((4, 2))]), rcond=None)[0]
    np.testing.assert_allclose(layer.weights, right, rtol=1e-12)
    covariance = np.linalg.inv(phi.T @ phi + 0.5 * np.eye(4))
    np.testing.assert_allclose(layer.covariance, covariance, rtol=0, atol=1e-15)
    residual = targets - phi @ layer.weights
    np.testing.assert_allclose(layer.noise, residual.T @ residual / 50, rtol=0, atol=1e-13)


def test_a_ridge_pulls_towards_the_prior():
    phi, targets, statistics = data()
    prior = np.random.default_rng(1).normal(size=(4, 2))
    layer = regress(statistics, prior, ridge=2.0)
    padded = np.concatenate([phi, np.sqrt(2.0) * np.eye(4)])
    aims = np.concatenate([targets, np.sqrt(2.0) * prior])
    np.testing.assert_allclose(
        layer.weights, np.linalg.lstsq(padded, aims, rcond=None)[0], rtol=1e-12
    )


@given(seed=st.integers(0, 1000), weight=st.floats(0, 1e3))
@settings(deadline=None)
def test_zellners_prior_gives_the_weighted_mean_of_prior_and_data(seed: int, weight: float):
    phi, targets, statistics = data(seed)
    prior = np.random.default_rng(seed + 1).normal(size=(4, 2))
    layer = regress(statistics, prior, prior_weight=weight, ridge=0.0)
    alone = np.linalg.lstsq(phi, targets, rcond=None)[0]
    right = (alone + weight * prior) / (1 + weight)
    np.testing.assert_allclose(layer.weights, right, rtol=0, atol=1e-12)
    # it stands for the same data: nothing is known better for it
    np.testing.assert_allclose(
        layer.covariance, regress(statistics, ridge=0.0).covariance, rtol=0, atol=1e-14
    )


def test_the_truth_lies_as_far_out_in_the_posterior_as_it_says():
    rng = np.random.default_rng(3)
    phi, true, std = rng.normal(size=(40, 4)), rng.normal(size=(4, 1)), 0.3
    away = []
    for _ in range(2000):
        targets = phi @ true + std * rng.normal(size=(40, 1))
        statistics = Statistics(phi.T @ phi, phi.T @ targets, targets.T @ targets, np.array(40))
        layer = regress(statistics, ridge=0.0)
        error = (layer.weights - true)[:, 0] / std
        away.append(error @ np.linalg.solve(layer.covariance, error))
    # chi-squared of four degrees of freedom: mean 4, standard error sqrt(8 / 2000) = 0.063
    assert np.mean(away) == pytest.approx(4, abs=0.25)


class Pairs(NamedTuple):
    """Joint beliefs about two states and their successors, and the controls between."""

    means: np.ndarray
    roots: np.ndarray
    controls: np.ndarray


def some_pairs() -> Pairs:
    """With roots of fewer columns than rows, as the smoother gives them."""
    rng = np.random.default_rng(6)
    roots = 0.5 * rng.normal(size=(2, 2 * N, 2 * N - 1))
    return Pairs(rng.normal(size=(2, 2 * N)), roots, rng.uniform(-1, 1, (2, 1)))


def statistics_of(transition: Any, basis: np.ndarray, pairs: Pairs) -> Statistics:
    belief = Belief(jnp.asarray(pairs.means), jnp.asarray(pairs.roots))
    return summed(transition, jnp.asarray(basis), belief, jnp.asarray(pairs.controls))


def exact(oracle: Any, basis: np.ndarray, pairs: Pairs) -> list[np.ndarray]:
    """The statistics by Gauss-Hermite quadrature over (p, v, v' - v - δ), exact to degree seven."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    look = np.zeros((3, 2 * N))
    look[0, 0] = look[1, 1] = look[2, N + 1] = 1
    look[2, 1] = look[2, 2] = -1
    sums = [np.zeros(())] * 3
    for mean, root, control in zip(*pairs, strict=True):
        narrow = np.linalg.cholesky(look @ root @ root.T @ look.T)
        for index in product(range(4), repeat=3):
            share = np.prod(weights[list(index)]) / (2 * np.pi) ** 1.5
            pose, velocity, target = look @ mean + narrow @ nodes[list(index)]
            phi = oracle.phi(np.array([pose, velocity, 0.0]), control) @ basis
            moments = np.outer(phi, phi), target * phi[:, None], np.full((1, 1), target**2)
            sums = [total + share * moment for total, moment in zip(sums, moments, strict=True)]
    return sums


@pytest.mark.usefixtures("float64")
def test_statistics_of_affine_features_are_exact(make_transition: Callable, plain: Any):
    transition, pairs = make_transition(D, 1, degree=1, control_degree=1), some_pairs()
    basis = np.random.default_rng(8).normal(size=(transition.features.count,) * 2)
    found, right = statistics_of(transition, basis, pairs), exact(plain(transition), basis, pairs)
    for one, other in zip(found, right, strict=False):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12 * np.abs(other).max())
    assert found.count == 2


@pytest.mark.usefixtures("float64")
def test_cubature_is_exact_to_the_third_degree(make_transition: Callable, plain: Any):
    transition, pairs = make_transition(D, 1, degree=2, control_degree=1), some_pairs()
    basis = np.eye(transition.features.count)
    found, right = statistics_of(transition, basis, pairs), exact(plain(transition), basis, pairs)
    degree = np.array([sum(i < 2 * D for i in power) for power in transition.features.powers])
    low = degree[:, None] + degree <= 3
    np.testing.assert_allclose(found.features[low], right[0][low], rtol=0, atol=1e-12)
    assert not np.allclose(found.features[~low], right[0][~low])  # the oracle sees further
    np.testing.assert_allclose(found.cross, right[1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.targets, right[2], rtol=0, atol=1e-12)


def test_statistics_of_certain_states_are_sums_of_products(make_transition: Callable, plain: Any):
    transition, pairs = make_transition(D, 1, degree=3, control_degree=2), some_pairs()
    certain = pairs._replace(roots=np.zeros_like(pairs.roots))
    basis = np.eye(transition.features.count)
    found = statistics_of(transition, basis, certain)
    oracle = plain(transition)
    phi = np.stack([oracle.phi(m[:N], u) for m, u in zip(pairs.means, pairs.controls, strict=True)])
    target = (
        pairs.means[:, N + D : N + 2 * D] - pairs.means[:, D : 2 * D] - pairs.means[:, 2 * D : N]
    )
    # sums of ten products in float32
    np.testing.assert_allclose(found.features, phi.T @ phi, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.cross, phi.T @ target, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.targets, target.T @ target, rtol=1e-5)
