"""The last layer's posterior and the expected statistics that it is made of."""

from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jopa_agent.agent.graph.gaussian import Belief
from jopa_agent.agent.graph.learn_motion import InBasis
from jopa_agent.agent.graph.learned_features import LearnedFeatures, small_weights
from jopa_agent.agent.graph.matrix_normal_wishart import Statistics
from jopa_agent.agent.graph.pairs import Pairs
from jopa_agent.agent.graph.regression import regress

from .transitions import PlainMotion, make_transition, with_mean

D = 1
N = 3 * D


def sums(phi: np.ndarray, targets: np.ndarray, about: np.ndarray | None = None) -> Statistics:
    """Of targets less what the weights ``about`` (k, d) predict."""
    if about is not None:
        targets = targets - phi @ about
    return Statistics(
        phi.T @ phi,  # type: ignore[arg-type]
        phi.T @ targets,  # type: ignore[arg-type]
        targets.T @ targets,  # type: ignore[arg-type]
        np.array(len(phi)),  # type: ignore[arg-type]
    )


def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray, Statistics]:
    rng = np.random.default_rng(seed)
    phi, targets = rng.normal(size=(50, 4)), rng.normal(size=(50, 2))
    return phi, targets, sums(phi, targets)


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
    layer = regress(statistics, prior=prior, ridge=2.0)
    padded = np.concatenate([phi, np.sqrt(2.0) * np.eye(4)])
    aims = np.concatenate([targets, np.sqrt(2.0) * prior])
    np.testing.assert_allclose(
        layer.weights, np.linalg.lstsq(padded, aims, rcond=None)[0], rtol=1e-12
    )


@given(seed=st.integers(0, 1000), weight=st.floats(0, 1e3))
def test_zellners_prior_gives_the_weighted_mean_of_prior_and_data(seed: int, weight: float):
    phi, targets, statistics = data(seed)
    prior = np.random.default_rng(seed + 1).normal(size=(4, 2))
    layer = regress(statistics, prior=prior, prior_weight=weight, ridge=0.0)
    alone = np.linalg.lstsq(phi, targets, rcond=None)[0]
    right = (alone + weight * prior) / (1 + weight)
    np.testing.assert_allclose(layer.weights, right, rtol=0, atol=1e-12)
    # it stands for the same data: nothing is known better for it
    np.testing.assert_allclose(
        layer.covariance, regress(statistics, ridge=0.0).covariance, rtol=0, atol=1e-14
    )


@given(seed=st.integers(0, 1000), weight=st.floats(0, 10), ridge=st.floats(0, 10))
def test_about_what_the_statistics_are_makes_no_difference(seed: int, weight: float, ridge: float):
    phi, targets, statistics = data(seed)
    about, prior = np.random.default_rng(seed + 1).normal(size=(2, 4, 2))
    one = regress(statistics, None, prior, weight, ridge)
    two = regress(sums(phi, targets, about), about, prior, weight, ridge)
    for name in ("weights", "covariance", "noise"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=0, atol=1e-11)


def test_the_truth_lies_as_far_out_in_the_posterior_as_it_says():
    rng = np.random.default_rng(3)
    phi, true, std = rng.normal(size=(40, 4)), rng.normal(size=(4, 1)), 0.3
    away = []
    for _ in range(2000):
        targets = phi @ true + std * rng.normal(size=(40, 1))
        layer = regress(sums(phi, targets), ridge=0.0)
        error = (layer.weights - true)[:, 0] / std
        away.append(error @ np.linalg.solve(layer.covariance, error))
    # chi-squared of four degrees of freedom: mean 4, standard error sqrt(8 / 2000) = 0.063
    assert np.mean(away) == pytest.approx(4, abs=0.25)


class Joints(NamedTuple):
    """Joint beliefs about two states and their successors, the controls between, and how much
    each transition counts."""

    means: np.ndarray
    roots: np.ndarray
    controls: np.ndarray
    weights: np.ndarray


def some_pairs() -> Joints:
    """With roots of fewer columns than rows, as the smoother gives them."""
    rng = np.random.default_rng(6)
    roots = 0.5 * rng.normal(size=(2, 2 * N, 2 * N - 1))
    controls = rng.uniform(-1, 1, (2, 1))
    return Joints(rng.normal(size=(2, 2 * N)), roots, controls, np.array([1.0, 0.6]))


def motion(degree: int, control_degree: int) -> LearnedFeatures:
    """With a mean that the statistics are about."""
    return make_transition(D, 1, degree=degree, control_degree=control_degree)


summed = jax.jit(lambda model, pairs, controls, weights: model.expected(pairs, controls, weights))


def statistics_of(transition: Any, pairs: Joints) -> Statistics:
    means, roots = jnp.asarray(pairs.means), jnp.asarray(pairs.roots)
    belief = Pairs(
        Belief.of(means[:, :N], roots[:, :N]),
        Belief.of(means[:, N:], roots[:, N:]),
        Belief.of(jnp.full((2, N), jnp.nan), roots[:, :N]),  # what pushed is not asked for
    )
    return summed(transition, belief, jnp.asarray(pairs.controls), jnp.asarray(pairs.weights))


