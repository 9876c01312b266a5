"""The oracle itself: by hand, by simulation, and against scipy's densities."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal

from .dense import (
    Chain,
    Observation,
    chain,
    conditioned,
    coupling,
    filtered,
    gains,
    message,
    posterior,
    seen,
)
from .regulator import lqr

ONE = np.eye(1)


def log_normal(x, mean, cov) -> float:
    return float(multivariate_normal.logpdf(x, mean, cov))


def spd(rng: np.random.Generator, n: int) -> np.ndarray:
    factor = rng.normal(size=(n, n))
    return factor @ factor.T + 0.3 * np.eye(n)


def random_chain(
    seed: int = 0, steps: int = 6, n: int = 3, p: int = 2, rank: int = 3, free: bool = False
) -> Chain:
    """Every factor changes from step to step; the process noise has this rank."""
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(steps - 1, n, rank)) * 0.5
    return chain(
        rng.normal(size=n),
        spd(rng, n),
        0.6 * rng.normal(size=(steps - 1, n, n)),
        roots @ roots.transpose(0, 2, 1),
        offset=rng.normal(size=(steps - 1, n)),
        control=rng.normal(size=(steps - 1, n, p)),
        action=rng.normal(size=(steps - 1, p)),
        action_cov=np.stack([spd(rng, p) for _ in range(steps - 1)]) if free else None,
    )


def sensors(model: Chain, seed: int = 1, m: int = 2) -> list[Observation]:
    rng = np.random.default_rng(seed)
    n = len(model.mean)
    return [
        seen(t, rng.normal(size=(m, n)), rng.normal(size=m), spd(rng, m))
        for t in range(model.steps)
    ]


def simulated(model: Chain, count: int, seed: int = 2) -> np.ndarray:
    """Random trajectories ``(count, T, n)`` of a chain whose controls are known."""
    rng = np.random.default_rng(seed)

    def draw(cov: np.ndarray) -> np.ndarray:
        values, vectors = np.linalg.eigh(cov)
        return rng.normal(size=(count, len(cov))) * np.sqrt(np.maximum(values, 0)) @ vectors.T

    states = [model.mean + draw(model.cov)]
    for t in range(model.steps - 1):
        drive = model.control[t] @ model.action[t] + model.offset[t]
        states.append(states[-1] @ model.along[t].T + drive + draw(model.noise[t]))
    return np.stack(states, axis=1)


def test_one_observation_by_hand():
    """Prior N(1, 4), observation 3 of variance 1: gain 4 / 5."""
    model = chain([1.0], [[4.0]], np.zeros((0, 1, 1)), np.zeros((1, 1)), steps=1)
    found = posterior(model, [seen(0, ONE, [3.0], ONE)])
    assert found.mean[0, 0] == pytest.approx(1 + 0.8 * 2, abs=1e-14)
    assert found.cov[0, 0, 0] == pytest.approx(0.8, abs=1e-14)
    assert found.log_evidence == pytest.approx(log_normal(3, 1, 5), abs=1e-14)


def test_two_steps_by_hand():
    """A random walk from N(0, 1) with unit noise, seen at its second step with unit noise: the
    observation has variance 3, and covariances 1 and 2 with the two states."""
    model = chain([0.0], ONE, ONE, ONE, steps=2)
    found = posterior(model, [seen(1, ONE, [3.0], ONE)])
    assert found.mean[:, 0] == pytest.approx([1.0, 2.0], abs=1e-14)
    expected = np.array([[1, 1], [1, 2]]) - np.outer([1, 2], [1, 2]) / 3
    assert found.pair_cov[0] == pytest.approx(expected, abs=1e-14)


def test_prediction_by_hand():
    """A stationary mean; the variance tends to ``q / (1 - a²)`` by ``a²`` a step."""
    model = chain([2.0], [[1.0]], [[0.5]], [[3.0]], steps=4, offset=[1.0])
    found = posterior(model, [])
    assert found.mean[:, 0] == pytest.approx([2, 2, 2, 2], abs=1e-14)
    ratio = 0.25 ** np.arange(4)
    assert found.cov[:, 0, 0] == pytest.approx(ratio + 3 * (1 - ratio) / 0.75, abs=1e-14)
    assert found.log_evidence == 0


@pytest.mark.parametrize("rank", [1, 3])
def test_the_joint_has_the_moments_of_simulated_trajectories(rank: int):
    model = random_chain(rank=rank)
    joint, count = model.joint(), 200_000
    states = simulated(model, count).reshape(count, -1)
    sigma = np.sqrt(np.diag(joint.cov))
    assert np.abs((states.mean(0) - joint.mean) / sigma).max() < 5 / np.sqrt(count)
    correlation = joint.cov / np.outer(sigma, sigma)
    drawn = np.cov(states.T) / np.outer(sigma, sigma)
    assert np.abs(drawn - correlation).max() < 10 / np.sqrt(count)
    assert np.linalg.matrix_rank(joint.cov) == 3 + 5 * rank


def test_the_joint_of_a_chain_of_full_rank_is_the_product_of_its_factors():
    model, rng = random_chain(), np.random.default_rng(3)
    joint = model.joint()
    states = rng.normal(size=(model.steps, 3))
    factors = log_normal(states[0], model.mean, model.cov)
    for t in range(model.steps - 1):
        drive = model.control[t] @ model.action[t] + model.offset[t]
        mean = model.along[t] @ states[t] + drive
        factors += log_normal(states[t + 1], mean, model.noise[t])
    together = log_normal(states.ravel(), joint.mean, joint.cov)
    assert together == pytest.approx(factors, rel=1e-9)


def test_the_evidence_and_the_posterior_are_of_bayes_rule():
    """``p(y) p(z | y) = p(z) p(y | z)`` at random points."""
    model, rng = random_chain(), np.random.default_rng(4)
    told = [*sensors(model), coupling(2, [[1, 0, 0]], [[0, 1, 1]], [[0.7]], [[0.2]], [0.3])]
    prior, found = model.joint(), posterior(model, told)
    states = rng.normal(size=len(prior.mean))
    likelihood = sum(
        log_normal(each.value, prior.matrix(each.terms, len(each.value)) @ states, each.cov)
        for each in told
    )
    before = log_normal(states, prior.mean, prior.cov) + likelihood
    after = log_normal(states, found.joint.mean, found.joint.cov)
    assert found.log_evidence + after == pytest.approx(before, rel=1e-9)


def test_the_order_of_observations_and_conditioning_in_turn_change_nothing():
    model = random_chain(rank=1)
    told = sensors(model)
    once = posterior(model, told)
    joint, evidence = model.joint(), 0.0
    for each in reversed(told):
        found = conditioned(joint, [each])
        joint, evidence = found.joint, evidence + found.log_evidence
    assert once.joint.mean == pytest.approx(joint.mean, abs=1e-11)
    assert once.joint.cov == pytest.approx(joint.cov, abs=1e-11)
    assert once.log_evidence == pytest.approx(evidence, abs=1e-11)


def test_what_is_not_a_number_is_not_observed():
    model = random_chain()
    matrix, cov = np.array([[1.0, 2, 0], [0, 1, 1]]), np.array([[1.0, 0.4], [0.4, 2]])
    half = posterior(model, [seen(3, matrix, [np.nan, 0.5], cov, offset=[0.1, 0.2])])
    alone = posterior(model, [seen(3, matrix[1:], [0.3], [[2.0]])])
    assert half.mean == pytest.approx(alone.mean, abs=1e-14)
    assert half.log_evidence == pytest.approx(alone.log_evidence, abs=1e-14)
    nothing = posterior(model, [seen(3, matrix, [np.nan, np.nan], cov)])
    assert nothing.log_evidence == 0
    assert np.array_equal(nothing.mean, posterior(model, []).mean)


def test_messages_are_observations_of_their_mean():
    model, rng = random_chain(), np.random.default_rng(5)
    precision, mean = spd(rng, 2), rng.normal(size=2)
    block = np.eye(3)[1:]
    told = posterior(model, [message(2, precision @ mean, precision, block)])
    same = posterior(model, [seen(2, block, mean, np.linalg.inv(precision))])
    assert told.joint.mean == pytest.approx(same.joint.mean, abs=1e-12)
    assert told.joint.cov == pytest.approx(same.joint.cov, abs=1e-12)
    assert told.log_evidence == pytest.approx(same.log_evidence, abs=1e-12)


def test_messages_of_low_precision():
    model = random_chain()
    zero = posterior(model, [message(1, np.zeros(3), np.zeros((3, 3)))])
    assert np.array_equal(zero.mean, posterior(model, []).mean)
    assert zero.log_evidence == 0
    singular = posterior(model, [message(1, [0, 4.0, 0], np.diag([0, 2.0, 0]))])
    same = posterior(model, [seen(1, [[0, 1, 0]], [2.0], [[0.5]])])
    assert singular.joint.mean == pytest.approx(same.joint.mean, abs=1e-13)
    assert singular.log_evidence == pytest.approx(same.log_evidence, abs=1e-13)
    with pytest.raises(ValueError, match="zero precision"):
        message(1, [1.0, 4.0, 0], np.diag([0, 2.0, 0]))


def test_the_evidence_of_a_message_as_it_is_written_is_its_integral():
    model = chain([0.4], [[0.7]], np.zeros((0, 1, 1)), np.zeros((1, 1)), steps=1)
    found = posterior(model, [message(0, [1.3], [[2.1]], normalised=False)]).log_evidence
    integral, _ = quad(
        lambda x: np.exp(1.3 * x - 1.05 * x * x) * np.exp(log_normal(x, 0.4, 0.7)), -20, 20
    )
    assert found == pytest.approx(np.log(integral), rel=1e-9)


def test_a_tight_coupling_makes_two_slices_one():
    """Slices of prior variance 1 and 4, x_b = 2 x_a + 1 almost surely, and x_b is seen."""
    model = chain([0.0, 0.0], np.diag([1.0, 4.0]), np.zeros((0, 2, 2)), np.zeros((2, 2)), steps=1)
    tie = coupling(0, [[1, 0]], [[0, 1]], [[2.0]], [[1e-9]], [1.0])
    found = posterior(model, [tie])
    # x_a ~ N(0, 1), and 2 x_a + 1 ~ N(0, 4), which is x_a ~ N(-1/2, 1).
    assert found.mean[0] == pytest.approx([-0.25, 0.5], abs=1e-7)
    assert found.cov[0] == pytest.approx(0.5 * np.array([[1, 2], [2, 4]]), abs=1e-7)


def test_filtering_is_kalmans_recursion():
    model = random_chain(rank=1)
    told = sensors(model)
    found = filtered(model, told)
    mean, cov = model.mean, model.cov
    for t, each in enumerate(told):
        assert found.predicted_mean[t] == pytest.approx(mean, abs=1e-11)
        assert found.predicted_cov[t] == pytest.approx(cov, abs=1e-11)
        matrix = each.terms[("x", t)]
        innovation = matrix @ cov @ matrix.T + each.cov
        evidence = log_normal(each.value, matrix @ mean, innovation)
        assert found.log_evidence[t] == pytest.approx(evidence, abs=1e-11)
        gain = cov @ matrix.T @ np.linalg.inv(innovation)
        mean, cov = mean + gain @ (each.value - matrix @ mean), cov - gain @ matrix @ cov
        assert found.mean[t] == pytest.approx(mean, abs=1e-11)
        assert found.cov[t] == pytest.approx(cov, abs=1e-11)
        if t < model.steps - 1:
            drive = model.control[t] @ model.action[t] + model.offset[t]
            mean = model.along[t] @ mean + drive
            cov = model.along[t] @ cov @ model.along[t].T + model.noise[t]
    whole = posterior(model, told)
    assert whole.mean[-1] == pytest.approx(mean, abs=1e-11)
    assert whole.log_evidence == pytest.approx(found.log_evidence.sum(), abs=1e-10)


def test_planning_one_step_by_hand():
    """x_1 = x_0 + u with x_0 = 0, u ~ N(0, 1), and the goal 1 of variance 1/3: u ~ N(3/4, 1/4)."""
    model = chain([0.0], [[0.0]], ONE, [[0.0]], 2, control=ONE, action=[0.0], action_cov=ONE)
    goal = seen(1, ONE, [1.0], ONE / 3)
    mean, cov = posterior(model, [goal]).actions
    assert mean.item() == pytest.approx(0.75, abs=1e-14)
    assert cov.item() == pytest.approx(0.25, abs=1e-14)
    assert gains(model, [goal]).item() == pytest.approx(-0.75, abs=1e-14)


def test_controls_without_doubt_are_known_controls():
    known = random_chain(rank=1)
    free = random_chain(rank=1, free=True)
    told = sensors(known)
    certain = Chain(**{**vars(known), "action_cov": np.zeros((5, 2, 2))})
    found, expected = posterior(certain, told), posterior(known, told)
    assert found.mean == pytest.approx(expected.mean, abs=1e-12)
    assert found.cov == pytest.approx(expected.cov, abs=1e-12)
    assert found.actions[0] == pytest.approx(known.action, abs=1e-12)
    assert not np.allclose(posterior(free, told).mean, expected.mean, atol=0.01)


def test_planning_without_noise_is_the_linear_quadratic_regulator():
    rng = np.random.default_rng(7)
    noisy = random_chain(free=True, seed=6)
    model = Chain(**{**vars(noisy), "noise": 0 * noisy.noise, "cov": np.zeros((3, 3))})
    goals = {t: (rng.normal(size=3), spd(rng, 3)) for t in (2, 3, 5)}
    goals[4] = (np.ones(3), np.diag([0.0, 2.0, 0.0]))
    told = [message(t, weight @ goal, weight) for t, (goal, weight) in goals.items()]
    gain, constant, controls = lqr(model, goals)
    found = posterior(model, told)
    assert found.actions[0] == pytest.approx(controls, abs=1e-10)
    assert gains(model, told) == pytest.approx(gain, abs=1e-10)
    law = gain @ found.mean[:-1, :, None]
    assert law[..., 0] + constant == pytest.approx(controls, abs=1e-10)


def test_the_feedback_law_holds_with_process_noise():
    """The regression of control on state in the posterior of the whole plan is the gain."""
    model = random_chain(free=True, seed=8)
    goal = [seen(5, np.eye(3), np.ones(3), 0.1 * np.eye(3))]
    found = posterior(model, goal).joint
    expected = []
    for t in range(5):
        _, cov = found.marginal(("u", t), ("x", t))
        expected.append(cov[:2, 2:] @ np.linalg.inv(cov[2:, 2:]))
    assert gains(model, goal) == pytest.approx(np.stack(expected), abs=1e-10)
