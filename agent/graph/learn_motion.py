"""The learning query for motion: variational EM for the last layer and both noises."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .check import pytree
from .features import PolynomialFeatures
from .inference import Inference
from .learn import expected_statistics
from .learned_features import LearnedFeatures
from .matrix_normal_wishart import Statistics
from .motion import motion, start_belief
from .pairs import pairs_of
from .precise import compiled
from .readings import Readings
from .regression import LastLayer, regress
from .rows import no_rows
from .sensors import FixedSensor
from .smooth_query import smooth_data
from .system import Data, JointTransition, System

_SENSOR_SHARE, _PROCESS_SHARE = 0.5, 0.01  # of the first regression's residual, to begin with
_SILENT_DRIFT = 1e-4
_REACH = 6.0  # about twice as far as anything that is seen
_INFERENCE = Inference(parameters="predictive", scan="sequential")


@dataclass(frozen=True)
class Learning:
    """How to learn: ``rounds`` of variational EM; ``prior_weight`` of the prior of the last layer
    against the data; ``drift`` ρ of the disturbance, and its stationary standard deviation as the
    ``drift_ratio`` to that of the process noise."""

    rounds: int
    prior_weight: float
    drift: float
    drift_ratio: float


@dataclass(frozen=True)
class Learned:
    """Result of :func:`learn_motion`: transition, sensor's noise, and log evidence per round."""

    transition: LearnedFeatures
    sensor_noise: Float[np.ndarray, "d d"]
    evidence: list[float]


@pytree("features", "basis", "scale")
@dataclass(frozen=True)
class InBasis:
    """Features in another basis: ``φ basis``, with ``basis`` ``(k, k)``."""

    features: PolynomialFeatures
    basis: Float[Array, "k k"]
    scale: Float[Array, "inputs"]

    def __call__(self, inputs: Float[Array, "inputs"]) -> Float[Array, "k"]:
        return self.features(inputs) @ self.basis


def learn_motion(
    features: PolynomialFeatures,
    prior: Float[np.ndarray, "k d"],
    poses: Float[np.ndarray, "S T d"],
    controls: Float[np.ndarray, "S T-1 p"],
    settings: Learning,
    progress: Callable[[int, float], None] | None = None,
) -> Learned:
    """Learn dynamics and noises from segments of observed ``poses`` and ``controls``.

    E-step: extended smoothing of every segment. M-step: conjugate regression of ``v' - v - δ`` on
    expected statistics of the features, with its prior centred on the last layer ``prior``, and
    the expected residual of the observations for their noise. The regression works in a basis
    that is orthonormal on the data, where float32 statistics suffice. The disturbance is all but
    silent while learning, so that it cannot explain what the features can. ``progress`` is called
    with the rounds done and the log evidence.
    """
    d = poses.shape[-1]
    count = float(controls.shape[0] * controls.shape[1])
    basis, first = first_regression(features, poses, controls)
    centre = np.linalg.solve(basis, prior)
    based = InBasis(features, _f32(basis), features.scale)
    silent = np.full(d, _SILENT_DRIFT)
    layer = LastLayer(centre, first.covariance, _PROCESS_SHARE * first.noise)
    sensor = _SENSOR_SHARE * first.noise
    evidence = []
    for done in range(1, settings.rounds + 1):
        transition = motion(based, layer, count, settings.drift, silent)  # type: ignore[arg-type]
        statistics, residual, total = _expect(transition, _f32(sensor), poses, controls)
        evidence.append(float(total))
        about = np.asarray(transition.layer.mean, np.float64).T
        layer = regress(statistics, about, centre, settings.prior_weight)
        residual = np.asarray(residual, np.float64) / (poses.shape[0] * poses.shape[1])
        sensor = 0.5 * (residual + residual.T)
        if progress:
            progress(done, evidence[-1])
    covariance = basis @ layer.covariance @ basis.T
    layer = LastLayer(basis @ layer.weights, 0.5 * (covariance + covariance.T), layer.noise)
    process_std = np.sqrt(np.diag(layer.noise))
    drift_std = settings.drift_ratio * np.sqrt(1 - settings.drift**2) * process_std
    features = replace(features, reach=_REACH)
    return Learned(motion(features, layer, count, settings.drift, drift_std), sensor, evidence)


