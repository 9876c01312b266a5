"""Noise whose covariance hangs on the place: a kernel mean of covariances at landmarks."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .check import pytree

_PRIOR = 1.0  # of the mean covariance, in readings


@pytree("landmarks", "covs", "width")
@dataclass(frozen=True)
class LocalNoise:
    """Covariance of the noise of a message about a pose, by where the pose is.

    It is the mean of ``covs`` ``(K, d, d)``, weighed by a Gaussian kernel about the ``landmarks``
    ``(K, d)``, whose standard deviation is ``width`` (Yin, Geng, Li and Wang, Nonparametric
    covariance model, Statistica Sinica 20, 2010); far from all, that of the nearest. One landmark
    alone makes a noise that is the same everywhere.
    """

    landmarks: Float[Array, "K d"]
    covs: Float[Array, "K d d"]
    width: Float[Array, ""]

    @staticmethod
    def of(landmarks: Any, covs: Any) -> "LocalNoise":
        """With a kernel as wide as landmarks lie apart: the median way to the nearest other."""
        places = np.asarray(landmarks, np.float64)
        apart = np.linalg.norm(places[:, None] - places, axis=-1)
        nearest = np.where(apart > 0, apart, np.inf).min(axis=1)
        width = np.median(nearest) if np.isfinite(nearest).all() else 1.0
        return LocalNoise(*(jnp.asarray(x, jnp.float32) for x in (landmarks, covs, width)))

    @staticmethod
    def even(cov: Any) -> "LocalNoise":
        """The covariance ``cov`` ``(d, d)`` everywhere."""
        return LocalNoise.of(np.zeros((1, len(cov))), jnp.asarray(cov)[None])

    def at(self, pose: Float[Array, "d"]) -> Float[Array, "d d"]:
        """Covariance of the noise at ``pose``; vmap for many."""
        return jnp.tensordot(self.shares(pose), self.covs, 1)

    def shares(self, pose: Float[Array, "d"]) -> Float[Array, "K"]:
        """What each landmark counts at ``pose``; they sum to one."""
        away = jnp.sum((pose - self.landmarks) ** 2, axis=1)
        return jax.nn.softmax(-0.5 * away / self.width**2)

    def scaled(self, factor: float) -> "LocalNoise":
        """With covariances times ``factor``."""
        return replace(self, covs=self.covs * np.float32(factor))

    def learned(
        self, squares: Float[np.ndarray, "K d d"], counts: Float[np.ndarray, "K"]
    ) -> "LocalNoise":
        """With the mean of the ``squares`` of errors that ``counts`` readings left at each
        landmark; where they are few, with that of all.

        What readings leave at a landmark is their share of it. For one landmark the mean is the
        likeliest; for many, whose kernels overlap, it is smoother than that.
        """
        squares, counts = np.asarray(squares, np.float64), np.asarray(counts, np.float64)
        mean = squares.sum(0) / counts.sum()
        covs = (squares + _PRIOR * mean) / (counts + _PRIOR)[:, None, None]
        return replace(self, covs=jnp.asarray(0.5 * (covs + covs.mT), jnp.float32))
