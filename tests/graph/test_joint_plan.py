"""Planning by a joint model: the posterior of controls, against the dense Gaussian of states and
controls together, the linear-quadratic regulator, and quadratic programming."""

import numpy as np
import pytest
from jopa_agent.agent import (
    Belief,
    Block,
    FixedSensor,
    Gaussian,
    JointModel,
    KnownLinear,
    LearnedLinear,
    MatrixNormalWishart,
)
from scipy.optimize import lsq_linear

from . import dense
from .cases import everything, spd, stable
from .regulator import lqr

pytestmark = pytest.mark.usefixtures("float64")

EXACT = 1e-10


def same(found, exact: dense.Posterior, gains: np.ndarray) -> None:
    mean, cov = exact.actions
    assert np.asarray(found.actions) == pytest.approx(mean, abs=EXACT)
    assert np.asarray(found.action_cov) == pytest.approx(cov, abs=EXACT)
    assert np.asarray(found.gains) == pytest.approx(gains, abs=EXACT)
    assert np.asarray(found.joint.mean) == pytest.approx(exact.mean, abs=EXACT)
    assert np.asarray(found.joint.cov) == pytest.approx(exact.cov, abs=EXACT)
    assert float(found.free_energy) == pytest.approx(-exact.log_evidence, abs=EXACT)
    assert bool(found.converged)


@pytest.mark.parametrize(("seed", "rank"), [(0, 2), (1, 1)])
def test_a_plan_is_the_dense_posterior_of_the_controls(seed: int, rank: int):
    """Two blocks answer to the controls, one does not; readings, couplings, messages and process
    noise as in smoothing, so that goals stand at any steps."""
    case, rng = everything(seed, rank=rank), np.random.default_rng(seed)
    usual, mean, cov = case.freed(np.zeros(2), np.eye(2)), rng.normal(size=2), spd(rng, 2)
    found = case.model.plan(case.observations)
    same(found, dense.posterior(usual, case.factors), dense.gains(usual, case.factors))
    found = case.model.plan(case.observations, prior_u=Belief(mean, cov))
    other = case.freed(mean, cov)
    same(found, dense.posterior(other, case.factors), dense.gains(other, case.factors))


def test_a_prior_of_the_controls_may_differ_from_step_to_step():
    case, rng = everything(2), np.random.default_rng(2)
    means, covs = rng.normal(size=(16, 2)), np.stack([spd(rng, 2) for _ in range(16)])
    prior_u = Belief.of(means, np.linalg.cholesky(covs))
    prior = Belief(rng.normal(size=5), spd(rng, 5))
    found = case.model.plan(case.observations, prior=prior, prior_u=prior_u)
    chain = case.freed(means, covs)
    chain = dense.chain(
        prior.mean, prior.cov, chain.along, chain.noise, None, chain.offset, chain.control,
        chain.action, chain.action_cov,
    )  # fmt: skip
    same(found, dense.posterior(chain, case.factors), dense.gains(chain, case.factors))


def small(seed: int) -> tuple[JointModel, MatrixNormalWishart]:
    """Two states, one control, parameters that are known no better than to a tenth."""
    rng = np.random.default_rng(seed)
    mean = np.concatenate([stable(rng, 2), rng.normal(size=(2, 1))], axis=1)
    posterior = MatrixNormalWishart(mean, 40 * spd(rng, 3), spd(rng, 2), 12.0)
    block = Block("a", LearnedLinear(2, 1, posterior), FixedSensor(np.eye(2), 0.01 * np.eye(2)))
    return JointModel([block]), posterior


def expected(posterior: MatrixNormalWishart, goals: np.ndarray):
    """Dense chain and factors of the expected model, doubts about the parameters among them."""
    steps = len(goals)
    mean, precision, scatter = (
        np.asarray(x) for x in (posterior.mean, posterior.precision, posterior.inverse_scale)
    )
    noise = scatter / float(posterior.dof)
    chain = dense.chain(
        np.zeros(2), 100 * np.eye(2), mean[:, :2], noise, steps,
        control=mean[:, 2:], action=0.0, action_cov=np.eye(1),
    )  # fmt: skip
    told = [dense.seen(t, np.eye(2), goal, 0.01 * np.eye(2)) for t, goal in enumerate(goals)]
    root = np.linalg.cholesky(2 * np.linalg.inv(precision)).T
    constant = 0.5 * (float(posterior.expected_logdet) + np.linalg.slogdet(noise)[1])
    constant += 1.5 * np.log(2 * np.pi)
    for t in range(steps - 1):
        terms = {("x", t): root[:, :2], ("u", t): root[:, 2:]}
        told.append(dense.Observation(terms, np.zeros(3), np.eye(3), constant))
    return chain, told


