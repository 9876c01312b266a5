"""Known physics and sensors that are not linear: against cuthbert, sigma points in numpy, and
Gauss-Newton by scipy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cuthbert.filtering import filter as cuthbert_filter
from cuthbert.gaussian import moments
from jopa_agent.agent import (
    Belief,
    Block,
    CallableProcessNoise,
    CallableSensor,
    FixedSensor,
    Inference,
    JointModel,
    KnownPhysics,
)
from scipy.optimize import least_squares

from . import dense
from .cases import at

pytestmark = pytest.mark.usefixtures("float64")

MEAN, COV = np.array([0.5, -0.2]), np.array([[0.3, 0.1], [0.1, 0.2]])
NOISE, READING = np.array([[0.02, 0.01], [0.01, 0.05]]), np.diag([0.05, 0.1])


def swing(state, control):
    """A pendulum of unit length, a tenth of a second later."""
    rate = state[1] - jnp.sin(state[0]) + 0.8 * control[0]
    return jnp.stack([state[0] + 0.1 * rate, rate])


def tangents(state, control):
    """The same as matrices and offset near a state."""
    along, push = jax.jacfwd(swing, argnums=(0, 1))(state, control)
    return along, push, swing(state, control) - along @ state - push @ control


def bob(state):
    return jnp.stack([jnp.sin(state[0]), jnp.cos(state[0]) + 0.1 * state[1] ** 2])


def rough(state):
    """Process noise that grows with speed."""
    return NOISE * (1 + state[1] ** 2)


def blurred(state):
    """Noise of the sensor that grows with the angle."""
    return READING * (1 + 0.5 * jnp.sin(state[0]) ** 2)


def varying(inference: Inference) -> JointModel:
    """Both noises depend on the state."""
    physics = KnownPhysics(2, 1, function=swing, noise=CallableProcessNoise(rough))
    sensor = CallableSensor(bob, blurred, 2)
    return JointModel([Block("a", physics, sensor, Belief(MEAN, COV))], inference=inference)


def constant(inference: Inference, **how) -> JointModel:
    physics = KnownPhysics(2, 1, noise=NOISE, **(how or {"function": swing}))
    return JointModel(
        [Block("a", physics, CallableSensor(bob, READING, 2), Belief(MEAN, COV))],
        inference=inference,
    )


def recorded(seed: int, steps: int = 14) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    state, controls = rng.multivariate_normal(MEAN, COV), rng.normal(size=(steps - 1, 1))
    readings = []
    for t in range(steps):
        readings.append(np.asarray(bob(state)) + rng.multivariate_normal(np.zeros(2), READING))
        if t < steps - 1:
            step = np.asarray(swing(state, controls[t]))
            state = step + rng.multivariate_normal(np.zeros(2), NOISE)
    return np.stack(readings), controls


def test_the_extended_filter_is_that_of_cuthbert():
    """With both noises at the point of linearisation. Its first state is not observed."""
    readings, controls = recorded(0)
    readings[0] = np.nan

    def dynamics(state, model_inputs):
        return lambda x: (swing(x, model_inputs[0]), jnp.linalg.cholesky(rough(x))), state.mean

    def sensor(state, model_inputs):
        return lambda x: (bob(x), jnp.linalg.cholesky(blurred(x))), state.mean, model_inputs[1]

    theirs = moments.build_filter(MEAN, np.linalg.cholesky(COV), dynamics, sensor)
    inputs = (jnp.asarray(controls), jnp.asarray(readings[1:]))
    exact = jax.jit(lambda x: cuthbert_filter(theirs, x, theirs.init_prepare()))(inputs)
    model = varying(Inference())
    found = model.filter({"a": readings}, controls)
    assert found.joint.mean == pytest.approx(np.asarray(exact.mean), abs=1e-10)
    covs = np.asarray(exact.chol_cov @ exact.chol_cov.mT)
    assert found.joint.cov == pytest.approx(covs, abs=1e-10)
    evidence = np.asarray(exact.log_normalizing_constant)
    assert np.cumsum(found.evidence) == pytest.approx(evidence, abs=1e-10)
    state = model.start()
    for t in range(14):
        state = model.step(state, at({"a": readings}, t), controls[t - 1] if t else None)
    assert np.asarray(state.joint.mean) == pytest.approx(np.asarray(exact.mean)[-1], abs=1e-10)
    assert np.asarray(state.joint.cov) == pytest.approx(covs[-1], abs=1e-10)


def sigma(mean: np.ndarray, cov: np.ndarray) -> np.ndarray:
    spread = np.sqrt(2) * np.linalg.cholesky(cov).T
    return mean + np.concatenate([spread, -spread])


def regressed(function, noise, mean: np.ndarray, cov: np.ndarray):
    """Mean of a function at the sigma points, its covariance with the point, and its own."""
    points = sigma(mean, cov)
    values = np.array([function(x) for x in points])
    across = (points - mean).T @ (values - values.mean(0)) / 4
    spread = (values - values.mean(0)).T @ (values - values.mean(0)) / 4
    return values.mean(0), across, spread + np.mean([noise(x) for x in points], axis=0)


def test_the_cubature_filter_is_that_of_sigma_points_in_numpy():
    """Noises are averaged over the points, too (Arasaratnam and Haykin, 2009)."""
    readings, controls = recorded(1)
    found = varying(Inference(linearise="cubature")).filter({"a": readings}, controls)
    mean, cov = MEAN, COV
    for t, reading in enumerate(readings):
        if t:
            mean, _, cov = regressed(lambda x, t=t: swing(x, controls[t - 1]), rough, mean, cov)
        expected, across, spread = regressed(bob, blurred, mean, cov)
        gain = np.linalg.solve(spread, across.T).T
        miss = reading - expected
        evidence = -0.5 * miss @ np.linalg.solve(spread, miss)
        evidence -= 0.5 * np.linalg.slogdet(2 * np.pi * spread)[1]
        mean, cov = mean + gain @ miss, cov - gain @ spread @ gain.T
        assert found.joint.mean[t] == pytest.approx(np.asarray(mean), abs=1e-10)
        assert found.joint.cov[t] == pytest.approx(cov, abs=1e-10)
        assert float(found.evidence[t]) == pytest.approx(float(evidence), abs=1e-9)


def test_one_pass_of_smoothing_is_dense_along_the_filter():
    readings, controls = recorded(2)
    model = varying(Inference())
    near = np.asarray(model.filter({"a": readings}, controls).joint.mean)
    found = model.smooth({"a": readings}, controls)
    local = [tangents(x, u) for x, u in zip(near[:-1], controls, strict=True)]
    chain = dense.chain(
        MEAN, COV, [along for along, _, _ in local], [rough(x) for x in near[:-1]],
        offset=np.stack([offset for _, _, offset in local]),
        control=np.stack([push for _, push, _ in local]), action=controls,
    )  # fmt: skip
    slopes = [np.asarray(jax.jacfwd(bob)(x)) for x in near]
    told = [
        dense.seen(t, slope, y, blurred(x), np.asarray(bob(x)) - slope @ x)
        for t, (slope, y, x) in enumerate(zip(slopes, readings, near, strict=True))
    ]
    exact = dense.posterior(chain, told)
    assert found.joint.mean == pytest.approx(exact.mean, abs=1e-10)
    assert found.joint.cov == pytest.approx(exact.cov, abs=1e-10)
    assert float(found.evidence) == pytest.approx(exact.log_evidence, abs=1e-9)


WHITE = [np.linalg.inv(np.linalg.cholesky(x)) for x in (COV, NOISE, READING)]


def residues(states: np.ndarray, controls: np.ndarray, readings: np.ndarray) -> np.ndarray:
    """In sigmas: of the first state, of every transition and of every reading."""
    steps = zip(states[:-1], states[1:], controls, strict=True)
    moved = [WHITE[1] @ (after - np.asarray(swing(x, u))) for x, after, u in steps]
    seen = [
        WHITE[2] @ (y - np.asarray(bob(x)))
        for x, y in zip(states, readings, strict=True)
        if not np.isnan(y).any()
    ]
    return np.concatenate([WHITE[0] @ (states[0] - MEAN), *moved, *seen])


def test_iterated_smoothing_ends_at_the_most_probable_states():
    """The mode by scipy, and Laplace's covariance of Gauss-Newton there. The physics are given by
    their linearisation."""
    readings, controls = recorded(3)
    model = constant(Inference(iterations=30), linearize=tangents)
    found = model.smooth({"a": readings}, controls)
    best = least_squares(
        lambda x: residues(x.reshape(14, 2), controls, readings), np.zeros(28), xtol=1e-15,
        ftol=1e-15, gtol=1e-12,
    )  # fmt: skip
    assert found.joint.mean == pytest.approx(best.x.reshape(14, 2), abs=1e-6)
    cov = np.linalg.inv(best.jac.T @ best.jac)
    covs = np.stack([cov[2 * t : 2 * t + 2, 2 * t : 2 * t + 2] for t in range(14)])
    assert found.joint.cov == pytest.approx(covs, abs=1e-5)
    volume = sum(14 * np.linalg.slogdet(x)[1] for x in WHITE[1:]) - np.linalg.slogdet(WHITE[1])[1]
    volume += np.linalg.slogdet(WHITE[0])[1] + 0.5 * np.linalg.slogdet(2 * np.pi * cov)[1]
    laplace = volume - best.cost - 0.5 * len(best.fun) * np.log(2 * np.pi)
    assert float(found.evidence) == pytest.approx(laplace, abs=1e-5)


@pytest.mark.parametrize("limit", [0.4, 1e3])
def test_a_plan_ends_at_the_most_probable_controls(limit: float):
    """Together with states and noises, by scipy; within limits or without."""
    goals = np.full((14, 2), np.nan)
    goals[-1] = np.asarray(bob(np.array([2.0, 0.0])))
    found = constant(Inference()).plan({"a": goals}, control_limits=(-limit, limit), iterations=50)

    def total(z: np.ndarray) -> np.ndarray:
        return np.concatenate([residues(z[:28].reshape(14, 2), z[28:, None], goals), z[28:]])

    start = np.concatenate([np.asarray(found.joint.mean).ravel(), np.asarray(found.actions)[:, 0]])
    bounds = np.concatenate([np.full(28, np.inf), np.full(13, limit)])
    best = least_squares(
        total, np.clip(start + 0.01, -0.99 * bounds, 0.99 * bounds), xtol=1e-15, ftol=1e-15,
        gtol=1e-12, bounds=(-bounds, bounds),
    )  # fmt: skip
    assert bool(found.converged)
    assert 0.5 * np.sum(total(start) ** 2) <= best.cost + 1e-7
    assert found.actions[:, 0] == pytest.approx(best.x[28:], abs=1e-3)
    assert (np.abs(found.actions) <= limit).all()
    assert (np.abs(best.x[28:]).max() > 0.9 * limit) == (limit < 1)


def test_physics_that_are_linear_are_the_linear_factor():
    """Sigma points regress a line to itself, at every iteration."""
    rng = np.random.default_rng(4)
    along, push, offset = 0.5 * rng.normal(size=(2, 2)), rng.normal(size=(2, 1)), rng.normal(size=2)
    readings, controls = rng.normal(size=(14, 2)), rng.normal(size=(13, 1))
    chain = dense.chain(MEAN, COV, along, NOISE, 14, offset, push, controls)
    told = [dense.seen(t, np.eye(2), y, READING) for t, y in enumerate(readings)]
    exact = dense.posterior(chain, told)
    physics = KnownPhysics(2, 1, function=lambda x, u: along @ x + push @ u + offset, noise=NOISE)
    block = Block("a", physics, FixedSensor(np.eye(2), READING), Belief(MEAN, COV))
    model = JointModel([block], inference=Inference(linearise="cubature", iterations=3))
    found = model.smooth({"a": readings}, controls)
    assert found.joint.mean == pytest.approx(exact.mean, abs=1e-10)
    assert found.joint.cov == pytest.approx(exact.cov, abs=1e-10)
    assert float(found.evidence) == pytest.approx(exact.log_evidence, abs=1e-9)
