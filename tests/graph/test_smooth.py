"""The smoother against one dense joint Gaussian of all states, for transitions that are linear."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.filter import predict, update
from jopa_agent.agent.graph.gaussian import Belief, Message
from jopa_agent.agent.graph.smooth import Smoothed, smooth
from scipy.stats import multivariate_normal

D, P, STEPS = 2, 1, 12
N = 3 * D

smoothed = jax.jit(smooth)
moved = jax.jit(predict)
observed = jax.jit(lambda belief, message: update(belief, message)[0])


class Segment(NamedTuple):
    mean: np.ndarray
    root: np.ndarray
    seen: np.ndarray
    precisions: np.ndarray
    controls: np.ndarray


class Joint(NamedTuple):
    """Of all states stacked, ``(STEPS n,)``: prior and posterior."""

    prior_mean: np.ndarray
    prior_cov: np.ndarray
    mean: np.ndarray
    cov: np.ndarray


@pytest.fixture(scope="module")
def segment() -> Segment:
    """A sensor that changes from step to step, and fails at the first, two inner, and the last."""
    rng = np.random.default_rng(11)
    factors = rng.normal(size=(STEPS, D, D))
    precisions = 400 * (factors @ factors.transpose(0, 2, 1) + 0.1 * np.eye(D))
    precisions[[0, 5, 6, STEPS - 1]] = 0
    seen = np.cumsum(0.1 * rng.normal(size=(STEPS, D)), axis=0)
    root = np.diag(rng.uniform(0.1, 0.5, N)) + 0.05 * np.tril(rng.normal(size=(N, N)))
    controls = rng.uniform(-1, 1, (STEPS - 1, P))
    return Segment(0.2 * rng.normal(size=N), root, seen, precisions, controls)


def linear(make_transition: Callable) -> Any:
    """Affine in state and control; only the constant's weight is uncertain, so that the noise is
    widened by the same factor everywhere."""
    transition = make_transition(D, P, degree=1, control_degree=0, seed=2)
    k = transition.features.count
    widened = jnp.zeros((k, k)).at[0, 0].set(0.7)
    return replace(transition, weight_root=widened)


def query(transition: Any, segment: Segment) -> Smoothed:
    prior = Belief(jnp.asarray(segment.mean), jnp.asarray(segment.root))
    messages = jax.vmap(Message.at)(jnp.asarray(segment.seen), jnp.asarray(segment.precisions))
    return smoothed(transition, prior, messages, jnp.asarray(segment.controls))


def dense(oracle: Any, segment: Segment) -> Joint:
    """Every state as a linear map of the first state and of all noises; then conditioned."""
    nowhere, still = np.zeros(N), np.zeros(P)
    along, turn = oracle.jacobians(nowhere, still)
    offset, noise = oracle.mean(nowhere, still), oracle.noise(nowhere, still)
    means, cov = [segment.mean], np.zeros((STEPS * N, STEPS * N))
    cov[:N, :N] = segment.root @ segment.root.T
    for t in range(1, STEPS):
        means.append(along @ means[-1] + turn @ segment.controls[t - 1] + offset)
        before, here = slice((t - 1) * N, t * N), slice(t * N, (t + 1) * N)
        cov[here, : t * N] = along @ cov[before, : t * N]
        cov[: t * N, here] = cov[here, : t * N].T
        cov[here, here] = along @ cov[before, before] @ along.T + noise
    mean = np.concatenate(means)
    told = [t for t in range(STEPS) if segment.precisions[t].any()]
    rows = np.concatenate([np.arange(t * N, t * N + D) for t in told])
    sensor = np.zeros((len(rows), len(rows)))
    for i, t in enumerate(told):
        sensor[i * D : (i + 1) * D, i * D : (i + 1) * D] = np.linalg.inv(segment.precisions[t])
    gain = np.linalg.solve(cov[np.ix_(rows, rows)] + sensor, cov[rows]).T
    away = segment.seen[told].reshape(-1) - mean[rows]
    return Joint(mean, cov, mean + gain @ away, cov - gain @ cov[rows])


def evidence_of(joint: Joint, segment: Segment) -> float:
    """Log density of all that was observed."""
    told = [t for t in range(STEPS) if segment.precisions[t].any()]
    rows = np.concatenate([np.arange(t * N, t * N + D) for t in told])
    cov = joint.prior_cov[np.ix_(rows, rows)].copy()
    for i, t in enumerate(told):
        here = slice(i * D, (i + 1) * D)
        cov[here, here] += np.linalg.inv(segment.precisions[t])
    return multivariate_normal(joint.prior_mean[rows], cov).logpdf(segment.seen[told].reshape(-1))  # pyright: ignore[reportArgumentType]


def of_pairs(joint: Joint) -> tuple[np.ndarray, np.ndarray]:
    spans = [slice(t * N, (t + 2) * N) for t in range(STEPS - 1)]
    return np.stack([joint.mean[s] for s in spans]), np.stack([joint.cov[s, s] for s in spans])


@pytest.mark.usefixtures("float64")
def test_states_and_pairs_are_the_marginals_of_the_joint(
    make_transition: Callable, plain: Any, segment: Segment
):
    transition = linear(make_transition)
    found, expected = query(transition, segment), dense(plain(transition), segment)
    means, covs = of_pairs(expected)
    size = expected.cov.max()
    np.testing.assert_allclose(found.states.mean.reshape(-1), expected.mean, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.pairs.mean, means, rtol=0, atol=1e-10)
    pair_covs = found.pairs.root @ found.pairs.root.transpose(0, 2, 1)
    np.testing.assert_allclose(pair_covs, covs, rtol=0, atol=1e-10 * size)
    for t in range(STEPS):
        here = slice(t * N, (t + 1) * N)
        cov = found.states.root[t] @ found.states.root[t].T
        np.testing.assert_allclose(cov, expected.cov[here, here], rtol=0, atol=1e-10 * size)


@pytest.mark.usefixtures("float64")
def test_evidence_is_that_of_the_joint(make_transition: Callable, plain: Any, segment: Segment):
    transition = linear(make_transition)
    segment = segment._replace(precisions=np.roll(segment.precisions, -1, axis=0))  # the first seen
    told = segment.precisions[segment.precisions.any((1, 2))]
    constant = 0.5 * np.linalg.slogdet(told)[1].sum() - 0.5 * D * len(told) * np.log(2 * np.pi)
    expected = evidence_of(dense(plain(transition), segment), segment)
    assert float(query(transition, segment).evidence) + constant == pytest.approx(
        expected, abs=1e-9
    )


def test_float32_is_near_the_joint(make_transition: Callable, plain: Any, segment: Segment):
    transition = linear(make_transition)
    found, expected = query(transition, segment), dense(plain(transition), segment)
    means, covs = of_pairs(expected)
    std = np.sqrt(np.stack([np.diag(cov) for cov in covs]))
    assert found.pairs.mean.dtype == jnp.float32
    # a hundredth of a sigma in the mean, a thousandth in the correlations
    assert np.abs((found.pairs.mean - means) / std).max() < 1e-2
    pair_covs = found.pairs.root @ found.pairs.root.transpose(0, 2, 1)
    assert np.abs((pair_covs - covs) / (std[:, :, None] * std[:, None])).max() < 1e-3


@pytest.mark.usefixtures("float64")
def test_the_last_state_is_the_filters_and_no_state_is_known_worse(
    make_transition: Callable, segment: Segment
):
    """On a curved transition, where there is no joint Gaussian to compare with."""
    transition = make_transition(D, P, degree=2, control_degree=1, seed=4, ignorance=0.1)
    found = query(transition, segment)
    messages = jax.vmap(Message.at)(jnp.asarray(segment.seen), jnp.asarray(segment.precisions))
    prior = Belief(jnp.asarray(segment.mean), jnp.asarray(segment.root))
    beliefs = [observed(prior, jax.tree.map(lambda x: x[0], messages))]
    for t, control in enumerate(segment.controls):
        message = jax.tree.map(lambda x, t=t: x[t + 1], messages)
        beliefs.append(observed(moved(transition, beliefs[-1], control), message))
    for t, belief in enumerate(beliefs):
        less = belief.cov - found.states.root[t] @ found.states.root[t].T
        assert np.linalg.eigvalsh(less).min() > -1e-12
    np.testing.assert_allclose(found.states.mean[-1], beliefs[-1].mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.states.root[-1], beliefs[-1].root, rtol=0, atol=1e-12)
    # the first state was not seen at all: what came later is all that is known
    later = np.linalg.norm(found.states.root[0, :D], axis=1)
    assert (later < 0.8 * beliefs[0].std[:D]).all()


def test_a_segment_of_one_frame_has_no_pairs(make_transition: Callable, segment: Segment):
    one = Segment(
        segment.mean, segment.root, segment.seen[1:2], segment.precisions[1:2], np.zeros((0, P))
    )
    found = query(linear(make_transition), one)
    assert found.states.mean.shape == (1, N)
    assert found.pairs.mean.shape == (0, 2 * N)
    assert np.isfinite(found.evidence)
