"""Learning finds the system that made the data, and says how well it knows it."""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.features import PolynomialFeatures, Powers, polynomial_powers
from jopa_agent.agent.graph.learn_motion import (
    InBasis,
    Learned,
    Learning,
    first_regression,
    learn_motion,
    smoothed_poses,
)
from jopa_agent.agent.graph.motion import pose_features

SEGMENTS, LENGTH = 40, 50
SETTINGS = Learning(rounds=25, prior_weight=0.0, drift=0.9, drift_ratio=0.3)


class System(NamedTuple):
    """``weights`` of the unscaled monomials ``powers``, and the roots of both noises."""

    powers: Powers
    weights: np.ndarray
    process_root: np.ndarray
    sensor_root: np.ndarray


class Case(NamedTuple):
    system: System
    poses: np.ndarray
    controls: np.ndarray
    learned: Learned
    told: list[tuple[int, float]]


def system(poses: int, degree: int, control_degree: int, known: dict[tuple, list]) -> System:
    powers = polynomial_powers(2 * poses, 1, degree, control_degree)
    weights = np.array([known.get(power, [0.0] * poses) for power in powers])
    root = np.array([[1.0, 0.0], [-0.5, 0.8]])[:poses, :poses]
    return System(powers, weights, 0.01 * root, 0.02 * root * np.array([[1.0, -1.0]])[:, :poses])


