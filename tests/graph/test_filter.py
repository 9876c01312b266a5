"""The filter against a dense Kalman filter in numpy float64, linearised by finite differences."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.filter import predict, update
from jopa_agent.agent.graph.gaussian import Belief, Message
from scipy.stats import multivariate_normal

D = 2
STEPS = 30

moved, observed = jax.jit(predict), jax.jit(update)


class Record(NamedTuple):
    controls: np.ndarray
    means: np.ndarray
    precisions: np.ndarray


@pytest.fixture
def transition(make_transition: Callable) -> Any:
    return make_transition(D, 1, degree=2, control_degree=1, seed=3, ignorance=0.1)


@pytest.fixture(scope="module")
def record() -> Record:
    """Controls and messages; the sensor sees all, one direction only, or nothing, in turn."""
    rng = np.random.default_rng(5)
    whole = np.array([[2e4, 5e3], [5e3, 1e4]])
    aslant = 1e4 * np.outer([0.6, 0.8], [0.6, 0.8])
    kinds = np.array([whole, whole, aslant, np.zeros((D, D))])
    walk = np.cumsum(0.02 * rng.normal(size=(STEPS, D)), axis=0)
    return Record(rng.uniform(-1, 1, (STEPS, 1)), walk, kinds[np.arange(STEPS) % 4])


def start() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    return 0.1 * rng.normal(size=3 * D), 0.05 * np.tril(rng.normal(size=(3 * D, 3 * D)))


def filter_all(transition: Any, record: Record) -> list[tuple[Belief, Any, Any]]:
    mean, root = start()
    belief, steps = Belief(jnp.asarray(mean), jnp.asarray(root)), []
    for control, seen, precision in zip(*record, strict=True):
        message = Message.at(jnp.asarray(seen), jnp.asarray(precision))
        belief, surprise, evidence = observed(
            moved(transition, belief, jnp.asarray(control)), message
        )
        steps.append((belief, surprise, evidence))
    return steps


@pytest.mark.usefixtures("float64")
def test_it_is_the_extended_kalman_filter(transition: Any, plain: Any, record: Record):
    oracle, select = plain(transition), np.eye(D, 3 * D)
    mean, root = start()
    covariance = root @ root.T
    steps = filter_all(transition, record)
    for (belief, _, _), control, seen, precision in zip(steps, *record, strict=True):
        along, _ = oracle.jacobians(mean, control)
        covariance = along @ covariance @ along.T + oracle.noise(mean, control)
        mean = oracle.mean(mean, control)
        # information form in the observed coordinates needs no inverse of the precision
        gain = (
            covariance
            @ select.T
            @ np.linalg.inv(np.eye(D) + precision @ select @ covariance @ select.T)
        )
        mean = mean + gain @ precision @ (seen - mean[:D])
        covariance = covariance - gain @ precision @ select @ covariance
        np.testing.assert_allclose(belief.mean, mean, rtol=0, atol=1e-9)
        np.testing.assert_allclose(belief.cov, covariance, rtol=0, atol=1e-9 * covariance.max())


@pytest.mark.usefixtures("float64")
def test_evidence_and_surprise_are_those_of_the_predicted_observation():
    rng = np.random.default_rng(0)
    mean, root = start()
    precision, seen = np.array([[200.0, 50.0], [50.0, 100.0]]), rng.normal(size=D)
    belief = Belief(jnp.asarray(mean), jnp.asarray(root))
    _, surprise, evidence = observed(belief, Message.at(jnp.asarray(seen), jnp.asarray(precision)))
    innovation = (root @ root.T)[:D, :D] + np.linalg.inv(precision)
    expected = multivariate_normal(mean[:D], innovation).logpdf(seen)  # pyright: ignore[reportArgumentType]
    constant = 0.5 * np.linalg.slogdet(precision)[1] - 0.5 * D * np.log(2 * np.pi)
    assert float(evidence) + constant == pytest.approx(expected, abs=1e-11)
    away = seen - mean[:D]
    squared = away @ np.linalg.solve(innovation, away)
    assert float(surprise @ surprise) == pytest.approx(squared, rel=1e-11)


@pytest.mark.usefixtures("float64")
def test_evidence_of_a_message_on_one_direction_is_that_of_a_scalar():
    mean, root = start()
    along, precision, seen = np.array([0.6, 0.8]), 300.0, np.array([0.4, -0.1])
    belief = Belief(jnp.asarray(mean), jnp.asarray(root))
    message = Message.at(jnp.asarray(seen), jnp.asarray(precision * np.outer(along, along)))
    _, _, evidence = observed(belief, message)
    variance = along @ (root @ root.T)[:D, :D] @ along + 1 / precision
    expected = multivariate_normal(along @ mean[:D], variance).logpdf(along @ seen)  # pyright: ignore[reportArgumentType]
    constant = 0.5 * np.log(precision) - 0.5 * np.log(2 * np.pi)
    assert float(evidence) + constant == pytest.approx(expected, abs=1e-10)


def test_a_missing_observation_changes_nothing():
    mean, root = start()
    belief = Belief(jnp.asarray(mean, jnp.float32), jnp.asarray(root, jnp.float32))
    posterior, surprise, evidence = observed(belief, Message(jnp.zeros(D), jnp.zeros((D, D))))
    assert (posterior.mean == belief.mean).all()
    assert not surprise.any()
    assert evidence == 0
    # the root is triangularised anew: some roundings of float32
    np.testing.assert_allclose(
        posterior.cov, belief.cov, rtol=0, atol=1e-6 * float(belief.cov.max())
    )


def test_a_certain_message_does_not_break_float32():
    """Sensor of 1e-4 on a belief of width one: 1e8 between the two, past float32's digits."""
    belief = Belief(jnp.zeros(3 * D), jnp.eye(3 * D))
    seen = jnp.array([0.5, -0.25])
    posterior, _, _ = observed(belief, Message.at(seen, 1e8 * jnp.eye(D)))
    np.testing.assert_allclose(posterior.mean[:D], seen, rtol=0, atol=1e-6)
    np.testing.assert_allclose(posterior.std[:D], 1e-4, rtol=1e-3)
    np.testing.assert_allclose(posterior.std[D:], 1.0, rtol=1e-6)


def test_float32_follows_float64(make_transition: Callable, record: Record):
    sizes = {"poses": D, "degree": 2, "control_degree": 1, "seed": 3, "ignorance": 0.1}
    single = filter_all(make_transition(**sizes), record)
    with jax.enable_x64(True):
        double = filter_all(make_transition(**sizes), record)
        for (one, _, _), (two, _, _) in zip(single, double, strict=True):
            assert one.mean.dtype == jnp.float32
            # no drift over the steps: a hundredth of a sigma, and a thousandth of its size
            assert np.abs((one.mean - two.mean) / two.std).max() < 1e-2
            np.testing.assert_allclose(one.std, two.std, rtol=1e-3)
