"""Noise whose covariance hangs on the place: a kernel mean of covariances at landmarks."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .check import pytree

_PRIOR = 1.0  # of the mean covariance, in readings


@pytree("landmarks", "covs")
@dataclass(frozen=True)
class LocalNoise:
    """Covariance of the noise of a message about a pose, by where the pose is.

    ``covs`` ``(K, d, d)`` are those at the ``landmarks`` ``(K, d)``; in between their mean under a
    Gaussian kernel (Yin, Geng, Li and Wang, Nonparametric covariance model, Statistica Sinica 20,
    2010), as wide as the landmarks lie apart. One landmark alone makes a noise that is the same
    everywhere.
    """

    landmarks: Float[Array, "K d"]
    covs: Float[Array, "K d d"]

    @staticmethod
    def even(cov: Float[Array, "d d"]) -> "LocalNoise":
        """The same everywhere."""
        cov = jnp.asarray(cov, jnp.float32)
        return LocalNoise(jnp.zeros((1, cov.shape[0]), cov.dtype), cov[None])

    def at(self, pose: Float[Array, "d"]) -> Float[Array, "d d"]:
        """Covariance of the noise at ``pose``; vmap for many."""
        return jnp.tensordot(self.shares(pose), self.covs, 1)

    def shares(self, pose: Float[Array, "d"]) -> Float[Array, "K"]:
        """What each landmark counts at ``pose``; they sum to one."""
        if self.landmarks.shape[0] == 1:
            return jnp.ones(1, pose.dtype)
        apart = jnp.sum((self.landmarks[:, None] - self.landmarks) ** 2, axis=-1)
        nearest = jnp.min(jnp.where(apart > 0, apart, jnp.inf), axis=1)
        away = jnp.sum((pose - self.landmarks) ** 2, axis=1)
        return jax.nn.softmax(-0.5 * away / jnp.median(nearest))

    def scaled(self, factor: float) -> "LocalNoise":
        """With covariances times ``factor``."""
        return replace(self, covs=self.covs * np.float32(factor))

    def told(
        self, squares: Float[np.ndarray, "K d d"], counts: Float[np.ndarray, "K"]
    ) -> "LocalNoise":
        """With the mean of the ``squares`` of errors that ``counts`` readings left at each
        landmark; where they are few, with that of all."""
        squares, counts = np.asarray(squares, np.float64), np.asarray(counts, np.float64)
        mean = squares.sum(0) / counts.sum()
        covs = (squares + _PRIOR * mean) / (counts + _PRIOR)[:, None, None]
        return replace(self, covs=jnp.asarray(0.5 * (covs + covs.mT), jnp.float32))