def simulate(system: System, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng, d = np.random.default_rng(seed), system.weights.shape[1]
    controls = rng.uniform(-1, 1, (SEGMENTS, LENGTH - 1, 1))
    pose, velocity = rng.normal(size=(SEGMENTS, d)), 0.1 * rng.normal(size=(SEGMENTS, d))
    poses = [pose]
    for control in controls.swapaxes(0, 1):
        inputs = np.concatenate([pose, velocity, control], axis=1)
        phi = np.stack([np.prod(inputs[:, list(power)], axis=1) for power in system.powers], 1)
        noise = rng.normal(size=(SEGMENTS, d)) @ system.process_root.T
        velocity = velocity + phi @ system.weights + noise
        pose = pose + velocity
        poses.append(pose)
    seen = np.stack(poses, axis=1)
    seen = seen + rng.normal(size=seen.shape) @ system.sensor_root.T
    return seen.astype(np.float32), controls.astype(np.float32)


def case(system: System, seed: int) -> Case:
    poses, controls = simulate(system, seed)
    features, told = pose_features(poses, controls, system.powers), []
    nothing = np.zeros_like(system.weights)
    learned = learn_motion(
        features, nothing, poses, controls, SETTINGS, lambda *report: told.append(report)
    )
    return Case(system, poses, controls, learned, told)


LINEAR = {(0,): [-0.06, 0.02], (1,): [0.0, -0.05], (3,): [0.02, -0.03], (4,): [0.04, 0.02]}
CURVED = {(0,): [-0.06], (0, 0, 0): [-0.02], (1,): [-0.03], (2,): [0.04], (2, 0): [0.02]}


@pytest.fixture(scope="module", params=["linear, two poses", "cubic, one pose"])
def learned(request: pytest.FixtureRequest) -> Case:
    if request.param.startswith("linear"):
        return case(system(2, 1, 0, LINEAR), seed=0)
    return case(system(1, 3, 1, CURVED), seed=1)


def weights(case: Case) -> np.ndarray:
    """Those that were found, ``(k, d)``."""
    return np.asarray(case.learned.transition.layer.mean, np.float64).T


def weight_root(case: Case) -> np.ndarray:
    """Root of their covariance between features, in units of the noise."""
    transition = case.learned.transition
    return np.asarray(transition.layer.doubt_root, np.float64) / np.sqrt(transition.outputs)


def noise_root(case: Case) -> np.ndarray:
    """Root of the process noise's covariance."""
    return np.asarray(case.learned.transition.layer.noise_root, np.float64)


def scale_of(case: Case) -> np.ndarray:
    """By which the features divide their inputs."""
    features = case.learned.transition.features
    assert isinstance(features, PolynomialFeatures)
    return np.asarray(features.scale, np.float64)


def scaled_weights(case: Case) -> np.ndarray:
    """The true weights of the features of scaled inputs."""
    scale = scale_of(case)
    sizes = [np.prod(scale[list(power)]) for power in case.system.powers]
    return case.system.weights * np.array(sizes)[:, None]


def test_the_weights_are_found_within_their_own_uncertainty(learned: Case):
    error = weights(learned) - scaled_weights(learned)
    std = np.linalg.norm(weight_root(learned), axis=1)[:, None]
    sigmas = error / (std * np.linalg.norm(noise_root(learned), axis=1))
    # the posterior takes the smoothed states for certain, so that four sigmas become some more
    assert np.abs(sigmas).max() < 6
    assert np.sqrt(np.mean(sigmas**2)) < 2
    # and it has something to say: what was not zero is known to a twentieth of the largest
    assert np.abs(error).max() < 0.05 * np.abs(scaled_weights(learned)).max()


def test_both_noises_are_found_with_their_correlation(learned: Case):
    """2,000 frames give a standard deviation to 1/sqrt(4000), 1.6 %; twice that where the other
    noise hides it; four times those."""
    root = noise_root(learned)
    for found, true_root, tolerance in (
        (root @ root.T, learned.system.process_root, 0.12),
        (np.asarray(learned.learned.sensor_noise.covs)[0], learned.system.sensor_root, 0.07),
    ):
        true = true_root @ true_root.T
        std = np.sqrt(np.diag(true))
        np.testing.assert_allclose(np.sqrt(np.diag(found)), std, rtol=tolerance)
        np.testing.assert_allclose(found / np.outer(std, std), true / np.outer(std, std), atol=0.2)


def test_noise_that_hangs_on_the_pose_is_found_where_it_is():
    """Poses to the right are read five times as well as those to the left, and found to be read
    nearly so: kernels as wide as the landmarks are apart carry some noise over."""
    blurred = system(1, 3, 1, CURVED)
    blurred = blurred._replace(sensor_root=np.zeros((1, 1)))
    poses, controls = simulate(blurred, 3)
    std = np.where(poses > 0, 0.02, 0.1)
    poses = (poses + std * np.random.default_rng(4).normal(size=poses.shape)).astype(np.float32)
    features = pose_features(poses, controls, blurred.powers)
    nothing = np.zeros_like(blurred.weights)
    even, found = (
        learn_motion(features, nothing, poses, controls, SETTINGS, landmarks=each)
        for each in (None, np.linspace(-2, 2, 17)[:, None])
    )
    variances = jax.vmap(found.sensor_noise.at)(jnp.array([[-1.0], [1.0]]))[:, 0, 0]
    left, right = np.sqrt(np.asarray(variances))
    assert left == pytest.approx(0.1, rel=0.15)
    assert 0.02 < right < 0.03
    assert found.evidence[-1] - even.evidence[-1] > 0.1 * poses.size


@pytest.mark.parametrize("landmarks", [None, np.linspace(-2, 2, 5)[:, None]], ids=["even", "local"])
def test_smoothed_poses_diverge_by_what_the_readings_told(landmarks: np.ndarray | None):
    """KL(q || p) = E_q[log likelihood] - log evidence, in float64. The evidence is that of one more
    round, which begins with what was learned; the disturbance is as silent there."""
    poses, controls = simulate(system(1, 3, 1, CURVED), 5)
    features = pose_features(poses, controls, system(1, 3, 1, CURVED).powers)
    nothing, settings = np.zeros((len(features.powers), 1)), replace(SETTINGS, rounds=6)
    first = learn_motion(features, nothing, poses, controls, settings, landmarks=landmarks)
    process_std = float(first.transition.layer.noise_root[0, 0])
    ratio = 1e-4 / np.sqrt(1 - settings.drift**2) / process_std
    settings = replace(settings, drift_ratio=ratio)
    found = learn_motion(features, nothing, poses, controls, settings, landmarks=landmarks)
    again = replace(settings, rounds=7)
    again = learn_motion(features, nothing, poses, controls, again, landmarks=landmarks)
    told = smoothed_poses(found, poses, controls)
    noise = jax.vmap(jax.vmap(found.sensor_noise.at))(jnp.asarray(poses))[..., 0, 0]
    noise = np.asarray(noise, np.float64)
    squares = (poses - told.mean)[..., 0].astype(float) ** 2 + np.sum(told.root[..., 0, :] ** 2, -1)
    expected = -0.5 * np.sum(squares / noise + np.log(2 * np.pi * noise))
    assert told.divergence > 0
    assert told.divergence == pytest.approx(expected - again.evidence[-1], rel=0.01)


def test_the_evidence_never_falls(learned: Case):
    # sums of 2,000 log densities in float32: 1e-7 of ten thousand, some times over
    assert np.diff(learned.learned.evidence).min() > -0.05
    assert learned.learned.evidence[-1] > learned.learned.evidence[0] + 100


def test_progress_is_told_each_round(learned: Case):
    assert [done for done, _ in learned.told] == list(range(1, SETTINGS.rounds + 1))
    assert [value for _, value in learned.told] == learned.learned.evidence


def test_ignorance_over_the_data_sums_to_the_number_of_weights(learned: Case):
    """``Σ φᵀVφ = trace(V Σ φφᵀ)``: each weight was learned from the data once, no more."""
    d = learned.poses.shape[-1]
    velocity = np.diff(learned.poses, axis=1)
    inputs = [learned.poses[:, 1:-1], velocity[:, :-1], learned.controls[:, 1:]]
    inputs = np.concatenate(inputs, axis=-1).reshape(-1, 2 * d + 1) / scale_of(learned)
    phi = np.stack([np.prod(inputs[:, list(p)], axis=1) for p in learned.system.powers], axis=1)
    total = np.sum((phi @ weight_root(learned)) ** 2)
    # velocities are differences of noisy poses here, smoothed ones there: a tenth or so
    assert total == pytest.approx(phi.shape[1], rel=0.25)


def test_the_disturbance_is_sized_by_the_process_noise(learned: Case):
    """Stationary standard deviation of an AR(1) process: that of its noise / sqrt(1 - ρ²)."""
    skeleton, d = learned.learned.transition.skeleton, learned.poses.shape[-1]
    process_std = np.linalg.norm(noise_root(learned), axis=1)
    drift, drift_std = float(skeleton.along[-1, -1]), np.asarray(skeleton.extra)[2 * d :].diagonal()
    stationary = drift_std / np.sqrt(1 - drift**2)
    assert drift == pytest.approx(0.9)
    np.testing.assert_allclose(stationary, 0.3 * process_std, rtol=1e-5)


def test_an_overwhelming_prior_stays(learned: Case):
    features = pose_features(learned.poses, learned.controls, learned.system.powers)
    prior = 0.01 * np.random.default_rng(2).normal(size=learned.system.weights.shape)
    settings = Learning(rounds=1, prior_weight=1e8, drift=0.9, drift_ratio=0.3)
    found = learn_motion(features, prior, learned.poses, learned.controls, settings)
    np.testing.assert_allclose(found.transition.layer.mean.T, prior, rtol=0, atol=1e-6)


def test_the_first_regression_is_exact_without_noise():
    """In an orthonormal basis, of float32 features: six digits."""
    quiet = system(1, 2, 0, {(): [0.01], (0,): [-0.05], (0, 0): [0.004], (1,): [-0.05]})
    quiet = quiet._replace(process_root=np.zeros((1, 1)), sensor_root=np.zeros((1, 1)))
    poses, controls = simulate(quiet, 4)
    features = pose_features(poses, controls, quiet.powers)
    basis, layer = first_regression(features, poses.astype(np.float64), controls)
    scale = np.asarray(features.scale, np.float64)
    true = quiet.weights[:, 0] * [np.prod(scale[list(power)]) for power in quiet.powers]
    np.testing.assert_allclose((basis @ layer.weights)[:, 0], true, rtol=0, atol=2e-4)


def test_the_first_basis_is_orthonormal_on_the_data(learned: Case):
    """``φ basis`` has the second moments of white numbers, where learning works in it."""
    features = pose_features(learned.poses, learned.controls, learned.system.powers)
    basis, _ = first_regression(features, learned.poses.astype(np.float64), learned.controls)
    based = InBasis(features, jnp.asarray(basis, jnp.float32), features.scale)
    velocity = np.diff(learned.poses, axis=1)
    inputs = [learned.poses[:, 1:-1], velocity[:, :-1], learned.controls[:, 1:]]
    inputs = np.concatenate(inputs, axis=-1)
    inputs = jnp.asarray(inputs.reshape(-1, inputs.shape[-1]))
    phi = np.asarray(jax.vmap(based)(inputs), np.float64)
    np.testing.assert_allclose(phi.T @ phi / len(phi), np.eye(phi.shape[1]), rtol=0, atol=1e-3)


def test_the_posterior_has_counted_every_transition(learned: Case):
    """So that the predictive is hardly wider than the noise; features reach twice as far as the
    data, no further."""
    transition = learned.learned.transition
    assert float(transition.posterior.dof) == SEGMENTS * (LENGTH - 1)
    d, dof = transition.outputs, SEGMENTS * (LENGTH - 1)
    wider = noise_root(learned) * np.sqrt(dof / (dof - d - 1))
    np.testing.assert_allclose(transition.layer.predictive_root, wider, rtol=1e-5)
    assert isinstance(transition.features, PolynomialFeatures)
    assert transition.features.reach == 6.0
