"""The conjugate density of a linear layer against plain regression in float64 and samples."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent.graph.matrix_normal_wishart import MatrixNormalWishart, Statistics
from scipy import stats
from scipy.special import gammaln

seeds = st.integers(0, 2**32 - 1)
NORMAL: Any = stats.matrix_normal


def spd(rng: np.random.Generator, n: int) -> np.ndarray:
    factor = rng.normal(size=(n, n))
    return factor @ factor.T + 0.3 * np.eye(n)


class Parameters(NamedTuple):
    """In the order of the constructor, float64."""

    mean: np.ndarray
    precision: np.ndarray
    inverse_scale: np.ndarray
    dof: float


def some(rng: np.random.Generator, n: int, k: int) -> Parameters:
    return Parameters(rng.normal(size=(n, k)), spd(rng, k), spd(rng, n), n + rng.uniform(0, 5))


def regressed(prior: Parameters, z: np.ndarray, y: np.ndarray) -> Parameters:
    """Plain conjugate regression: natural parameters add."""
    precision = prior.precision + z.T @ z
    pulled = prior.mean @ prior.precision
    mean = np.linalg.solve(precision, (pulled + y.T @ z).T).T
    scatter = prior.inverse_scale + y.T @ y + pulled @ prior.mean.T - mean @ precision @ mean.T
    return Parameters(mean, precision, scatter, prior.dof + len(z))


def about(centre: np.ndarray, z: np.ndarray, y: np.ndarray, dtype=None) -> Statistics:
    e = y - z @ centre.T
    sums = (z.T @ z, z.T @ e, e.T @ e, np.float64(len(z)))
    return Statistics(*(jnp.asarray(x, dtype) for x in sums))


def agree(found: MatrixNormalWishart, expected: Parameters, rtol: float) -> None:
    for name, value in expected._asdict().items():
        slack = rtol * np.abs(value).max()
        np.testing.assert_allclose(getattr(found, name), value, rtol=0, atol=slack, err_msg=name)


@given(seed=seeds, n=st.integers(1, 3), k=st.integers(1, 4), count=st.integers(0, 12))
@settings(max_examples=25)
def test_updating_is_conjugate_regression(seed: int, n: int, k: int, count: int):
    """Whatever the centre, and in whichever parts the data come."""
    rng = np.random.default_rng(seed)
    prior, centre = some(rng, n, k), rng.normal(size=(n, k))
    z, y = rng.normal(size=(count, k)), rng.normal(size=(count, n))
    expected = regressed(prior, z, y)
    with jax.enable_x64(True):
        density = MatrixNormalWishart(*prior)
        agree(density.updated(about(centre, z, y), jnp.asarray(centre)), expected, 1e-11)
        half = count // 2
        parts = about(centre, z[:half], y[:half]), about(centre, z[half:], y[half:])
        total = jax.tree.map(jnp.add, *parts)
        agree(density.updated(total, jnp.asarray(centre)), expected, 1e-11)
        step = density.updated(parts[0], jnp.asarray(centre))
        agree(step.updated(parts[1], jnp.asarray(centre)), expected, 1e-11)


@given(seed=seeds)
@settings(max_examples=10)
def test_moved_statistics_are_those_about_the_other_centre(seed: int):
    rng = np.random.default_rng(seed)
    z, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    centre, other = rng.normal(size=(2, 2, 3))
    with jax.enable_x64(True):
        moved = about(centre, z, y).moved(jnp.asarray(other - centre))
        for found, expected in zip(moved, about(other, z, y), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


def test_float32_finds_small_noise_around_large_data():
    """States around 300 with noise of 0.01: about zero, squares of 1e5 would have to leave 1e-4."""
    rng = np.random.default_rng(0)
    truth = np.array([[1.0, 0.02, 0.5], [-0.03, 0.99, 0.1]])
    z = np.concatenate([300 + 10 * rng.normal(size=(5000, 2)), np.ones((5000, 1))], axis=1)
    y = z @ truth.T + 0.01 * rng.normal(size=(5000, 2))
    prior = Parameters(np.eye(2, 3), 1e-2 * np.eye(3), 1e-3 * np.eye(2), 4.0)
    expected = regressed(prior, z, y)
    density = MatrixNormalWishart(*prior)
    centre = expected.mean.astype(np.float32)
    found = density.updated(
        about(centre.astype(np.float64), z, y, jnp.float32), jnp.asarray(centre)
    )
    assert found.mean.dtype == jnp.float32
    np.testing.assert_allclose(found.inverse_scale, expected.inverse_scale, rtol=0, atol=1e-3)
    np.testing.assert_allclose(found.dof, expected.dof)
    np.testing.assert_allclose(found.precision, expected.precision, rtol=1e-6)
    # in units of what the posterior itself leaves open
    noise = np.sqrt(np.diag(expected.inverse_scale) / expected.dof)
    away = (np.asarray(found.mean, np.float64) - expected.mean) @ np.linalg.cholesky(
        expected.precision
    )
    assert (np.abs(away) < 0.2 * noise[:, None]).all()


@given(seed=seeds, where=st.sampled_from([0.0, 1.0]))
@settings(max_examples=25)
def test_data_without_noise_leave_a_density(seed: int, where: float):
    """In float32, from a centre that is right (1) and from one that is far off (0)."""
    rng = np.random.default_rng(seed)
    truth, z = rng.normal(size=(3, 4)), 100 * rng.normal(size=(500, 4))
    density = MatrixNormalWishart(np.zeros((3, 4)), np.eye(4), 1e-8 * np.eye(3), 5.0)
    centre = (where * truth).astype(np.float32)
    statistics = about(centre.astype(np.float64), z, z @ truth.T, jnp.float32)
    found = density.updated(statistics, jnp.asarray(centre))
    assert np.isfinite(found.kl(density))
    np.testing.assert_allclose(found.mean, truth, rtol=0, atol=1e-4)


@given(seed=seeds, n=st.integers(1, 3), k=st.integers(1, 3), count=st.integers(0, 30))
@settings(max_examples=20)
def test_evidence_is_expected_log_likelihood_less_divergence(seed: int, n: int, k: int, count: int):
    """And both are the closed form of the evidence, a ratio of normalisers."""
    rng = np.random.default_rng(seed)
    prior = some(rng, n, k)
    z, y = rng.normal(size=(count, k)), rng.normal(size=(count, n))
    post = regressed(prior, z, y)

    def normaliser(density: Parameters) -> float:
        half = 0.5 * density.dof * (n * np.log(2) - np.linalg.slogdet(density.inverse_scale)[1])
        matrices = 0.5 * n * (k * np.log(2 * np.pi) - np.linalg.slogdet(density.precision)[1])
        gammas = gammaln(0.5 * (density.dof - np.arange(n))).sum()
        return matrices + half + 0.25 * n * (n - 1) * np.log(np.pi) + gammas

    expected = normaliser(post) - normaliser(prior) - 0.5 * n * count * np.log(2 * np.pi)
    with jax.enable_x64(True):
        density, centre = MatrixNormalWishart(*prior), jnp.zeros((n, k))
        statistics = about(np.zeros((n, k)), z, y)
        posterior = density.updated(statistics, centre)
        likelihood = posterior.expected_log_likelihood(statistics, centre)
        evidence = likelihood - posterior.kl(density)
        np.testing.assert_allclose(evidence, expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(density.log_normaliser, normaliser(prior), rtol=1e-11)


@given(seed=seeds, n=st.integers(1, 3), k=st.integers(1, 3))
@settings(max_examples=15)
def test_products_commute_and_division_undoes_them(seed: int, n: int, k: int):
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        one = some(rng, n, k)
        a, b = MatrixNormalWishart(*one), MatrixNormalWishart(*some(rng, n, k))
        both = a * b
        other = b * a
        agree(both, Parameters(*jax.tree.map(np.asarray, jax.tree.leaves(other))), 1e-10)
        agree(both / b, one, 1e-8)
        points = [(jnp.asarray(rng.normal(size=(n, k))), jnp.asarray(spd(rng, n))) for _ in "abc"]
        gaps = [log_density(both, *x) - log_density(a, *x) - log_density(b, *x) for x in points]
        np.testing.assert_allclose(gaps, gaps[0], rtol=1e-8, atol=1e-8)


def log_density(density: MatrixNormalWishart, matrix: jax.Array, precision: jax.Array) -> float:
    """Plainly, of numbers in float64."""
    row_cov, column_cov = np.linalg.inv(precision), np.linalg.inv(density.precision)
    given_precision = NORMAL(density.mean, row_cov, column_cov).logpdf(matrix)
    marginal = stats.wishart(float(density.dof), np.linalg.inv(density.inverse_scale))
    return given_precision + marginal.logpdf(np.asarray(precision))


@pytest.mark.usefixtures("float64")
def test_samples_divergence_entropy_and_expectations():
    """By 20,000 draws, each mean within four of its standard errors; densities by scipy."""
    rng = np.random.default_rng(1)
    n, k, count = 2, 3, 20_000
    one = some(rng, n, k)._replace(dof=6.5)
    p, q = MatrixNormalWishart(*one), MatrixNormalWishart(*some(rng, n, k))
    matrices, precisions = p.sample(jax.random.key(0), (count,))
    assert matrices.shape == (count, n, k)
    assert p.sample(jax.random.key(0))[1].shape == (n, n)
    z, y = jnp.asarray(rng.normal(size=k)), jnp.asarray(rng.normal(size=n))
    miss = y - matrices @ z

    def log_densities(density: MatrixNormalWishart) -> np.ndarray:
        away = matrices - density.mean
        scatter = density.inverse_scale + away @ density.precision @ away.mT
        power = 0.5 * (density.dof + k - n - 1) * np.linalg.slogdet(precisions)[1]
        return power - 0.5 * jnp.sum(scatter * precisions, axis=(1, 2)) - density.log_normaliser

    draws = {
        "kl": (log_densities(p) - log_densities(q), p.kl(q)),
        "entropy": (-log_densities(p), p.entropy()),
        "square": (jnp.einsum("ti,tij,tj->t", miss, precisions, miss), p.expected_square(y, z)),
        "logdet": (np.linalg.slogdet(precisions)[1], p.expected_logdet),
    }
    for name, (samples, expected) in draws.items():
        error = 4 * np.std(samples) / np.sqrt(count)
        np.testing.assert_allclose(np.mean(samples), expected, rtol=0, atol=error, err_msg=name)
    for samples, expected in [(precisions, p.expected_precision), (matrices, p.mean)]:
        error = 4 * np.std(samples, axis=0) / np.sqrt(count)
        assert (np.abs(np.mean(samples, axis=0) - expected) < error).all()
    point = log_density(p, matrices[0], precisions[0])
    np.testing.assert_allclose(log_densities(p)[0], point, rtol=1e-10)
    np.testing.assert_allclose(p.kl(p), 0, atol=1e-13)
    statistics = Statistics(jnp.outer(z, z), jnp.outer(z, y), jnp.outer(y, y), jnp.ones(()))
    likelihood = p.expected_log_likelihood(statistics, jnp.zeros((n, k)))
    parts = p.expected_logdet - n * np.log(2 * np.pi) - p.expected_square(y, z)
    np.testing.assert_allclose(likelihood, 0.5 * parts, rtol=1e-12)


@pytest.mark.parametrize("count", [1e3, 1e6])
def test_the_divergence_holds_in_float32(count: float):
    """Of a posterior of many data from a weak prior: some tens of nats."""
    rng = np.random.default_rng(2)
    prior = Parameters(np.eye(3, 4), 1e-2 * np.eye(4), 1e-2 * np.eye(3), 5.0)
    post = Parameters(
        rng.normal(size=(3, 4)), count * spd(rng, 4), 1e-2 * count * spd(rng, 3), 5.0 + count
    )
    found = MatrixNormalWishart(*post).kl(MatrixNormalWishart(*prior))
    with jax.enable_x64(True):
        exact = MatrixNormalWishart(*post).kl(MatrixNormalWishart(*prior))
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, exact, rtol=2e-6, atol=1e-4)


@pytest.mark.usefixtures("float64")
def test_everything_compiles_batches_and_differentiates():
    rng = np.random.default_rng(3)
    prior, centre = some(rng, 2, 3), rng.normal(size=(2, 3))
    z, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    statistics = about(centre, z, y)

    def all_of(t):
        density = MatrixNormalWishart(
            prior.mean * t, prior.precision * t, prior.inverse_scale * t, prior.dof + t
        )
        posterior = density.updated(statistics, jnp.asarray(centre))
        fit = posterior.expected_log_likelihood(statistics, jnp.asarray(centre))
        pair = (posterior * density) / posterior
        return jnp.stack([posterior.kl(density), fit, posterior.entropy(), pair.mean.sum()])

    points = jnp.array([0.7, 1.3])
    slopes = jax.jit(jax.vmap(jax.jacrev(all_of)))(points)
    single = jax.jit(all_of)
    expected = [(single(t + 1e-5) - single(t - 1e-5)) / 2e-5 for t in points]
    np.testing.assert_allclose(slopes, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mean": np.zeros(3)}, ["mean", "(3,)"]),
        ({"mean": np.full((2, 3), np.inf)}, ["mean[0, 0]", "inf"]),
        ({"precision": np.eye(2)}, ["precision", "(2, 2)", "(3, 3)"]),
        ({"precision": np.zeros((3, 3))}, ["precision", "singular"]),
        ({"inverse_scale": np.eye(3)}, ["inverse_scale", "(3, 3)", "(2, 2)"]),
        ({"inverse_scale": [[1, 2], [0, 1]]}, ["inverse_scale", "not symmetric"]),
        ({"dof": 1}, ["dof is 1", "above 1"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line(change: dict[str, object], words: list[str]):
    right = {"mean": np.zeros((2, 3)), "precision": np.eye(3), "inverse_scale": np.eye(2), "dof": 3}
    build: Callable[..., object] = MatrixNormalWishart
    build(**right)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        build(**(right | change))
    line = str(caught.value)
    assert "\n" not in line
    assert all(word in line for word in words), line
