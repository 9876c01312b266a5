"""The oracle of learning: by hand, and against scipy's densities."""

import numpy as np
import pytest
from scipy.stats import invwishart, multivariate_normal, multivariate_t
from scipy.stats import t as student_t

from .dense import seen
from .dense_learning import Regression, Segment, divergence, learned, log_evidence, regressed, sums


def spd(rng: np.random.Generator, n: int) -> np.ndarray:
    factor = rng.normal(size=(n, n))
    return factor @ factor.T + 0.3 * np.eye(n)


def a_prior(seed: int = 0, n: int = 2, k: int = 3) -> Regression:
    rng = np.random.default_rng(seed)
    return Regression(rng.normal(size=(n, k)), spd(rng, k), spd(rng, n), 4.5)


def test_regression_with_one_output_by_hand():
    """One input, one pair: prior N(0, 1/w), w ~ Gamma(1, 1) of shape and rate; y = 2 at z = 1."""
    prior = Regression(np.zeros((1, 1)), np.eye(1), 2 * np.eye(1), 2.0)
    data = sums(np.ones((1, 1)), np.array([[2.0]]))
    found = regressed(prior, data)
    assert (found.mean.item(), found.precision.item(), found.dof) == pytest.approx((1, 2, 3))
    assert found.inverse_scale.item() == pytest.approx(2 + 2)
    # Student's t of 2 degrees of freedom, scale² = rate / shape (1 + 1) = 2.
    expected = student_t.logpdf(2.0, df=2, loc=0.0, scale=np.sqrt(2.0))
    assert log_evidence(prior, data) == pytest.approx(expected, abs=1e-13)


def test_regression_evidence_is_students_t_and_the_chain_rule_holds():
    prior, rng = a_prior(), np.random.default_rng(9)
    inputs, outputs = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    total, current = 0.0, prior
    for z, y in zip(inputs, outputs, strict=True):
        freedom = current.dof - 1
        spread = (1 + z @ np.linalg.inv(current.precision) @ z) / freedom
        predictive = multivariate_t(current.mean @ z, current.inverse_scale * spread, df=freedom)
        one = sums(z[None], y[None])
        assert log_evidence(current, one) == pytest.approx(predictive.logpdf(y), abs=1e-11)
        total, current = total + predictive.logpdf(y), regressed(current, one)
    both = regressed(prior, sums(inputs, outputs))
    assert log_evidence(prior, sums(inputs, outputs)) == pytest.approx(total, abs=1e-11)
    for name, value in vars(both).items():
        assert value == pytest.approx(getattr(current, name), abs=1e-11)


def test_divergence_is_the_expected_log_ratio():
    """By drawing, and by ``log evidence = E_q[log likelihood] - KL(posterior, prior)``."""
    prior, rng = a_prior(), np.random.default_rng(10)
    inputs, outputs = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    q = regressed(prior, sums(inputs, outputs))
    assert divergence(prior, prior) == pytest.approx(0, abs=1e-12)
    residual = outputs - inputs @ q.mean.T
    doubt = np.trace(inputs @ np.linalg.inv(q.precision) @ inputs.T)
    likelihood = 0.5 * len(inputs) * (q.expected_logdet - 2 * np.log(2 * np.pi))
    likelihood -= 0.5 * np.trace(q.expected_precision @ residual.T @ residual) + doubt
    expected = log_evidence(prior, sums(inputs, outputs))
    assert likelihood - divergence(q, prior) == pytest.approx(expected, abs=1e-11)
    draws = invwishart(q.dof, q.inverse_scale).rvs(40_000, random_state=0)
    logdet = -np.linalg.slogdet(draws)[1]
    assert logdet.mean() == pytest.approx(q.expected_logdet, abs=0.02)
    assert np.linalg.inv(draws).mean(0) == pytest.approx(q.expected_precision, rel=0.05, abs=0.02)


def segments_for_learning() -> list[Segment]:
    rng = np.random.default_rng(11)
    along, control = np.array([[0.9, 0.2], [-0.2, 0.8]]), np.array([[0.0], [0.5]])
    found = []
    for steps in (12, 8):
        state, controls, told = rng.normal(size=2), rng.normal(size=(steps - 1, 1)), []
        for t in range(steps):
            told.append(seen(t, np.eye(2), state + 0.1 * rng.normal(size=2), 0.01 * np.eye(2)))
            if t < steps - 1:
                state = along @ state + control @ controls[t] + 0.1 * rng.normal(size=2)
        del told[4]
        found.append(Segment(told, controls))
    return found


def test_learning_never_raises_the_free_energy_and_comes_to_rest():
    prior = Regression(np.eye(2, 3), np.eye(3), 0.1 * np.eye(2), 4.0)
    segments = segments_for_learning()
    found = learned(prior, np.zeros(2), np.eye(2), segments, 150)
    falls = -np.diff(found.free_energy)
    assert falls.min() > -1e-10
    assert falls[0] > 1
    assert falls[-1] < 1e-6


def test_learning_from_states_that_are_seen_is_regression():
    """With sensors of hardly any noise the beliefs are the states, and the free energy comes to
    minus the log evidence of states and sensors."""
    full = []
    for segment in segments_for_learning():
        states = [each.value for each in segment.observations]
        told = [seen(t, np.eye(2), x, 1e-8 * np.eye(2)) for t, x in enumerate(states)]
        full.append(Segment(told, segment.controls[: len(told) - 1]))
    prior = Regression(np.eye(2, 3), np.eye(3), 0.1 * np.eye(2), 4.0)
    found = learned(prior, np.zeros(2), np.eye(2), full, 3)
    states = [np.stack([each.value for each in s.observations]) for s in full]
    inputs = np.concatenate(
        [np.hstack([x[:-1], s.controls]) for x, s in zip(states, full, strict=True)]
    )
    data = sums(inputs, np.concatenate([x[1:] for x in states]))
    expected = regressed(prior, data)
    assert found.dynamics.mean == pytest.approx(expected.mean, abs=1e-5)
    assert found.dynamics.inverse_scale == pytest.approx(expected.inverse_scale, abs=1e-5)
    starts = sum(multivariate_normal.logpdf(x[0], np.zeros(2)) for x in states)
    evidence = log_evidence(prior, data) + starts
    assert found.free_energy[-1] == pytest.approx(-evidence, abs=1e-3)
