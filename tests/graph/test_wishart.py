"""The Wishart density against scipy and numpy in float64."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent.graph.wishart import Wishart
from scipy import stats
from scipy.special import digamma, gammaln

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 4)
excesses = st.sampled_from([0.1, 1.0, 7.3, 40.0, 1e3, 1e5])


def spd(rng: np.random.Generator, n: int) -> np.ndarray:
    factor = rng.normal(size=(n, n))
    return factor @ factor.T + 0.3 * np.eye(n)


def log_gamma(a: float, n: int) -> float:
    """Of the multivariate gamma function."""
    return 0.25 * n * (n - 1) * np.log(np.pi) + gammaln(a - 0.5 * np.arange(n)).sum()


def textbook_divergence(dof: float, scatter: np.ndarray, dof_q: float, scatter_q: np.ndarray):
    """Bishop (2006), appendix B: expectation of the difference of the log densities."""
    n = len(scatter)
    logdet = np.linalg.slogdet(scatter)[1]
    expected_logdet = digamma((dof - np.arange(n)) / 2).sum() + n * np.log(2) - logdet

    def normaliser(dof: float, scatter: np.ndarray) -> float:
        half = 0.5 * dof * (n * np.log(2) - np.linalg.slogdet(scatter)[1])
        return half + log_gamma(dof / 2, n)

    trace = dof * np.trace(np.linalg.solve(scatter, scatter_q))
    return (
        0.5 * (dof - dof_q) * expected_logdet
        - 0.5 * (dof * n - trace)
        - normaliser(dof, scatter)
        + normaliser(dof_q, scatter_q)
    )


@given(seed=seeds, n=sizes, excess=excesses)
@settings(max_examples=25)
def test_density_mean_and_entropy_are_scipys(seed: int, n: int, excess: float):
    rng = np.random.default_rng(seed)
    dof, scatter = n - 1 + excess, spd(rng, n)
    oracle = stats.wishart(dof, np.linalg.inv(scatter))
    with jax.enable_x64(True):
        density = Wishart(dof, scatter)
        assert density.ndim == n
        np.testing.assert_allclose(density.mean, oracle.mean(), rtol=1e-9)
        # the oracle's terms grow with the degrees of freedom, and cancel
        slack = 1e-12 * (1 + dof * np.log(dof + 1) * n)
        np.testing.assert_allclose(density.entropy(), oracle.entropy(), rtol=1e-9, atol=slack)
        at = spd(rng, n) * dof
        found = density.log_density(jnp.asarray(at))
        np.testing.assert_allclose(found, oracle.logpdf(at), rtol=1e-9, atol=slack)


@given(seed=seeds, n=sizes, excess=excesses, other=excesses)
@settings(max_examples=40)
def test_the_divergence_is_the_textbooks(seed: int, n: int, excess: float, other: float):
    rng = np.random.default_rng(seed)
    dof, dof_q = n - 1 + excess, n - 1 + other
    scatter, scatter_q = spd(rng, n) * dof, spd(rng, n) * dof_q
    expected = textbook_divergence(dof, scatter, dof_q, scatter_q)
    with jax.enable_x64(True):
        mine, theirs = Wishart(dof, scatter), Wishart(dof_q, scatter_q)
        slack = 1e-12 * n * max(dof, dof_q) * np.log(max(dof, dof_q) + 2)
        np.testing.assert_allclose(mine.kl(theirs), expected, rtol=1e-9, atol=slack)
        np.testing.assert_allclose(mine.kl(mine), 0, atol=1e-12 * dof)


@pytest.mark.parametrize("excess", [1e2, 1e4, 1e6])
def test_float32_holds_for_many_degrees_of_freedom(excess: float):
    """The terms of the textbook's formula are of the size of ``dof log dof``, 1e7 here: float32
    would leave whole nats of them."""
    rng = np.random.default_rng(0)
    scatter, prior = excess * spd(rng, 3).astype(np.float32), spd(rng, 3).astype(np.float32)
    close = (1 + 1e-3 * rng.normal()) * scatter
    for dof_q, scatter_q in [(5.0, prior), (excess + 3.0, close), (0.9 * excess, 0.9 * scatter)]:
        with jax.enable_x64(True):
            exact = Wishart(excess, np.float64(scatter)).kl(Wishart(dof_q, np.float64(scatter_q)))
        found = Wishart(excess, scatter).kl(Wishart(dof_q, scatter_q))
        assert found.dtype == jnp.float32
        np.testing.assert_allclose(found, exact, rtol=1e-4, atol=2e-3)
    with jax.enable_x64(True):
        exact = Wishart(excess, np.float64(scatter)).entropy()
    np.testing.assert_allclose(Wishart(excess, scatter).entropy(), exact, rtol=1e-5, atol=1e-4)


@given(seed=seeds, n=sizes)
@settings(max_examples=15)
def test_products_commute_and_division_undoes_them(seed: int, n: int):
    """The log density of a product is the sum of theirs, up to a constant."""
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        a, b = (Wishart(n + rng.uniform(1, 9), spd(rng, n)) for _ in range(2))
        both, other = a * b, b * a
        np.testing.assert_allclose(both.dof, other.dof, rtol=1e-14)
        np.testing.assert_allclose(both.inverse_scale, other.inverse_scale, rtol=1e-14)
        back = both / b
        np.testing.assert_allclose(back.dof, a.dof, rtol=1e-12)
        np.testing.assert_allclose(back.inverse_scale, a.inverse_scale, rtol=1e-12, atol=1e-12)
        points = [jnp.asarray(spd(rng, n)) for _ in range(3)]
        gaps = [both.log_density(x) - a.log_density(x) - b.log_density(x) for x in points]
        np.testing.assert_allclose(gaps, gaps[0], rtol=1e-10, atol=1e-10)


def test_samples_have_the_mean_and_the_log_determinant():
    """20,000 draws: means within a hundredth of their size, by four standard errors."""
    scatter = spd(np.random.default_rng(4), 3)
    density = Wishart(4.5, scatter)
    draws = np.asarray(jax.jit(lambda key: density.sample(key, (100, 200)))(jax.random.key(0)))
    assert draws.shape == (100, 200, 3, 3)
    draws = draws.reshape(-1, 3, 3).astype(np.float64)
    lower = np.linalg.cholesky(scatter)
    white = lower.T @ draws @ lower / 4.5
    np.testing.assert_allclose(white.mean(axis=0), np.eye(3), atol=0.025)
    logdets = np.linalg.slogdet(draws)[1]
    error = 4 * logdets.std() / np.sqrt(len(logdets))
    np.testing.assert_allclose(logdets.mean(), density.expected_logdet, atol=error)
    assert density.sample(jax.random.key(0)).shape == (3, 3)


@pytest.mark.usefixtures("float64")
def test_everything_compiles_batches_and_differentiates():
    scatter, prior = spd(np.random.default_rng(5), 3), Wishart(5.0, np.eye(3))

    def all_of(t):
        density = Wishart(3.5 + 20 * t, scatter * (1 + t))
        values = [density.kl(prior), prior.kl(density), density.entropy(), density.expected_logdet]
        return jnp.stack([*values, jnp.trace(density.mean), density.log_normaliser])

    points = jnp.array([0.3, 1.0, 2.5])
    slopes = jax.jit(jax.vmap(jax.jacrev(all_of)))(points)
    single = jax.jit(all_of)
    expected = [(single(t + 1e-5) - single(t - 1e-5)) / 2e-5 for t in points]
    np.testing.assert_allclose(slopes, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Wishart(1.0, np.eye(2)), ["dof is 1", "cannot be normalised", "above 1"]),
        (lambda: Wishart([3.0], np.eye(2)), ["dof", "(1,)"]),
        (lambda: Wishart(np.nan, np.eye(2)), ["dof", "nan"]),
        (lambda: Wishart(5.0, np.ones((2, 2))), ["inverse_scale", "singular"]),
        (lambda: Wishart(5.0, -np.eye(2)), ["inverse_scale", "eigenvalue -1"]),
        (lambda: Wishart(5.0, np.ones((2, 3))), ["inverse_scale", "(2, 3)"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line(build: Callable[[], object], words: list[str]):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        build()
    line = str(caught.value)
    assert "\n" not in line
    assert all(word in line for word in words), line