def first_regression(
    features: PolynomialFeatures,
    poses: Float[np.ndarray, "S T d"],
    controls: Float[np.ndarray, "S T-1 p"],
) -> tuple[Float[np.ndarray, "k k"], LastLayer]:
    """A first guess from finite differences, and the basis that it is written in.

    ``φ basis`` is orthonormal on the data; the layer's weights are those of ``φ basis``.
    """
    velocity = np.diff(poses, axis=1)
    inputs = np.concatenate([poses[:, 1:-1], velocity[:, :-1], controls[:, 1:]], axis=-1)
    phi = np.asarray(jax.vmap(features)(_f32(inputs.reshape(-1, inputs.shape[-1]))), np.float64)
    change = np.diff(velocity, axis=1).reshape(-1, poses.shape[-1])
    values, vectors = np.linalg.eigh(phi.T @ phi / len(phi))
    basis = vectors / np.sqrt(np.maximum(values, 1e-7 * values[-1]))
    phi = phi @ basis
    sums = Statistics(phi.T @ phi, phi.T @ change, change.T @ change, np.array(float(len(phi))))  # type: ignore[arg-type]
    return basis, regress(sums)


@dataclass(frozen=True)
class SmoothedPoses:
    """Beliefs about the pose of every frame: ``mean`` ``(S, T, d)``, ``root`` ``(S, T, d, k)``;
    and their ``divergence`` from what the motion alone would have foretold, nats in all."""

    mean: Float[np.ndarray, "S T d"]
    root: Float[np.ndarray, "S T d k"]
    divergence: float


def smoothed_poses(
    learned: Learned,
    poses: Float[np.ndarray, "S T d"],
    controls: Float[np.ndarray, "S T-1 p"],
) -> SmoothedPoses:
    """What is believed of the poses given all of each segment."""
    states, residual, evidence = _smooth(
        learned.transition, _f32(learned.sensor_noise), poses, controls
    )
    d = poses.shape[-1]
    square = np.trace(np.linalg.solve(learned.sensor_noise, np.asarray(residual, np.float64)))
    logdet = np.linalg.slogdet(2 * np.pi * learned.sensor_noise)[1]
    told = -0.5 * (square + poses.shape[0] * poses.shape[1] * logdet)
    mean, root = np.asarray(states.mean)[..., :d], np.asarray(states.root)[..., :d, :]
    return SmoothedPoses(mean, root, float(told - evidence))


@compiled
def _smooth(transition: LearnedFeatures, sensor_noise, poses, controls):
    """Smoothed states; squared residuals of the observations and log evidence of all segments."""

    def segment(inputs):
        smoothed, *_, residual = _smoothed_segment(transition, sensor_noise, *inputs)
        return smoothed.states, residual, smoothed.evidence

    states, residual, evidence = jax.lax.map(segment, (poses, controls), batch_size=16)
    return states, residual.sum(0), evidence.sum()


@compiled
def _expect(transition: LearnedFeatures, sensor_noise, poses, controls):
    """Statistics, squared residuals of the observations, and log evidence, over all segments."""

    def segment(inputs):
        smoothed, chain, system, data, residual = _smoothed_segment(
            transition, sensor_noise, *inputs
        )
        (statistics,) = expected_statistics(system, data, pairs_of(chain, smoothed))
        return statistics, residual, smoothed.evidence

    found = jax.lax.map(segment, (poses, controls), batch_size=16)
    return jax.tree.map(lambda x: x.sum(0), found)


def _smoothed_segment(transition: LearnedFeatures, sensor_noise, pose, control):
    d, n, T = transition.outputs, transition.dim, pose.shape[0]
    prior = start_belief(transition, pose[0])
    sensor = FixedSensor(jnp.eye(d, n), sensor_noise)
    system = System(JointTransition((transition,)), (sensor,), no_rows(n), prior, ((0, n),))
    told = Readings(pose, jnp.ones(T, bool))
    data = Data((told,), no_rows(n, T), control, jnp.ones(T), jnp.ones(T))
    smoothed, chain = smooth_data(system, data, _INFERENCE, prior)
    error = pose - smoothed.states.mean[:, :d]
    spread = smoothed.states.root[:, :d]
    residual = error.T @ error + jnp.einsum("tij,tkj->ik", spread, spread)
    return smoothed, chain, system, data, residual


def _f32(values) -> Array:
    return jnp.asarray(values, jnp.float32)