def exact(transition: LearnedFeatures, pairs: Joints, basis: np.ndarray) -> list[np.ndarray]:
    """The statistics by Gauss-Hermite quadrature over (p, v, v' - v - δ), exact to degree seven."""
    oracle, mean_weights = PlainMotion(transition), np.asarray(transition.posterior.mean)
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    look = np.zeros((3, 2 * N))
    look[0, 0] = look[1, 1] = look[2, N + 1] = 1
    look[2, 1] = look[2, 2] = -1
    totals = [np.zeros(())] * 3
    for mean, root, control, count in zip(*pairs, strict=True):
        narrow = np.linalg.cholesky(look @ root @ root.T @ look.T)
        for index in product(range(4), repeat=3):
            share = count * np.prod(weights[list(index)]) / (2 * np.pi) ** 1.5
            pose, velocity, target = look @ mean + narrow @ nodes[list(index)]
            phi = oracle.phi(np.array([pose, velocity, 0.0]), control)
            miss = target - mean_weights @ phi
            phi = phi @ basis
            moments = np.outer(phi, phi), np.outer(phi, miss), np.outer(miss, miss)
            totals = [total + share * moment for total, moment in zip(totals, moments, strict=True)]
    return totals


@pytest.mark.usefixtures("float64")
def test_statistics_of_affine_features_are_exact():
    transition, pairs = motion(1, 1), some_pairs()
    k = transition.posterior.mean.shape[1]
    found, right = statistics_of(transition, pairs), exact(transition, pairs, np.eye(k))
    for one, other in zip(found, right, strict=False):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12 * np.abs(other).max())
    assert found.count == pytest.approx(1.6)


@pytest.mark.usefixtures("float64")
def test_statistics_in_another_basis_are_those_of_its_features():
    transition, pairs = motion(1, 1), some_pairs()
    k = transition.posterior.mean.shape[1]
    basis = np.random.default_rng(8).normal(size=(k, k))
    features = InBasis(transition.features, jnp.asarray(basis), jnp.zeros(0))  # type: ignore[arg-type]
    turned = LearnedFeatures(3 * D, features, 1, skeleton=transition.skeleton, seen=2 * D)
    mean = np.linalg.solve(basis, np.asarray(transition.posterior.mean).T).T
    turned = with_mean(turned, mean)
    found, right = statistics_of(turned, pairs), exact(transition, pairs, basis)
    for one, other in zip(found, right, strict=False):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-11 * np.abs(other).max())


@pytest.mark.usefixtures("float64")
def test_cubature_is_exact_to_the_third_degree():
    transition, pairs = motion(2, 1), some_pairs()
    powers = transition.features.powers  # type: ignore[attr-defined]
    degree = np.array([sum(i < 2 * D for i in power) for power in powers])
    # a mean of weights that is affine in the state: what is left over is of degree one
    about = np.where(degree <= 1, np.asarray(transition.posterior.mean), 0)
    transition = with_mean(transition, about)
    found, right = statistics_of(transition, pairs), exact(transition, pairs, np.eye(len(powers)))
    low = degree[:, None] + degree <= 3
    np.testing.assert_allclose(found.features[low], right[0][low], rtol=0, atol=1e-12)
    assert not np.allclose(found.features[~low], right[0][~low])  # the oracle sees further
    np.testing.assert_allclose(found.cross, right[1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.residual, right[2], rtol=0, atol=1e-12)


def test_statistics_of_certain_states_are_sums_of_products():
    transition, pairs = motion(3, 2), some_pairs()
    certain = pairs._replace(roots=np.zeros_like(pairs.roots))
    found = statistics_of(transition, certain)
    oracle = PlainMotion(transition)
    phi = np.stack([oracle.phi(m[:N], u) for m, u, *_ in zip(pairs.means, *pairs[2:], strict=True)])
    target = (
        pairs.means[:, N + D : N + 2 * D] - pairs.means[:, D : 2 * D] - pairs.means[:, 2 * D : N]
    )
    miss = target - phi @ np.asarray(transition.posterior.mean, float).T
    counted = pairs.weights[:, None] * phi
    # sums of ten products in float32
    np.testing.assert_allclose(found.features, counted.T @ phi, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.cross, counted.T @ miss, rtol=1e-5, atol=1e-5)
    expected = (pairs.weights[:, None] * miss).T @ miss
    np.testing.assert_allclose(found.residual, expected, rtol=1e-5)


@pytest.mark.usefixtures("float64")
def test_what_is_learned_from_statistics_is_the_conjugate_posterior():
    """Certain states and a weak prior: Bayesian regression of all targets at once, whatever the
    mean that the statistics were about."""
    rng, prior = np.random.default_rng(0), small_weights(D, 3)
    plain_features = LearnedFeatures(3, lambda z: jnp.stack([z[0], z[1], z[3]]), 1)
    skeleton = motion(1, 0).skeleton
    blank = LearnedFeatures(3, plain_features.features, 1, prior=prior, skeleton=skeleton, seen=3)
    about = with_mean(blank, rng.normal(size=(D, 3)))
    states, controls = rng.normal(size=(21, N)), rng.normal(size=(20, 1))
    still = jnp.zeros((20, N, 1))
    pairs = Pairs(
        Belief.of(jnp.asarray(states[:-1]), still),
        Belief.of(jnp.asarray(states[1:]), still),
        Belief.of(jnp.asarray(states[1:]), still),
    )
    found = about.learned(summed(about, pairs, jnp.asarray(controls), jnp.ones(20))).posterior
    phi = np.concatenate([states[:-1, :2], controls], axis=1)
    target = states[1:, 1] - states[:-1, 1] - states[:-1, 2]
    strength = np.asarray(prior.precision)
    precision = strength + phi.T @ phi
    mean = np.linalg.solve(precision, phi.T @ target)
    scatter = float(prior.inverse_scale[0, 0]) + target @ target - mean @ precision @ mean
    np.testing.assert_allclose(found.mean[0], mean, rtol=0, atol=1e-11)
    np.testing.assert_allclose(found.precision, precision, rtol=1e-12)
    assert float(found.inverse_scale[0, 0]) == pytest.approx(scatter, rel=1e-10)
    assert float(found.dof) == float(prior.dof) + 20
