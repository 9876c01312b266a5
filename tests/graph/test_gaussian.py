"""Messages and beliefs against densities and covariances in numpy float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent.graph.gaussian import Belief, Message, lower_root, precision_root

seeds = st.integers(0, 2**32 - 1)


def spd(rng: np.random.Generator, n: int) -> np.ndarray:
    factor = rng.normal(size=(n, n))
    return factor @ factor.T + 0.1 * np.eye(n)


def message(mean: np.ndarray, precision: np.ndarray) -> Message:
    return Message.at(jnp.asarray(mean), jnp.asarray(precision))


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
    same = told * Message(jnp.zeros(2), jnp.zeros((2, 2)))
    assert (same.eta == told.eta).all()
    assert (same.precision == told.precision).all()


@given(seed=seeds, columns=st.sampled_from([3, 4, 9]))
@settings(deadline=None, max_examples=20)
def test_the_lower_root_has_the_same_outer_product(seed: int, columns: int):
    wide = np.random.default_rng(seed).normal(size=(3, columns)).astype(np.float32)
    root = np.asarray(lower_root(jnp.asarray(wide)), np.float64)
    expected = wide.astype(np.float64) @ wide.T.astype(np.float64)
    assert (np.triu(root, 1) == 0).all()
    # Householder QR is backward stable: some roundings of float32, 6e-8, of the largest entry
    np.testing.assert_allclose(root @ root.T, expected, rtol=0, atol=2e-6 * expected.max())


def test_a_belief_shows_the_covariance_of_its_root():
    root = np.tril(np.random.default_rng(2).normal(size=(4, 4))).astype(np.float32)
    belief = Belief(jnp.zeros(4), jnp.asarray(root))
    expected = root.astype(np.float64) @ root.T
    np.testing.assert_allclose(belief.cov, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(belief.std, np.sqrt(np.diag(expected)), rtol=1e-6)


@given(seed=seeds, rank=st.integers(0, 3))
@settings(deadline=None, max_examples=20)
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
    root, whitened = precision_root(Message(jnp.zeros(2), jnp.zeros((2, 2))))
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
    root_of = jax.jit(jax.vmap(lambda eta, precision: precision_root(Message(eta, precision))))
    _, whitened = root_of(eta, precision)
    length = np.linalg.norm(np.asarray(whitened, np.float64), axis=1)
    said = 100 * np.abs(np.sum(a * y, axis=1))
    assert (length - said).max() < 1
