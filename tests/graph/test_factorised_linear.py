"""The factorised posterior against coordinate ascent in plain numpy, and dense covariances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent.graph.block import Block
from jopa_agent.agent.graph.factorised_density import FactorisedDensity, MatrixGaussian
from jopa_agent.agent.graph.factorised_linear import FactorisedLinear
from jopa_agent.agent.graph.joint import JointModel
from jopa_agent.agent.graph.learned_linear import LearnedLinear, near_identity
from jopa_agent.agent.graph.matrix_normal_wishart import Statistics
from jopa_agent.agent.graph.sensors import FixedSensor
from jopa_agent.agent.graph.wishart import Wishart
from scipy import stats

from .dense_factorised import Plain, divergence, some, swept

seeds = st.integers(0, 2**32 - 1)


def built(plain: Plain) -> FactorisedDensity:
    n = len(plain.inverse_scale)
    A = MatrixGaussian(plain.a.reshape(n, n), plain.a_precision)
    B = MatrixGaussian(plain.b.reshape(n, -1), plain.b_precision) if plain.b.size else None
    return FactorisedDensity(A, B, Wishart(plain.dof, plain.inverse_scale))


def about(density: FactorisedDensity, x: np.ndarray, u: np.ndarray, y: np.ndarray) -> Statistics:
    z = np.hstack([x, u])
    e = y - z @ np.asarray(density.mean).T
    return Statistics(*map(jnp.asarray, (z.T @ z, z.T @ e, e.T @ e, float(len(z)))))


def agree(found: FactorisedDensity, expected: Plain, rtol: float) -> None:
    pairs = (
        (found.A.mean.reshape(-1), expected.a),
        (found.A.precision, expected.a_precision),
        (found.B.mean.reshape(-1), expected.b),
        (found.B.precision, expected.b_precision),
        (found.wishart.inverse_scale, expected.inverse_scale),
        (found.wishart.dof, expected.dof),
    )
    for mine, theirs in pairs:
        slack = rtol * np.abs(theirs).max(initial=0.0)
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=slack)


def pairs(rng: np.random.Generator, n: int, p: int, count: int):
    truth = rng.normal(size=(n, n + p))
    x, u = rng.normal(size=(count, n)), rng.normal(size=(count, p))
    y = np.hstack([x, u]) @ truth.T + 0.3 * rng.normal(size=(count, n))
    return truth, x, u, y


@given(seed=seeds, n=st.integers(1, 3), p=st.integers(0, 2))
@settings(max_examples=10)
def test_learning_is_coordinate_ascent(seed: int, n: int, p: int):
    """Sweep by sweep and to the fixed point."""
    rng = np.random.default_rng(seed)
    prior, (_, x, u, y) = some(rng, n, p), pairs(rng, n, p, 12)
    with jax.enable_x64(True):
        part, plain = FactorisedLinear(n, p, built(prior)), prior
        for sweep in range(60):
            part = part.learned(about(part.posterior, x, u, y))
            plain = swept(prior, plain, x, u, y)
            if sweep in (0, 1, 59):
                agree(part.posterior, plain, 1e-8)
                expected = divergence(plain, prior)
                np.testing.assert_allclose(part.divergence(), expected, rtol=1e-8, atol=1e-9)


@given(seed=seeds, n=st.integers(1, 3), p=st.integers(0, 2))
@settings(max_examples=10)
def test_the_layer_holds_the_expectations(seed: int, n: int, p: int):
    """``E|x' - A x - B u|²_W`` and the covariance of the next state, from dense covariances."""
    rng = np.random.default_rng(seed)
    q = some(rng, n, p)._replace(dof=n + 3.5)
    x, u, y = rng.normal(size=n), rng.normal(size=p), rng.normal(size=n)
    design = np.kron(np.eye(n), x), np.kron(np.eye(n), u)
    covs = [np.linalg.inv(q.a_precision), np.linalg.inv(q.b_precision)]
    spread = sum(d @ cov @ d.T for d, cov in zip(design, covs, strict=True))
    miss = y - design[0] @ q.a - design[1] @ q.b
    expected = miss @ q.noise @ miss + np.trace(q.noise @ spread)
    with jax.enable_x64(True):
        part = FactorisedLinear(n, p, built(q))
        left = y - part.mean(jnp.asarray(x), jnp.asarray(u))
        white = np.linalg.solve(part.layer.noise_root, left)
        doubt = part.doubt(jnp.asarray(x), jnp.asarray(u))
        np.testing.assert_allclose(white @ white + doubt @ doubt, expected, rtol=1e-9)
        noise = part.local(jnp.asarray(x), jnp.asarray(u), "predictive").noise
        inverse = np.asarray(stats.invwishart(q.dof, q.inverse_scale).mean())
        np.testing.assert_allclose(noise @ noise.T, inverse + spread, rtol=1e-9, atol=1e-9)
        doubts = part.local(jnp.asarray(x), jnp.asarray(u), "variational").doubt
        assert doubts.matrix.shape == (n + p, n + p)
        expected = 0.5 * (part.posterior.expected_logdet - np.linalg.slogdet(q.noise)[1])
        np.testing.assert_allclose(doubts.log_scale, expected, rtol=1e-9, atol=1e-9)


