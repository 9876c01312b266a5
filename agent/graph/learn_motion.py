"""The learning query for motion: variational EM for the last layer and both noises."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .check import pytree
from .features import PolynomialFeatures
from .float32 import f32
from .inference import Inference
from .learn import expected_statistics
from .learned_features import LearnedFeatures
from .local_noise import LocalNoise
from .matrix_normal_wishart import Statistics
from .motion import motion, start_belief
from .pairs import pairs_of
from .precise import compiled
from .regression import LastLayer, regress
from .rows import no_rows, reading_rows
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
    sensor_noise: LocalNoise
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
    landmarks: Float[np.ndarray, "K d"] | None = None,
) -> Learned:
    """Learn dynamics and noises from segments of observed ``poses`` and ``controls``.

    E-step: extended smoothing of every segment. M-step: conjugate regression of ``v' - v - δ`` on
    expected statistics of the features, with its prior centred on the last layer ``prior``, and
    the expected residual of the observations for their noise: a kernel mean of it about each of the
    ``landmarks``, or one for everywhere where there are none. The regression works in a basis
    that is orthonormal on the data, where float32 statistics suffice. The disturbance is all but
    silent while learning, so that it cannot explain what the features can. ``progress`` is called
    with the rounds done and the log evidence.
    """
    d = poses.shape[-1]
    count = float(controls.shape[0] * controls.shape[1])
    basis, first = first_regression(features, poses, controls)
    centre = np.linalg.solve(basis, prior)
    based = InBasis(features, f32(basis), features.scale)
    silent = np.full(d, _SILENT_DRIFT)
    layer = LastLayer(centre, first.covariance, _PROCESS_SHARE * first.noise)
    noise = LocalNoise.even(_SENSOR_SHARE * first.noise)
    if landmarks is not None:
        noise = LocalNoise.of(landmarks, np.repeat(noise.covs, len(landmarks), axis=0))
    evidence = []
    for done in range(1, settings.rounds + 1):
        transition = motion(based, layer, count, settings.drift, silent)  # type: ignore[arg-type]
        statistics, squares, counts, total = _expect(transition, noise, poses, controls)
        evidence.append(float(total))
        about = np.asarray(transition.layer.mean, np.float64).T
        layer = regress(statistics, about, centre, settings.prior_weight)
        noise = noise.learned(squares, counts)
        if progress:
            progress(done, evidence[-1])
    covariance = basis @ layer.covariance @ basis.T
    layer = LastLayer(basis @ layer.weights, 0.5 * (covariance + covariance.T), layer.noise)
    process_std = np.sqrt(np.diag(layer.noise))
    drift_std = settings.drift_ratio * np.sqrt(1 - settings.drift**2) * process_std
    features = replace(features, reach=_REACH)
    return Learned(motion(features, layer, count, settings.drift, drift_std), noise, evidence)


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
    phi = np.asarray(jax.vmap(features)(f32(inputs.reshape(-1, inputs.shape[-1]))), np.float64)
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
    states, expected, evidence = _smooth(learned.transition, learned.sensor_noise, poses, controls)
    d = poses.shape[-1]
    mean, root = np.asarray(states.mean)[..., :d], np.asarray(states.root)[..., :d, :]
    return SmoothedPoses(mean, root, float(expected - evidence))


@compiled
def _smooth(transition: LearnedFeatures, noise: LocalNoise, poses, controls):
    """Smoothed states, and the expected log likelihood and log evidence of all segments."""

    def segment(inputs):
        smoothed, _, _, data, _ = _smoothed_segment(transition, noise, *inputs)
        states, rows = smoothed.states, data.messages
        miss = jnp.einsum("tmn,tn->tm", rows.matrix, states.mean) - rows.value
        doubt = rows.matrix @ states.root
        expected = rows.log_scale.sum() - 0.5 * (jnp.sum(miss**2) + jnp.sum(doubt**2))
        return states, expected, smoothed.evidence

    states, expected, evidence = jax.lax.map(segment, (poses, controls), batch_size=16)
    return states, expected.sum(), evidence.sum()


@compiled
def _expect(transition: LearnedFeatures, noise: LocalNoise, poses, controls):
    """Statistics, squared errors of the readings near each landmark and how many these are, and
    log evidence, over all segments."""

    def segment(inputs):
        smoothed, chain, system, data, squares = _smoothed_segment(transition, noise, *inputs)
        (statistics,) = expected_statistics(system, data, pairs_of(chain, smoothed))
        shares = jax.vmap(noise.shares)(inputs[0])
        return statistics, jnp.tensordot(shares.T, squares, 1), shares.sum(0), smoothed.evidence

    found = jax.lax.map(segment, (poses, controls), batch_size=16)
    return jax.tree.map(lambda x: x.sum(0), found)


def _smoothed_segment(transition: LearnedFeatures, noise: LocalNoise, poses, control):
    """Smoothed states, the chain, the graph and the data, and expected squared errors
    ``(T, d, d)`` of the readings."""
    d, n, T = transition.outputs, transition.dim, poses.shape[0]
    prior = start_belief(transition, poses[0])
    system = System(JointTransition((transition,)), (), no_rows(n), prior, ())

    def read(pose):
        return reading_rows(jnp.eye(d, n), pose, jnp.linalg.cholesky(noise.at(pose)))

    data = Data((), jax.vmap(read)(poses), control, jnp.ones(T), jnp.ones(T))
    smoothed, chain = smooth_data(system, data, _INFERENCE, prior)
    error = poses - smoothed.states.mean[:, :d]
    spread = smoothed.states.root[:, :d]
    squares = error[:, :, None] * error[:, None] + spread @ spread.mT
    return smoothed, chain, system, data, squares
