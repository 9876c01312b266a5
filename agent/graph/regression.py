"""Conjugate regression: matrix-normal posterior of a last layer from expected statistics."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .gaussian import Belief
from .transition import LearnedFeatures


class Statistics(NamedTuple):
    """Sums over transitions of expected outer products of features φ and targets y; additive."""

    features: Float[Array | np.ndarray, "k k"]
    cross: Float[Array | np.ndarray, "k d"]
    targets: Float[Array | np.ndarray, "d d"]
    count: Float[Array | np.ndarray, ""]


def expected_statistics(
    transition: LearnedFeatures,
    basis: Float[Array, "k k"],
    pairs: Belief,
    controls: Float[Array, "T-1 p"],
) -> Statistics:
    """Statistics of one segment, expected under the joint beliefs ``pairs`` of its transitions.

    The features are ``φ basis``, the targets ``v' - v - δ``. Expectations by spherical cubature
    of degree three (Arasaratnam and Haykin, 2009) over the pair of states.
    """
    d, n = transition.poses, transition.states
    rank = pairs.root.shape[-1]
    unit = jnp.sqrt(jnp.asarray(rank, basis.dtype)) * jnp.eye(rank)
    spread = jnp.concatenate([unit, -unit])

    def points(pair: Belief, control):
        states = pair.mean + spread @ pair.root.T
        before, after = states[:, :n], states[:, n:]
        phi = jax.vmap(lambda state: transition.phi(state, control))(before) @ basis
        target = after[:, d : 2 * d] - before[:, d : 2 * d] - before[:, 2 * d :]
        return phi, target

    phi, target = jax.vmap(points)(pairs, controls)
    weight = 1 / phi.shape[1]
    phi, target = phi.reshape(-1, phi.shape[-1]), target.reshape(-1, d)
    return Statistics(
        phi.T @ phi * weight,
        phi.T @ target * weight,
        target.T @ target * weight,
        jnp.asarray(controls.shape[0], phi.dtype),
    )


@dataclass(frozen=True)
class LastLayer:
    """Posterior of a last layer: ``weights`` (k, d), ``covariance`` (k, k), ``noise`` (d, d)."""

    weights: Float[np.ndarray, "k d"]
    covariance: Float[np.ndarray, "k k"]
    noise: Float[np.ndarray, "d d"]


def regress(
    statistics: Statistics,
    prior: Float[np.ndarray, "k d"] | None = None,
    prior_weight: float = 0.0,
    ridge: float = 1.0,
) -> LastLayer:
    """Posterior of a matrix-normal regression, in float64.

    The prior is Zellner's: centred on ``prior``, with ``prior_weight`` times the precision of the
    data, so that the mean is the weighted mean of prior and data. It stands for the same data
    seen in another way, and so the covariance counts the data once. ``ridge`` adds an isotropic
    precision towards the prior, in units of the noise.
    """
    phi, cross, targets, count = (np.asarray(x, np.float64) for x in statistics)
    centre = np.zeros_like(cross) if prior is None else prior
    one = np.eye(len(phi))
    precision = phi + ridge * one
    pull = ridge * one + prior_weight * phi
    weights = np.linalg.solve(phi + pull, cross + pull @ centre)
    fit = weights.T @ cross
    noise = (targets - fit - fit.T + weights.T @ phi @ weights) / count
    covariance = np.linalg.solve(precision, one)
    return LastLayer(weights, 0.5 * (covariance + covariance.T), 0.5 * (noise + noise.T))
