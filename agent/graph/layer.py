"""The posterior of a linear layer ``y = M z + ε``, in the form that chains and planners use."""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from .factor import Parameters, no_doubt
from .matrix_normal_wishart import MatrixNormalWishart
from .precise import compiled
from .rows import Rows


class Layer(NamedTuple):
    """A layer from ``k`` regressors to ``n`` outputs.

    ``mean`` ``(n, k)``; ``doubt_root`` ``(k, r)``: ``|doubt_rootᵀ z|²`` is what the weights'
    uncertainty adds to the expected squared error, in units of the noise; ``noise_root``
    ``(n, n)``: of the inverse of the expected precision; ``predictive_root`` ``(n, n)``: of the
    expected covariance; ``log_scale``: expected log normaliser, less that of the noise.
    """

    mean: Float[Array, "n k"]
    doubt_root: Float[Array, "k r"]
    noise_root: Float[Array, "n n"]
    predictive_root: Float[Array, "n n"]
    log_scale: Float[Array, ""]

    def noise(self, z: Float[Array, "k"], parameters: Parameters) -> Float[Array, "n n"]:
        """Root of the covariance of the output at ``z``.

        The predictive one is that of the posterior's Student t, ``1 + zᵀ precision⁻¹ z`` wider
        (Bishop, Pattern Recognition and Machine Learning, 2006, section 3.3).
        """
        if parameters != "predictive":
            return self.noise_root
        doubt = jnp.sum((z @ self.doubt_root) ** 2) / self.mean.shape[0]
        return self.predictive_root * jnp.sqrt(1 + doubt)

    def doubt(
        self,
        z: Float[Array, "k"],
        slope: Float[Array, "k i"],
        at: Float[Array, "i"],
        parameters: Parameters,
    ) -> Rows:
        """Rows about the inputs whose regressors are ``z`` at the inputs ``at``."""
        if parameters != "variational":
            return no_doubt(slope.shape[1], slope.dtype)
        matrix = self.doubt_root.T @ slope
        return Rows(matrix, matrix @ at - self.doubt_root.T @ z, self.log_scale)


@compiled(lean=True)
def layer_of(posterior: MatrixNormalWishart) -> Layer:
    """The layer that a matrix-normal-Wishart ``posterior`` stands for.

    ``E[(y - M z)ᵀ W (y - M z)] = (y - mean z)ᵀ E[W] (y - mean z) + n zᵀ precision⁻¹ z``. The
    expected covariance exists from ``n + 2`` degrees of freedom on; below, that of ``n + 2`` is
    taken.
    """
    n, k = posterior.mean.shape
    corner = jnp.linalg.cholesky(posterior.precision)
    column = solve_triangular(corner, jnp.eye(k, dtype=corner.dtype), lower=True).T
    scatter = jnp.linalg.cholesky(posterior.inverse_scale)
    noise = scatter / jnp.sqrt(posterior.dof)
    logdet = -2 * jnp.log(jnp.diag(noise)).sum()
    return Layer(
        mean=posterior.mean,
        doubt_root=math.sqrt(n) * column,
        noise_root=noise,
        predictive_root=scatter / jnp.sqrt(jnp.maximum(posterior.dof - n - 1, 1.0)),
        log_scale=0.5 * (posterior.expected_logdet - logdet),
    )
