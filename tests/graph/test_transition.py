"""The transition factor against its written model, and its derivatives against differences."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

D, P = 2, 2
SHAPE = {"poses": D, "controls": P, "degree": 3, "control_degree": 2, "ignorance": 0.3}


@pytest.fixture(params=[0, 1])
def case(request: pytest.FixtureRequest, float64: None, make_transition: Callable) -> Any:  # noqa: ARG001
    rng = np.random.default_rng(100 + request.param)
    transition = make_transition(**SHAPE, seed=request.param)
    return transition, rng.normal(size=3 * D), rng.normal(size=P)


def test_the_next_state_is_that_of_the_written_model(case: Any, plain: Any):
    transition, state, control = case
    expected = plain(transition).mean(state, control)
    np.testing.assert_allclose(
        transition.mean(jnp.asarray(state), jnp.asarray(control)), expected, rtol=1e-13
    )


def test_the_linearisation_is_the_derivative(case: Any, plain: Any, difference_quotient: Callable):
    transition, state, control = case
    oracle, n = plain(transition), len(state)
    local = jax.jit(transition.linearise)(jnp.asarray(state), jnp.asarray(control))
    both = np.concatenate([state, control])
    # Richardson's differences are exact on cubics but for rounding: 1e-16 over a width of 0.01
    jacobian = difference_quotient(lambda z: oracle.mean(z[:n], z[n:]), both)
    np.testing.assert_allclose(local.along_state, jacobian[:, :n], rtol=0, atol=1e-11)
    np.testing.assert_allclose(local.along_control, jacobian[:, n:], rtol=0, atol=1e-11)
    slope = difference_quotient(lambda z: oracle.ignorance(z[:n], z[n:]), both)
    np.testing.assert_allclose(local.ignorance_slope, slope, rtol=0, atol=1e-11)
    np.testing.assert_allclose(local.mean, oracle.mean(state, control), rtol=1e-13)
    np.testing.assert_allclose(local.ignorance, oracle.ignorance(state, control), atol=1e-13)


def test_ignorance_is_the_variance_of_the_uncertain_weights(case: Any):
    transition, state, control = case
    phi = transition.phi(jnp.asarray(state), jnp.asarray(control))
    cov = np.asarray(transition.weight_root) @ np.asarray(transition.weight_root).T
    squared = np.sum(np.square(transition.ignorance(phi)))
    assert squared == pytest.approx(np.asarray(phi) @ cov @ np.asarray(phi), rel=1e-12)


def test_the_noise_is_the_predictive_of_the_matrix_normal_posterior(case: Any, plain: Any):
    transition, state, control = case
    columns = transition.noise_columns(transition.phi(jnp.asarray(state), jnp.asarray(control)))
    expected = plain(transition).noise(state, control)
    np.testing.assert_allclose(columns @ columns.T, expected, rtol=0, atol=1e-14)


def test_the_noise_is_that_of_sampled_weights(case: Any):
    """Sampled from the posterior itself: ``W ~ MN(weights, V, Q)``, then ``ε ~ N(0, Q)``."""
    transition, state, control = case
    rng, samples = np.random.default_rng(0), 40_000
    phi = np.asarray(transition.phi(jnp.asarray(state), jnp.asarray(control)))
    process = np.asarray(transition.noise_root)
    rows = rng.normal(size=(samples, len(phi), D)) @ process.T
    pushed = np.einsum("k,kl,sld->sd", phi, np.asarray(transition.weight_root), rows, optimize=True)
    pushed += rng.normal(size=(samples, D)) @ process.T
    columns = transition.noise_columns(jnp.asarray(phi))
    expected = np.asarray(columns @ columns.T)[D : 2 * D, D : 2 * D]
    # a covariance from this many samples is right to sqrt(2 / samples), 0.7 %; times four
    np.testing.assert_allclose(np.cov(pushed.T), expected, rtol=0, atol=0.028 * expected.max())
