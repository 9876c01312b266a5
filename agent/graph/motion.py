"""Motion: a learned transition of second order, of poses, velocities and slow disturbances."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .check import replaced
from .features import PolynomialFeatures, Powers
from .float32 import f32
from .gaussian import Belief
from .layer import Layer
from .learned_features import LearnedFeatures
from .matrix_normal_wishart import MatrixNormalWishart
from .regression import LastLayer
from .skeleton import second_order


def motion(
    features: PolynomialFeatures,
    layer: LastLayer,
    transitions: float,
    drift: float,
    drift_std: Float[np.ndarray, "d"],
) -> LearnedFeatures:
    """``v' = v + δ + Mφ(p, v, u) + ε``, ``p' = p + v'``, ``δ' = drift δ + drift_std ζ``.

    ``layer`` is the posterior of ``M`` and of ε's covariance, as ``transitions`` told it.
    """
    d = layer.weights.shape[1]
    controls = features.scale.shape[0] - 2 * d
    dof = max(float(transitions), d + 2.0)
    column = _rounded(np.linalg.cholesky(layer.covariance))
    noise = _rounded(np.linalg.cholesky(layer.noise))
    inverse = np.linalg.inv(column)
    posterior = MatrixNormalWishart.of(
        f32(layer.weights.T),
        f32(inverse.T @ inverse),
        f32(dof * noise @ noise.T),
        f32(dof),
    )
    told = Layer(
        mean=posterior.mean,
        doubt_root=f32(np.sqrt(d) * column),
        noise_root=f32(noise),
        predictive_root=f32(noise * np.sqrt(dof / max(dof - d - 1, 1.0))),
        log_scale=0.5 * posterior.expected_logdet + f32(np.log(np.diag(noise)).sum()),
    )
    skeleton = second_order(drift, f32(drift_std))
    blank = LearnedFeatures(3 * d, features, controls, skeleton=skeleton, seen=2 * d)
    return replaced(blank, posterior=posterior, layer=told)


def widened(transition: LearnedFeatures, noise: float, weights: float) -> LearnedFeatures:
    """``transition`` with the covariances of its noise and of its weights times these factors.

    The weights' covariance is in units of the noise: it is their share alone that changes.
    """
    d, layer, skeleton = transition.outputs, transition.layer, transition.skeleton
    doubt, root = (np.asarray(x, np.float64) for x in (layer.doubt_root, layer.noise_root))
    wide = LastLayer(
        weights=np.asarray(layer.mean, np.float64).T,
        covariance=weights * doubt @ doubt.T / d,
        noise=noise * root @ root.T,
    )
    return motion(
        transition.features,  # type: ignore[arg-type]
        wide,
        float(transition.posterior.dof),
        float(skeleton.along[-1, -1]),
        np.asarray(jnp.diagonal(skeleton.extra[2 * d :])),
    )


def inflated(transition: LearnedFeatures, factor: Float[Array, ""]) -> LearnedFeatures:
    """``transition`` with the covariance of its noise times ``factor``, for a filter that is not to
    rely on it alone; the doubt about its weights, which is in units of the noise, stays.

    Covariance inflation (Anderson and Anderson, A Monte Carlo implementation of the nonlinear
    filtering problem, Monthly Weather Review 127, 1999).
    """
    layer, root = transition.layer, jnp.sqrt(factor)
    wide = layer._replace(
        doubt_root=layer.doubt_root / root,
        noise_root=layer.noise_root * root,
        predictive_root=layer.predictive_root * root,
    )
    return replaced(transition, layer=wide)


def pose_features(
    poses: Float[np.ndarray, "S T d"], controls: Float[np.ndarray, "S T-1 p"], powers: Powers
) -> PolynomialFeatures:
    """Features ``powers`` of (pose, velocity, control), each scaled to be of order one."""
    d = poses.shape[-1]
    velocity = np.sqrt(np.mean(np.diff(poses, axis=1) ** 2))
    limits = np.abs(controls).max((0, 1))
    scale = np.concatenate([np.ones(d), np.full(d, velocity), np.where(limits > 0, limits, 1)])
    return PolynomialFeatures(f32(scale), powers)


def start_belief(transition: LearnedFeatures, pose: Float[Array, "d"]) -> Belief:
    """Belief before the first observation: around ``pose``, with a velocity as wide as any seen."""
    d = transition.outputs
    velocity_std = 2 * transition.features.scale[d : 2 * d]  # type: ignore[attr-defined]
    drift_std = jnp.diagonal(transition.skeleton.extra[2 * d :])
    std = jnp.concatenate([jnp.ones(d), velocity_std, 2 * drift_std])
    return Belief.of(jnp.concatenate([pose, jnp.zeros(2 * d)]), jnp.diag(std))


def _rounded(root: Float[np.ndarray, "k k"]) -> Float[np.ndarray, "k k"]:
    """What a file keeps of ``root``: all else is worked out from that, so that it comes back."""
    return np.asarray(np.asarray(root, np.float32), np.float64)