def reach(goal: tuple[float, float], start: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    goals = np.full((18, 2), np.nan)
    goals[0], goals[9, 0], goals[-1] = start, 0.5, goal
    return goals


def test_caution_about_uncertain_parameters_is_part_of_the_dense_posterior():
    """In the variational treatment each transition doubts ``n zᵀ precision⁻¹ z / 2``, control and
    all; a goal about one coordinate on the way."""
    model, posterior = small(3)
    goals = reach((1.0, -1.0))
    exact = dense.posterior(*expected(posterior, goals))
    pairs = [exact.joint.marginal(("u", t), ("x", t))[1] for t in range(17)]
    gains = np.stack([np.linalg.solve(cov[1:, 1:], cov[1:, :1]).T for cov in pairs])
    same(model.plan({"a": goals}), exact, gains)


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_limits_are_those_of_quadratic_programming(share: float):
    """The mode of the dense posterior of all controls in the box. Where a limit binds a control
    is certain; the others spread as they do given those."""
    model, posterior = small(4)
    goals = reach((1.0, -1.0))
    exact = dense.posterior(*expected(posterior, goals))
    mean, cov = exact.joint.marginal(*[("u", t) for t in range(17)])
    limit, white = share * np.abs(mean).max(), np.linalg.inv(np.linalg.cholesky(cov))
    best = lsq_linear(white, white @ mean, (-limit, limit), tol=1e-14).x
    found = model.plan({"a": goals}, control_limits=(-limit, limit), iterations=20)
    controls = np.asarray(found.actions)[:, 0]
    assert bool(found.converged)
    assert controls == pytest.approx(best, abs=1e-7)
    binds = np.abs(np.abs(controls) - limit) < 1e-12
    assert 0 < binds.sum() < 17
    free = np.linalg.inv(np.linalg.inv(cov)[np.ix_(~binds, ~binds)])
    spread = np.asarray(found.action_cov)[:, 0, 0]
    assert spread[binds] == pytest.approx(np.zeros(binds.sum()), abs=0)
    assert spread[~binds] == pytest.approx(np.diag(free), abs=1e-8)
    assert found.joint.mean[-1] == pytest.approx(rolled(found, exact, best)[-1], abs=1e-6)


def rolled(found, exact: dense.Posterior, controls: np.ndarray) -> np.ndarray:
    """The expected states given all controls."""
    labels = [("u", t) for t in range(17)]
    mean, cov = exact.joint.marginal(*labels, ("x", 17))
    law = np.linalg.solve(cov[:17, :17], cov[:17, 17:])
    return np.concatenate([found.joint.mean[:-1], [mean[17:] + (controls - mean[:17]) @ law]])


def test_wide_limits_change_nothing():
    model, _ = small(5)
    goals = reach((1.0, -1.0), (0.3, 0.0))
    free = model.plan({"a": goals})
    held = model.plan({"a": goals}, control_limits=(-1e3, 1e3))
    assert held.actions == pytest.approx(free.actions, abs=1e-9)
    assert held.action_cov == pytest.approx(free.action_cov, abs=1e-9)
    assert held.gains == pytest.approx(free.gains, abs=1e-8)
    assert held.joint.cov == pytest.approx(free.joint.cov, abs=1e-8)
    assert float(held.free_energy) == pytest.approx(float(free.free_energy), abs=1e-8)


@pytest.mark.parametrize("noise", [0.0, 1e-9])
def test_without_noise_a_plan_is_the_regulators(noise: float):
    """From a state that is known, with a goal on the way and one at the end. With little noise
    the law is the same up to the noise."""
    rng = np.random.default_rng(6)
    along, control = stable(rng, 3, 1.0), rng.normal(size=(3, 2))
    offset, start, effort = rng.normal(size=3), rng.normal(size=3), spd(rng, 2)
    goals = {t: (rng.normal(size=3), spd(rng, 3)) for t in (4, 8)}
    block = Block(
        "a", KnownLinear(along, noise * np.eye(3), control, offset),
        prior=Belief(start, np.zeros((3, 3))),
    )  # fmt: skip
    observations = [None] * 9
    for t, (goal, weight) in goals.items():
        observations[t] = Gaussian.at(goal, weight)
    found = JointModel([block]).plan({"a": observations}, prior_u=Belief([0.5, 0.0], effort))
    chain = dense.chain(
        start, np.zeros((3, 3)), along, np.zeros((3, 3)), 9, offset, control, [0.5, 0.0], effort
    )
    gains, _, controls = lqr(chain, goals)
    tolerance = EXACT if noise == 0 else 1e-6
    assert found.actions == pytest.approx(controls, abs=tolerance)
    assert found.gains == pytest.approx(gains, abs=tolerance)


def test_expected_free_energy_of_a_plan_is_that_of_the_predicted_beliefs():
    """Pragmatic part: half the expected squares of what the goals miss, in sigmas. States are
    predicted from the plan alone; each belief is narrowed by the readings before it."""
    model, posterior = small(7)
    goals = reach((1.0, -1.0))
    found = model.plan({"a": goals})
    parts = found.expected_free_energy
    mean, precision = np.asarray(posterior.mean), np.asarray(posterior.precision)
    wide, tried = np.asarray(posterior.inverse_scale) / (float(posterior.dof) - 3), precision
    state, cov = np.zeros(2), np.linalg.inv(np.eye(2) / 0.01 + np.eye(2) / 100)
    state = cov @ (goals[0] / 0.01)
    for t, control in enumerate(np.asarray(found.actions)):
        z = np.concatenate([state, control])
        widened = wide * (1 + z @ np.linalg.solve(precision, z))
        state, cov = mean @ z, mean[:, :2] @ cov @ mean[:, :2].T + widened
        told = ~np.isnan(goals[t + 1])
        miss = (state - goals[t + 1])[told]
        expected_cost = 0.5 * (miss @ miss + np.trace(cov[np.ix_(told, told)])) / 0.01
        gain = 0.5 * np.linalg.slogdet(np.eye(2) + cov / 0.01)[1]
        trial = np.log1p(z @ np.linalg.solve(tried, z))
        tried = tried + np.outer(z, z)
        assert float(parts.pragmatic[t]) == pytest.approx(expected_cost, rel=1e-9)
        assert float(parts.state_information_gain[t]) == pytest.approx(gain, rel=1e-9)
        assert float(parts.parameter_information_gain[t]) == pytest.approx(trial, rel=1e-9)
        cov = np.linalg.inv(np.linalg.inv(cov) + np.eye(2) / 0.01)
