"""Regression of a last layer on the host, in float64, with a prior that stands for the data."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .matrix_normal_wishart import Statistics


@dataclass(frozen=True)
class LastLayer:
    """Posterior of a last layer: ``weights`` (k, d), ``covariance`` (k, k), ``noise`` (d, d)."""

    weights: Float[np.ndarray, "k d"]
    covariance: Float[np.ndarray, "k k"]
    noise: Float[np.ndarray, "d d"]


def regress(
    statistics: Statistics,
    about: Float[np.ndarray, "k d"] | None = None,
    prior: Float[np.ndarray, "k d"] | None = None,
    prior_weight: float = 0.0,
    ridge: float = 1.0,
) -> LastLayer:
    """Posterior of a matrix-normal regression on ``statistics``, centred on the weights ``about``.

    The prior is Zellner's: centred on ``prior``, with ``prior_weight`` times the precision of the
    data, so that the mean is the weighted mean of prior and data. It stands for the same data
    seen in another way, and so the covariance counts the data once. ``ridge`` adds an isotropic
    precision towards the prior, in units of the noise.
    """
    phi, cross, residual, count = (np.asarray(x, np.float64) for x in statistics)
    about = np.zeros_like(cross) if about is None else np.asarray(about, np.float64)
    centre = np.zeros_like(cross) if prior is None else prior
    one = np.eye(len(phi))
    precision = phi + ridge * one
    pull = ridge * one + prior_weight * phi
    change = np.linalg.solve(phi + pull, cross + pull @ (centre - about))
    fit = change.T @ cross
    noise = (residual - fit - fit.T + change.T @ phi @ change) / count
    covariance = np.linalg.solve(precision, one)
    return LastLayer(about + change, 0.5 * (covariance + covariance.T), 0.5 * (noise + noise.T))
