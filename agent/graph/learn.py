"""The learning query: variational EM for the transition's last layer and both noises."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .features import PolynomialFeatures, Powers
from .gaussian import Belief, Message
from .regression import LastLayer, Statistics, expected_statistics, regress
from .smooth import smooth
from .transition import LearnedFeatures

_SENSOR_SHARE, _PROCESS_SHARE = 0.5, 0.01  # of the first regression's residual, to begin with
_SILENT_DRIFT = 1e-4
_REACH = 6.0  # about twice as far as anything that is seen


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
    """Result of :func:`learn`: the transition, the sensor's noise, and the evidence per round."""

    transition: LearnedFeatures
    sensor_noise: Float[np.ndarray, "d d"]
    evidence: list[float]


def learn(
    features: PolynomialFeatures,
    prior: Float[np.ndarray, "k d"],
    poses: Float[np.ndarray, "S T d"],
    controls: Float[np.ndarray, "S T-1 p"],
    settings: Learning,
    progress: Callable[[int, float], None] | None = None,
) -> Learned:
    """Learn dynamics and noises from segments of observed ``poses`` and ``controls``.

    E-step: extended square-root smoothing of every segment. M-step: conjugate regression of
    ``v' - v - δ`` on expected statistics of the features, with its prior centred on the last layer
    ``prior``, and the expected residual of the observations for their noise. The regression works
    in a basis that is orthonormal on the data, where float32 statistics suffice. The disturbance
    is all but silent while learning, so that it cannot explain what the features can.
    ``progress`` is called with the rounds done and the log evidence.
    """
    d, k = poses.shape[-1], features.count
    basis, first = first_regression(features, poses, controls)
    centre = np.linalg.solve(basis, prior)
    silent = LearnedFeatures(
        features=features,
        weights=jnp.zeros((k, d)),
        weight_root=jnp.zeros((k, k)),
        noise_root=jnp.zeros((d, d)),
        drift=_f32(settings.drift),
        drift_std=jnp.full(d, _SILENT_DRIFT),
    )
    start = LastLayer(centre, first.covariance, _PROCESS_SHARE * first.noise)
    model = _with_layer(silent, basis, start)
    sensor = _SENSOR_SHARE * first.noise
    evidence = []
    for done in range(1, settings.rounds + 1):
        precision = _f32(np.linalg.solve(sensor, np.eye(d)))
        statistics, residual, total = _expect(model, precision, _f32(basis), poses, controls)
        evidence.append(float(total))
        layer = regress(statistics, centre, settings.prior_weight)
        model = _with_layer(model, basis, layer)
        residual = np.asarray(residual, np.float64) / (poses.shape[0] * poses.shape[1])
        sensor = 0.5 * (residual + residual.T)
        if progress:
            progress(done, evidence[-1])
    process_std = np.linalg.norm(np.asarray(model.noise_root), axis=1)
    drift_std = _f32(settings.drift_ratio * np.sqrt(1 - settings.drift**2) * process_std)
    model = replace(model, drift_std=drift_std, features=replace(features, reach=_REACH))
    return Learned(model, sensor, evidence)


def pose_features(
    poses: Float[np.ndarray, "S T d"], controls: Float[np.ndarray, "S T-1 p"], powers: Powers
) -> PolynomialFeatures:
    """Features ``powers`` of (pose, velocity, control), each scaled to be of order one."""
    d = poses.shape[-1]
    velocity = np.sqrt(np.mean(np.diff(poses, axis=1) ** 2))
    limits = np.abs(controls).max((0, 1))
    scale = np.concatenate([np.ones(d), np.full(d, velocity), np.where(limits > 0, limits, 1)])
    return PolynomialFeatures(_f32(scale), powers)


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
    sums = Statistics(phi.T @ phi, phi.T @ change, change.T @ change, np.array(float(len(phi))))
    return basis, regress(sums)


def start_belief(transition: LearnedFeatures, pose: Float[Array, "d"]) -> Belief:
    """Belief before the first observation: around ``pose``, with a velocity as wide as any seen."""
    d = transition.poses
    velocity_std = 2 * transition.features.scale[d : 2 * d]
    std = jnp.concatenate([jnp.ones(d), velocity_std, 2 * transition.drift_std])
    return Belief(jnp.concatenate([pose, jnp.zeros(2 * d)]), jnp.diag(std))


@jax.jit
def _expect(model, precision, basis, poses, controls):
    """Statistics, squared residuals of the observations, and log evidence, over all segments."""
    constant = 0.5 * jnp.linalg.slogdet(precision)[1]

    def segment(total, inputs):
        pose, control = inputs
        messages = jax.vmap(lambda y: Message.at(y, precision))(pose)
        result = smooth(model, start_belief(model, pose[0]), messages, control)
        statistics = expected_statistics(model, basis, result.pairs, control)
        error = pose - result.states.mean[:, : model.poses]
        spread = result.states.root[:, : model.poses]
        residual = error.T @ error + jnp.einsum("tij,tkj->ik", spread, spread)
        evidence = result.evidence + constant * pose.shape[0]
        return jax.tree.map(jnp.add, total, (statistics, residual, evidence)), None

    k, d = model.weights.shape
    none = Statistics(jnp.zeros((k, k)), jnp.zeros((k, d)), jnp.zeros((d, d)), jnp.zeros(()))
    zero = (none, jnp.zeros((d, d)), jnp.zeros(()))
    return jax.lax.scan(segment, zero, (poses, controls))[0]


def _with_layer(
    model: LearnedFeatures, basis: Float[np.ndarray, "k k"], layer: LastLayer
) -> LearnedFeatures:
    """``model`` with the last layer that was found in ``basis``."""
    return replace(
        model,
        weights=_f32(basis @ layer.weights),
        weight_root=_f32(basis @ np.linalg.cholesky(layer.covariance)),
        noise_root=_f32(np.linalg.cholesky(layer.noise)),
    )


def _f32(values) -> Array:
    return jnp.asarray(values, jnp.float32)
