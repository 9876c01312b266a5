"""Learning by a joint model, against variational message passing over dense Gaussians, and
against conjugate regression where the states are seen exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent import (
    Block,
    FixedSensor,
    JointModel,
    LearnedFeatures,
    LearnedLinear,
    MatrixNormalWishart,
)

from . import dense
from .cases import stable
from .dense_learning import Regression, Segment, learned, regressed, sums

pytestmark = pytest.mark.usefixtures("float64")

EXACT = 1e-10
MATRIX, NOISE = np.array([[1.0, 0.3], [0.0, 1.0]]), np.diag([0.02, 0.05])
PRIOR = Regression(np.eye(2, 3), 0.1 * np.eye(3), 0.5 * np.eye(2), 4.5)


def recorded(rng: np.random.Generator, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Readings, of which some coordinates are missing, and controls."""
    along = stable(np.random.default_rng(1), 2, 0.95)
    state, controls = rng.normal(size=2), rng.normal(size=(steps - 1, 1))
    states = [state]
    for control in controls:
        state = along @ state + np.array([0.2, 1.0]) * control + 0.1 * rng.normal(size=2)
        states.append(state)
    noise = rng.normal(size=(steps, 2)) * np.sqrt(np.diag(NOISE))
    readings = np.stack(states) @ MATRIX.T + noise
    readings[rng.random((steps, 2)) < 0.1] = np.nan
    return readings, controls


