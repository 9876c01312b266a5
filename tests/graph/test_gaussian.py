"""Messages and beliefs against densities and covariances in numpy float64."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent.graph.gaussian import Belief, Gaussian, lower_root, precision_root
from scipy import stats

seeds = st.integers(0, 2**32 - 1)
NORMAL: Any = stats.multivariate_normal


def spd(rng: np.random.Generator, n: int) -> np.ndarray:
    factor = rng.normal(size=(n, n))
    return factor @ factor.T + 0.1 * np.eye(n)


def message(mean: np.ndarray, precision: np.ndarray) -> Gaussian:
    return Gaussian.at(jnp.asarray(mean), jnp.asarray(precision))


@pytest.mark.usefixtures("float64")
def test_a_product_of_messages_is_the_product_of_their_densities():
    rng = np.random.default_rng(0)
    means, precisions = rng.normal(size=(2, 3)), [spd(rng, 3), spd(rng, 3)]
    both = message(means[0], precisions[0]) * message(means[1], precisions[1])
    points = rng.normal(size=(20, 3))

    def log_density(mean: np.ndarray, precision: np.ndarray) -> np.ndarray:
        away = points - mean
        return -0.5 * np.einsum("ti,ij,tj->t", away, precision, away)

    expected = log_density(means[0], precisions[0]) + log_density(means[1], precisions[1])
    found = points @ both.eta - 0.5 * np.einsum("ti,ij,tj->t", points, both.precision, points)
    constant = found - expected
    np.testing.assert_allclose(constant, constant[0], rtol=0, atol=1e-12 * abs(expected).max())


def test_zero_precision_says_nothing():
    rng = np.random.default_rng(1)
    told = message(rng.normal(size=2), spd(rng, 2))
    same = told * Gaussian(jnp.zeros(2), jnp.zeros((2, 2)))
    assert (same.eta == told.eta).all()
    assert (same.precision == told.precision).all()


@given(seed=seeds, columns=st.sampled_from([3, 4, 9]))
@settings(max_examples=20)
def test_the_lower_root_has_the_same_outer_product(seed: int, columns: int):
    wide = np.random.default_rng(seed).normal(size=(3, columns)).astype(np.float32)
    root = np.asarray(lower_root(jnp.asarray(wide)), np.float64)
    expected = wide.astype(np.float64) @ wide.T.astype(np.float64)
    assert (np.triu(root, 1) == 0).all()
    # Householder QR is backward stable: some roundings of float32, 6e-8, of the largest entry
    np.testing.assert_allclose(root @ root.T, expected, rtol=0, atol=2e-6 * expected.max())


def test_a_belief_shows_the_covariance_of_its_root():
    root = np.tril(np.random.default_rng(2).normal(size=(4, 4))).astype(np.float32)
    belief = Belief.of(jnp.zeros(4), jnp.asarray(root))
    expected = root.astype(np.float64) @ root.T
    np.testing.assert_allclose(belief.cov, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(belief.std, np.sqrt(np.diag(expected)), rtol=1e-6)


@given(seed=seeds, rank=st.integers(0, 3))
@settings(max_examples=20)
def test_precision_root_restores_precision_and_eta(seed: int, rank: int):
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        factor, mean = rng.normal(size=(3, rank)), rng.normal(size=3)
        precision = factor @ factor.T
        root, whitened = precision_root(message(mean, precision))
        size = max(precision.max(), 1e-300)
        np.testing.assert_allclose(root @ root.T, precision, rtol=0, atol=1e-13 * size)
        np.testing.assert_allclose(root @ whitened, precision @ mean, rtol=0, atol=1e-12 * size)


def test_precision_root_of_nothing_is_exactly_zero():
    root, whitened = precision_root(Gaussian(jnp.zeros(2), jnp.zeros((2, 2))))
    assert not root.any()
    assert not whitened.any()


def test_what_a_rank_deficient_message_does_not_say_stays_unsaid():
    """An eigenvalue that is zero but for its rounding must not turn eta's rounding into news.

    The message is ``aᵀx = aᵀy`` with standard deviation 0.01; in whitened form its length is
    ``100 |aᵀy|``, and rounding adds at most ``sqrt(eps λ) |y|``, below 1 here.
    """
    rng = np.random.default_rng(0)
    a, y = rng.normal(size=(100_000, 3)), rng.normal(size=(100_000, 3))
    precision = (1e4 * a[:, :, None] * a[:, None]).astype(np.float32)
    eta = np.einsum("tij,tj->ti", precision.astype(np.float64), y).astype(np.float32)
    root_of = jax.jit(jax.vmap(lambda eta, precision: precision_root(Gaussian(eta, precision))))
    _, whitened = root_of(eta, precision)
    length = np.linalg.norm(np.asarray(whitened, np.float64), axis=1)
    said = 100 * np.abs(np.sum(a * y, axis=1))
    assert (length - said).max() < 1


@given(seed=seeds, n=st.integers(1, 4))
@settings(max_examples=15)
def test_products_commute_and_division_undoes_them(seed: int, n: int):
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        a, b, c = (message(rng.normal(size=n), spd(rng, n)) for _ in range(3))
        for one, other in [(a * b, b * a), ((a * b) * c, a * (b * c)), ((a * b) / b, a)]:
            np.testing.assert_allclose(one.eta, other.eta, rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(one.precision, other.precision, rtol=1e-12, atol=1e-12)


@given(seed=seeds, n=st.integers(1, 4))
@settings(max_examples=15)
def test_moments_entropy_and_divergence(seed: int, n: int):
    """Entropy by scipy; the divergence by its textbook formula with inverses, in float64."""
    rng = np.random.default_rng(seed)
    means, covs = rng.normal(size=(2, n)), [spd(rng, n), spd(rng, n)]
    expected = 0.5 * (
        np.trace(np.linalg.solve(covs[1], covs[0]))
        - n
        + np.linalg.slogdet(covs[1])[1]
        - np.linalg.slogdet(covs[0])[1]
        + (away := means[1] - means[0]) @ np.linalg.solve(covs[1], away)
    )
    with jax.enable_x64(True):
        beliefs = [Belief(mean, cov) for mean, cov in zip(means, covs, strict=True)]
        messages = [belief.message() for belief in beliefs]
        for pair in (beliefs, messages, [message.belief() for message in messages]):
            np.testing.assert_allclose(pair[0].mean, means[0], rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(pair[0].cov, covs[0], rtol=1e-9, atol=1e-9)
            entropy = NORMAL.entropy(means[0], covs[0])
            np.testing.assert_allclose(pair[0].entropy(), entropy, rtol=1e-9, atol=1e-9)
            assert pair[0].ndim == n
            np.testing.assert_allclose(pair[0].kl(pair[1]), expected, rtol=1e-8, atol=1e-8)
            np.testing.assert_allclose(pair[0].kl(pair[0]), 0, atol=1e-10)
        assert messages[0].lam is messages[0].precision


@pytest.mark.parametrize("form", ["belief", "message"])
def test_samples_have_the_moments(form: str):
    """Means of 40,000 draws scatter by 0.005 standard deviations, covariances by 0.01."""
    rng = np.random.default_rng(3)
    mean, cov = rng.normal(size=3), spd(rng, 3)
    belief = Belief(mean, cov)
    density = belief if form == "belief" else belief.message()
    draws = np.asarray(density.sample(jax.random.key(0), (200, 200)), np.float64)
    assert draws.shape == (200, 200, 3)
    white = np.linalg.solve(np.linalg.cholesky(cov), (draws.reshape(-1, 3) - mean).T)
    np.testing.assert_allclose(white.mean(axis=1), 0, atol=0.03)
    np.testing.assert_allclose(np.cov(white), np.eye(3), atol=0.05)
    assert density.sample(jax.random.key(0)).shape == (3,)


def test_beliefs_and_messages_may_be_stacked():
    rng = np.random.default_rng(4)
    means, covs = rng.normal(size=(5, 3)), np.stack([spd(rng, 3) for _ in range(5)])
    stacked = jax.vmap(Belief)(means, covs)
    wide = Belief.of(stacked.mean, jnp.concatenate([stacked.root, stacked.root], -1) / 2**0.5)
    other = Belief(np.zeros(3), np.eye(3))
    singles = [Belief(mean, cov) for mean, cov in zip(means, covs, strict=True)]

    def same(found: jax.Array, of_single: Callable[[Belief], jax.Array]) -> None:
        np.testing.assert_allclose(found, [of_single(one) for one in singles], rtol=2e-4, atol=1e-5)

    for beliefs in (stacked, wide):
        same(beliefs.cov, lambda one: one.cov)
        same(beliefs.std, lambda one: one.std)
        same(beliefs.entropy(), lambda one: one.entropy())
        same(beliefs.kl(other), lambda one: one.kl(other))
        same(beliefs.message().cov, lambda one: one.cov)
        same(beliefs.message().mean, lambda one: one.mean)
        same(beliefs.message().entropy(), lambda one: one.entropy())
        same(beliefs.message().kl(other.message()), lambda one: one.kl(other))
        assert beliefs.sample(jax.random.key(0), (7,)).shape == (7, 5, 3)
        assert beliefs.message().sample(jax.random.key(0), (7,)).shape == (7, 5, 3)
    at = Gaussian.at(means, np.eye(3))
    assert at.precision.shape == (5, 3, 3)
    np.testing.assert_allclose(at.eta, means, rtol=1e-6)


@given(seed=seeds, rank=st.integers(0, 3), scale=st.sampled_from([1e-3, 1.0, 1e4]))
@settings(max_examples=20)
def test_a_belief_keeps_a_covariance_that_is_singular(seed: int, rank: int, scale: float):
    """To a hundred roundings of the largest entry; traced as well as not."""
    rng = np.random.default_rng(seed)
    factor = np.float32(scale) * rng.normal(size=(3, rank)).astype(np.float32)
    cov = factor @ factor.T
    mean = np.zeros(3, np.float32)
    built = Belief(mean, cov)
    assert (np.triu(built.root, 1) == 0).all()
    for belief in (built, jax.jit(Belief)(mean, cov)):
        assert belief.root.shape == (3, 3)
        assert belief.root.dtype == jnp.float32
        np.testing.assert_allclose(belief.cov, cov, rtol=0, atol=1e-5 * cov.max(initial=0.0))


def test_a_singular_belief_has_no_entropy_and_is_infinitely_far():
    point, wide = Belief(np.zeros(2), np.diag([1.0, 0.0])), Belief(np.zeros(2), np.eye(2))
    assert point.entropy() == -np.inf
    assert point.kl(wide) == np.inf
    assert wide.kl(point) == np.inf
    assert np.asarray(point.sample(jax.random.key(0), (9,))[:, 1] == 0).all()
    thin = Belief.of(jnp.zeros(2), jnp.ones((2, 1)))
    assert thin.entropy() < -10


def test_a_message_that_says_nothing_has_no_moments():
    nothing = Gaussian(np.zeros(2), np.zeros((2, 2)))
    assert np.isnan(nothing.mean).all()
    assert np.isnan(nothing.cov).all()


TURN, WEIGHTS = np.random.default_rng(0).normal(size=(2, 3, 3))


def through_belief(t, cov):
    mover = jnp.eye(3) + t * TURN
    belief = Belief(jnp.zeros(3), mover @ cov @ mover.T)
    return jnp.sum(jnp.sin(belief.cov) * WEIGHTS) + belief.std @ jnp.diag(cov)


def through_message(t, cov):
    mover = jnp.eye(3) + t * TURN
    precision = mover @ cov @ mover.T
    root, whitened = precision_root(Gaussian.of(precision @ jnp.arange(3.0), precision))
    return jnp.sum(jnp.sin(root @ root.T) * WEIGHTS) + whitened @ whitened


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("function", [through_belief, through_message])
def test_gradients_pass_where_eigenvalues_meet_or_vanish(function: Callable[..., jax.Array]):
    """Of functions of the covariance alone, against central differences along a motion that
    keeps its rank: turning and stretching the coordinates."""
    value, gradient = jax.jit(function), jax.jit(jax.grad(function))
    hessian, batched = jax.jit(jax.hessian(function)), jax.jit(jax.vmap(gradient))
    pair = [[2.0, 1, 0], [1, 2, 0], [0, 0, 1]]
    covs = np.array([np.eye(3), np.diag([4.0, 1, 0]), np.ones((3, 3)), pair])
    slopes = [(value(1e-4, cov) - value(-1e-4, cov)) / 2e-4 for cov in covs]
    bends = [(gradient(1e-4, cov) - gradient(-1e-4, cov)) / 2e-4 for cov in covs]
    np.testing.assert_allclose([gradient(0.0, x) for x in covs], slopes, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(batched(np.zeros(4), covs), slopes, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose([hessian(0.0, x) for x in covs], bends, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("float64")
def test_divergences_differentiate():
    rng = np.random.default_rng(5)
    cov, turn = spd(rng, 3), rng.normal(size=(3, 3))

    def divergence(t):
        mover = jnp.eye(3) + t * turn
        moved = Belief(mover @ jnp.ones(3), mover @ cov @ mover.T)
        still = Belief(np.zeros(3), np.eye(3))
        return moved.kl(still) + moved.message().kl(still.message()) + moved.entropy()

    slope = (divergence(1e-5) - divergence(-1e-5)) / 2e-5
    np.testing.assert_allclose(jax.jit(jax.grad(divergence))(0.0), slope, rtol=1e-6)


def test_rebuilding_a_belief_checks_nothing():
    belief = Belief(np.zeros(2), np.eye(2))
    leaves, tree = jax.tree.flatten(belief)
    assert [leaf.shape for leaf in leaves] == [(2,), (2, 2)]
    assert jax.tree.unflatten(tree, ["a", None]).mean == "a"
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(belief)]
    assert paths == [".mean", ".root"]


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Belief([0, 0], np.eye(3)), ["cov", "(3, 3)", "(2, 2)"]),
        (lambda: Belief(np.eye(2), np.eye(2)), ["mean", "(2, 2)", "(n,)"]),
        (lambda: Belief([0, np.nan], np.eye(2)), ["mean[1]", "nan"]),
        (lambda: Belief([0, 1e300], np.eye(2)), ["mean[1]", "1e+300", "float32"]),
        (lambda: Belief([0, 0], [[1, 2], [2, 1]]), ["cov", "eigenvalue -1"]),
        (lambda: Belief([0, 0], [[1, 0.5], [0, 1]]), ["cov", "not symmetric", "0.5"]),
        (lambda: Belief([0, 0], [[1, 0], [0]]), ["cov", "rows of one length"]),
        (lambda: Belief(["a", "b"], np.eye(2)), ["mean", "floats"]),
        (lambda: Belief([1j, 0], np.eye(2)), ["mean", "complex"]),
        (lambda: Gaussian(1.0, np.eye(1)), ["eta", "()"]),
        (lambda: Gaussian(np.zeros(2), np.eye(3)), ["precision", "(3, 3)", "(2, 2)"]),
        (lambda: Gaussian(np.zeros((4, 2)), np.eye(2)), ["precision", "(2, 2)", "(4, 2, 2)"]),
        (lambda: Gaussian(np.zeros(2), np.diag([1, -3])), ["precision", "-3"]),
        (lambda: Gaussian.at(np.zeros(2), np.eye(3)), ["precision", "(3, 3)"]),
        (lambda: Gaussian.at(0.0, np.eye(3)), ["mean", "()"]),
        (lambda: Gaussian.at([np.inf], np.eye(1)), ["mean[0]", "inf"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line(build: Callable[[], object], words: list[str]):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        build()
    line = str(caught.value)
    assert "\n" not in line
    assert all(word in line for word in words), line