@given(seed=seeds, n=st.integers(1, 3), p=st.integers(0, 2))
@settings(max_examples=5)
def test_information_gain_is_that_of_dense_regression(seed: int, n: int, p: int):
    rng = np.random.default_rng(seed)
    q, z = some(rng, n, p), rng.normal(size=(4, n + p))
    precision = np.zeros((n * n + n * p, n * n + n * p))
    precision[: n * n, : n * n] = q.a_precision
    precision[n * n :, n * n :] = q.b_precision
    expected = []
    for row in z:
        design = np.hstack([np.kron(np.eye(n), row[:n]), np.kron(np.eye(n), row[n:])])
        after = precision + design.T @ q.noise @ design
        expected.append(0.5 * (np.linalg.slogdet(after)[1] - np.linalg.slogdet(precision)[1]))
        precision = after
    with jax.enable_x64(True):
        found = FactorisedLinear(n, p, built(q)).information_gain(jnp.asarray(z))
        np.testing.assert_allclose(found, expected, rtol=1e-8)


def trajectories(count: int, steps: int) -> tuple[np.ndarray, list[dict[str, np.ndarray]]]:
    rng = np.random.default_rng(5)
    truth, found = np.array([[0.9, 0.3, 0.0], [-0.3, 0.8, 0.5]]), []
    for _ in range(count):
        state, seen = rng.normal(size=2), []
        control = rng.normal(size=(steps - 1, 1))
        for t in range(steps):
            seen.append(state + 0.05 * rng.normal(size=2))
            if t < steps - 1:
                state = truth @ np.append(state, control[t]) + 0.1 * rng.normal(size=2)
        found.append({"x": np.array(seen), "control": control})
    found[0]["x"][3] = np.nan
    return truth, found


def model(part: LearnedLinear) -> JointModel:
    return JointModel([Block("x", part, FixedSensor(np.eye(2), 0.05**2 * np.eye(2)))])


@pytest.mark.usefixtures("float64")
def test_free_energy_falls_and_the_system_is_found():
    """And with many data the posterior is the matrix-normal-Wishart one, but for what that
    knows of how ``A``, ``B`` and ``W`` hang together."""
    truth, data = trajectories(8, 60)
    start = LearnedLinear.factorised(2, 1)
    learned, report = model(start).learn(data, iterations=40)
    assert np.diff(report.free_energy).max() < 1e-9
    part = learned.block("x").transition
    assert isinstance(part, FactorisedLinear)
    assert jax.tree.structure(part) == jax.tree.structure(start)
    np.testing.assert_allclose(np.hstack([part.A, part.B]), truth, atol=0.04)
    conjugate, other = model(LearnedLinear(2, 1)).learn(data, iterations=40)
    theirs = conjugate.block("x").transition
    np.testing.assert_allclose(part.layer.mean, theirs.layer.mean, atol=2e-3)
    np.testing.assert_allclose(part.W, theirs.W, rtol=0.02, atol=0.02 * theirs.W.max())
    assert report.free_energy[-1] == pytest.approx(other.free_energy[-1], abs=0.5)


def test_one_trajectory_after_the_other_in_float32():
    truth, data = trajectories(4, 30)
    start = model(LearnedLinear.factorised(2, 1))
    learned, report = start.learn(data, 15, mode="per_trajectory", forgetting=0.9)
    part = learned.block("x").transition
    assert part.layer.mean.dtype == jnp.float32
    assert np.isfinite(report.free_energy).all()
    np.testing.assert_allclose(part.layer.mean, truth, atol=0.15)
    plan = learned.plan({"x": [data[1]["x"][0], None, None, np.array([0.5, 0.5])]})
    assert (np.asarray(plan.expected_free_energy.parameter_information_gain) > 0).all()


@pytest.mark.usefixtures("float64")
def test_forgetting_keeps_means_and_lowers_certainty():
    rng = np.random.default_rng(6)
    prior, posterior = some(rng, 2, 1)._replace(dof=4.0), some(rng, 2, 1)._replace(dof=20.0)
    found = built(posterior).faded(built(prior), 0.5)
    assert isinstance(found, FactorisedDensity)
    kept = posterior._replace(
        a_precision=posterior.a_precision / 2,
        b_precision=posterior.b_precision / 2,
        inverse_scale=posterior.inverse_scale / 2,
        dof=10.0,
    )
    agree(found, kept, 1e-14)
    assert built(posterior).faded(built(prior), 0.1).wishart.dof == 4.0


@pytest.mark.usefixtures("float64")
def test_a_conjugate_prior_counts_for_the_one_like_it():
    prior = near_identity(2, 1, strength=0.3)
    found = FactorisedLinear(2, 1, prior).prior
    np.testing.assert_array_equal(found.mean, prior.mean)
    expected = np.kron(prior.expected_precision, 0.3 * np.eye(2))
    np.testing.assert_allclose(found.A.precision, expected)
    entropies = stats.multivariate_normal(cov=np.linalg.inv(expected)).entropy()
    np.testing.assert_allclose(found.A.entropy(), entropies)
    parts = found.A.entropy() + found.B.entropy() + found.wishart.entropy()
    np.testing.assert_allclose(found.entropy(), parts)


def test_what_does_not_fit_is_refused():
    wishart, square = Wishart(4.0, np.eye(2)), MatrixGaussian(np.eye(2), np.eye(4))
    with pytest.raises(ValueError, match=r"A has the shape \(3, 3\), not \(2, 2\)"):
        FactorisedDensity(MatrixGaussian(np.eye(3), np.eye(9)), None, wishart)
    with pytest.raises(ValueError, match=r"B has the shape \(3, 3\), not \(2, p\)"):
        FactorisedDensity(square, MatrixGaussian(np.eye(3), np.eye(9)), wishart)
    with pytest.raises(ValueError, match=r"precision has the shape"):
        MatrixGaussian(np.eye(2), np.eye(3))
    with pytest.raises(ValueError, match=r"dim=3 and controls=0 need \(3, 3\)"):
        FactorisedLinear(3, 0, FactorisedDensity(square, None, wishart))