def two(seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Two recordings of unequal length."""
    rng = np.random.default_rng(seed)
    return [recorded(rng, 18), recorded(rng, 13)]


def trajectory(readings: np.ndarray, controls: np.ndarray) -> dict[str, np.ndarray]:
    return {"a": readings, "control": controls}


def segment(readings: np.ndarray, controls: np.ndarray) -> Segment:
    told = [dense.seen(t, MATRIX, value, NOISE) for t, value in enumerate(readings)]
    return Segment(told, controls)


def a_model(prior: Regression = PRIOR) -> JointModel:
    transition = LearnedLinear(2, 1, MatrixNormalWishart(*vars(prior).values()))
    return JointModel([Block("a", transition, FixedSensor(MATRIX, NOISE))])


def same(model: JointModel, exact: Regression, tolerance: float = 1e-9) -> None:
    posterior = model.block("a").transition.posterior
    for name, value in vars(exact).items():
        assert np.asarray(getattr(posterior, name)) == pytest.approx(value, rel=tolerance), name


START = (np.zeros(2), 100 * np.eye(2))


def test_each_iteration_is_that_of_dense_message_passing():
    """Two trajectories of unequal length: posterior and free energy on the way."""
    found, report = a_model().learn([trajectory(*one) for one in two(2)], iterations=12)
    exact = learned(PRIOR, *START, [segment(*one) for one in two(2)], 12)
    assert report.free_energy == pytest.approx(exact.free_energy, abs=1e-9)
    same(found, exact.dynamics)
    transition, mean = found.block("a").transition, exact.dynamics.mean
    parts = np.asarray(transition.A), np.asarray(transition.B), np.asarray(transition.W)
    for part, value in zip(
        parts, (mean[:, :2], mean[:, 2:], exact.dynamics.expected_precision), strict=True
    ):
        assert part == pytest.approx(value, rel=1e-9)


def test_learning_ends_at_the_fixed_point_and_never_climbs():
    """Two hundred iterations, in rounds that go on where the last ended."""
    recordings = [trajectory(*one) for one in two(3)]
    found, report = a_model().learn(recordings, iterations=50, em_rounds=4)
    assert report.free_energy.shape == (200,)
    assert np.diff(report.free_energy).max() <= 1e-10
    ends = [each.free_energy for each in report.rounds]
    assert ends == pytest.approx(report.free_energy[[49, 99, 149, 199]], abs=0)
    exact = learned(PRIOR, *START, [segment(*one) for one in two(3)], 200)
    assert report.free_energy == pytest.approx(exact.free_energy, abs=1e-9)
    same(found, exact.dynamics, 1e-8)
    again, _ = found.learn(recordings, iterations=1)
    change = again.block("a").transition.A - found.block("a").transition.A
    assert np.abs(change).max() < 1e-6


def test_smoothing_counts_the_doubts_about_parameters():
    """The variational smoother is a dense Gaussian with the doubts written out as potentials."""
    readings, controls = two(4)[0]
    exact = learned(PRIOR, *START, [segment(readings, controls)], 1)
    model = a_model()
    found = model.smooth(trajectory(readings, controls))
    assert found.joint.mean == pytest.approx(exact.beliefs[0].mean, abs=EXACT)
    assert found.joint.cov == pytest.approx(exact.beliefs[0].cov, abs=EXACT)
    assert float(found.free_energy) == pytest.approx(exact.free_energy[0], abs=EXACT)
    filtered = model.filter(trajectory(readings, controls))
    assert filtered.joint.mean[-1] == pytest.approx(found.joint.mean[-1], abs=EXACT)
    assert filtered.joint.cov[-1] == pytest.approx(found.joint.cov[-1], abs=EXACT)
    assert filtered.evidence.sum() == pytest.approx(float(found.evidence), abs=EXACT)


def test_one_trajectory_after_the_other():
    """Each posterior is the prior of the next; forgetting takes of its certainty, not of its
    means."""
    recordings = two(5)
    model, report = a_model().learn(
        [trajectory(*one) for one in recordings], iterations=10, mode="per_trajectory"
    )
    first = learned(PRIOR, *START, [segment(*recordings[0])], 10)
    second = learned(first.dynamics, *START, [segment(*recordings[1])], 10)
    same(model, second.dynamics)
    both = np.concatenate([first.free_energy, second.free_energy])
    assert report.free_energy == pytest.approx(both, abs=1e-9)


def test_what_is_forgotten_is_certainty_and_not_what_was_learned():
    """Half of the certainty: the means of the first posterior stand, its precisions are halved."""
    recordings, q = two(5), Regression(np.eye(2, 3), 40 * np.eye(3), 3 * np.eye(2), 60.0)
    first = learned(q, *START, [segment(*recordings[0])], 60).dynamics
    kept = Regression(
        first.mean, 0.5 * first.precision, first.inverse_scale * (60 / first.dof), 60.0
    )
    second = learned(kept, *START, [segment(*recordings[1])], 60).dynamics
    assert 0.5 * first.dof < 60
    found, _ = a_model(q).learn(
        [trajectory(*one) for one in recordings], 60, mode="per_trajectory", forgetting=0.5
    )
    same(found, second)


def test_states_seen_exactly_give_conjugate_regression():
    """In closed form, from the third iteration on."""
    rng = np.random.default_rng(6)
    states, controls = rng.normal(size=(2, 18, 2)), rng.normal(size=(2, 17, 1))
    transition = LearnedLinear(2, 1, MatrixNormalWishart(*vars(PRIOR).values()))
    model = JointModel([Block("a", transition, FixedSensor(np.eye(2), 1e-12 * np.eye(2)))])
    pairs = [(states[0], controls[0]), (states[1, :13], controls[1, :12])]
    found, _ = model.learn([trajectory(*pair) for pair in pairs], iterations=3)
    inputs = np.concatenate([np.concatenate([x[:-1], u], axis=1) for x, u in pairs])
    outputs = np.concatenate([x[1:] for x, _ in pairs])
    same(found, regressed(PRIOR, sums(inputs, outputs)), 1e-8)


def test_features_that_are_linear_learn_what_the_linear_factor_does():
    """The moments by sigma points are exact there."""
    transition = LearnedFeatures(2, lambda z: z, 1, MatrixNormalWishart(*vars(PRIOR).values()))
    model = JointModel([Block("a", transition, FixedSensor(MATRIX, NOISE))])
    found, report = model.learn([trajectory(*one) for one in two(7)], iterations=12)
    exact = learned(PRIOR, *START, [segment(*one) for one in two(7)], 12)
    same(found, exact.dynamics)
    assert report.free_energy == pytest.approx(exact.free_energy, abs=1e-9)


@settings(max_examples=8, derandomize=True)
@given(st.lists(st.booleans(), min_size=18, max_size=18))
def test_free_energy_falls_whatever_is_missing(missing: list[bool]):
    (readings, controls), (others, pushes) = two(8)
    readings[np.array(missing)] = np.nan
    found, report = a_model().learn(
        [trajectory(readings, controls), trajectory(others, pushes)], iterations=12
    )
    assert np.diff(report.free_energy).max() <= 1e-9
    precision = found.block("a").transition.posterior.precision
    assert np.linalg.eigvalsh(precision)[0] >= 0.1 - 1e-12


def test_the_order_of_trajectories_changes_nothing():
    recordings = [trajectory(*one) for one in two(9)]
    forth, report = a_model().learn(recordings, iterations=12)
    back, other = a_model().learn(recordings[::-1], iterations=12)
    assert other.free_energy == pytest.approx(report.free_energy, abs=1e-9)
    same(back, as_regression(forth))


def as_regression(model: JointModel) -> Regression:
    posterior = model.block("a").transition.posterior
    return Regression(
        np.asarray(posterior.mean),
        np.asarray(posterior.precision),
        np.asarray(posterior.inverse_scale),
        float(posterior.dof),
    )


def test_what_is_learned_is_another_model():
    model = a_model()
    found, _ = model.learn([trajectory(*one) for one in two(11)], iterations=12)
    same(model, PRIOR, 1e-15)
    assert np.abs(as_regression(found).mean - PRIOR.mean).max() > 0.05
