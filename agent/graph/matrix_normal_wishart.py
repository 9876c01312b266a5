"""The conjugate density of a linear layer with unknown weights and noise.

With ``x' = M z + e``, ``e ~ N(0, W⁻¹)``, the matrix-normal-Wishart density of ``(M, W)`` times the
likelihood of data is one again: Minka, "Bayesian linear regression" (technical report, MIT, 2000);
Bishop, Pattern Recognition and Machine Learning (2006), section 2.3.6 and appendix B.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_solve, solve_triangular
from jaxtyping import Array, Float

from .check import covariance, matrix, pytree, store, unchecked
from .gaussian import stein
from .wishart import Wishart, degrees_of_freedom


class Statistics(NamedTuple):
    """Expected sufficient statistics of pairs ``(z, x')``, about a matrix ``centre`` ``(n, k)``.

    With ``e = x' - centre z``: ``features`` ``(k, k)`` is the sum of ``E[z zᵀ]``, ``cross``
    ``(k, n)`` of ``E[z eᵀ]``, ``residual`` ``(n, n)`` of ``E[e eᵀ]``; ``count`` ``()`` is the
    number of pairs. Statistics about the same centre add up.
    """

    features: Float[Array, "k k"]
    cross: Float[Array, "k n"]
    residual: Float[Array, "n n"]
    count: Float[Array, ""]

    def moved(self, by: Float[Array, "n k"]) -> "Statistics":
        """The same about ``centre + by``."""
        cross = self.cross - self.features @ by.T
        residual = self.residual - by @ self.cross - cross.T @ by.T
        return Statistics(self.features, cross, _symmetric(residual), self.count)


@pytree("mean", "precision", "inverse_scale", "dof")
@dataclass(frozen=True, init=False, eq=False)
class MatrixNormalWishart:
    """``W ~ Wishart(dof, inverse_scale)``, ``M | W ~ N(mean, rows W⁻¹, columns precision⁻¹)``.

    ``mean`` ``(n, k)``; ``precision`` ``(k, k)`` and ``inverse_scale`` ``(n, n)``, both positive
    definite; ``dof`` ``()``, above ``n - 1``.

    Raises ValueError where that is not so.
    """

    mean: Float[Array, "n k"]
    precision: Float[Array, "k k"]
    inverse_scale: Float[Array, "n n"]
    dof: Float[Array, ""]

    def __init__(self, mean: Any, precision: Any, inverse_scale: Any, dof: Any) -> None:
        mean = matrix("mean", mean)
        n, k = mean.shape
        precision = covariance("precision", precision, k, definite=True)
        inverse_scale = covariance("inverse_scale", inverse_scale, n, definite=True)
        dof = degrees_of_freedom(dof, n)
        dtype = jnp.result_type(mean, precision, inverse_scale)
        store(
            self,
            mean=mean.astype(dtype),
            precision=precision.astype(dtype),
            inverse_scale=inverse_scale.astype(dtype),
            dof=dof.astype(dtype),
        )

    @staticmethod
    def of(
        mean: Float[Array, "n k"],
        precision: Float[Array, "k k"],
        inverse_scale: Float[Array, "n n"],
        dof: Float[Array, ""],
    ) -> "MatrixNormalWishart":
        """Without checks."""
        return unchecked(
            MatrixNormalWishart,
            mean=mean,
            precision=precision,
            inverse_scale=inverse_scale,
            dof=dof,
        )

    @property
    def wishart(self) -> Wishart:
        """Marginal density of the noise's precision ``W``."""
        return Wishart.of(self.dof, self.inverse_scale)

    @property
    def expected_precision(self) -> Float[Array, "n n"]:
        """``E[W]``, ``dof inverse_scale⁻¹``."""
        return self.wishart.mean

    @property
    def expected_logdet(self) -> Float[Array, ""]:
        """``E log|W|``."""
        return self.wishart.expected_logdet

    @property
    def log_normaliser(self) -> Float[Array, ""]:
        """Log of the integral of ``|W|^{(dof + k - n - 1)/2} exp(-tr(W S)/2)`` over ``M``, ``W``.

        ``S = inverse_scale + (M - mean) precision (M - mean)ᵀ``.
        """
        n, k = self.mean.shape
        gaussian = 0.5 * n * (k * math.log(2 * math.pi) - _logdet(self.precision))
        return gaussian + self.wishart.log_normaliser

    def expected_square(
        self, target: Float[Array, "n"], features: Float[Array, "k"]
    ) -> Float[Array, ""]:
        """``E[(x' - M z)ᵀ W (x' - M z)]`` for ``x' = target`` and ``z = features``.

        It is ``(x' - mean z)ᵀ E[W] (x' - mean z) + n zᵀ precision⁻¹ z``.
        """
        lower, corner = (jnp.linalg.cholesky(x) for x in (self.inverse_scale, self.precision))
        miss = solve_triangular(lower, target - self.mean @ features, lower=True)
        doubt = solve_triangular(corner, features, lower=True)
        return self.dof * miss @ miss + self.mean.shape[0] * doubt @ doubt

    def expected_log_likelihood(
        self, statistics: Statistics, centre: Float[Array, "n k"]
    ) -> Float[Array, ""]:
        """``E[Σ log N(x'; M z, W⁻¹)]`` over this density, of ``statistics`` about ``centre``."""
        n = self.mean.shape[0]
        about = statistics.moved(self.mean - centre)
        fit = jnp.sum(self.expected_precision * about.residual)
        corner = jnp.linalg.cholesky(self.precision)
        doubt = jnp.trace(cho_solve((corner, True), about.features))
        constant = self.expected_logdet - n * math.log(2 * math.pi)
        return 0.5 * (statistics.count * constant - fit - n * doubt)

    def updated(self, statistics: Statistics, centre: Float[Array, "n k"]) -> "MatrixNormalWishart":
        """This prior times the likelihood of ``statistics`` about ``centre``, normalised.

        The inverse scale gains the squares that are left about the posterior's mean, and the
        prior's pull on that mean: sums of squares, of which nothing is taken away once the centre
        is near the posterior's mean. So float32 holds when ``centre`` is the mean that was found
        before. Rounding of the sums of squares is added, so that data without noise leave it
        definite.
        """
        away = self.mean - centre
        precision = _symmetric(self.precision + statistics.features)
        corner = jnp.linalg.cholesky(precision)
        step = cho_solve((corner, True), self.precision @ away.T + statistics.cross).T
        pull = step - away
        left = statistics.moved(step).residual
        rounding = 4 * self.mean.shape[1] * jnp.finfo(left.dtype).eps
        left = left + rounding * jnp.diag(jnp.diag(statistics.residual))
        scatter = _symmetric(self.inverse_scale + pull @ self.precision @ pull.T + left)
        dof = self.dof + statistics.count
        return MatrixNormalWishart.of(centre + step, precision, scatter, dof)

    def faded(
        self, prior: "MatrixNormalWishart", forgetting: Float[Array, ""] | float
    ) -> "MatrixNormalWishart":
        """The same means with ``forgetting`` times the certainty, but not less certain of the
        noise than ``prior``."""
        dof = jnp.maximum(forgetting * self.dof, jnp.minimum(prior.dof, self.dof))
        scale = self.inverse_scale * (dof / self.dof)
        return MatrixNormalWishart.of(self.mean, forgetting * self.precision, scale, dof)

    def __mul__(self, other: "MatrixNormalWishart") -> "MatrixNormalWishart":
        """Product of the two densities."""
        n, k = self.mean.shape
        precision = self.precision + other.precision
        corner = jnp.linalg.cholesky(precision)
        step = cho_solve((corner, True), other.precision @ (other.mean - self.mean).T).T
        mean = self.mean + step
        scatter = self.inverse_scale + _square(step, self.precision)
        scatter = scatter + other.inverse_scale + _square(mean - other.mean, other.precision)
        dof = self.dof + other.dof + (k - n - 1)
        return MatrixNormalWishart.of(mean, precision, _symmetric(scatter), dof)

    def __truediv__(self, other: "MatrixNormalWishart") -> "MatrixNormalWishart":
        """Quotient of the two densities; it may be a factor that is no density.

        Its mean is not finite where the difference of the precisions is singular.
        """
        n, k = self.mean.shape
        precision = self.precision - other.precision
        step = jnp.linalg.solve(precision, other.precision @ (self.mean - other.mean).T).T
        mean = self.mean + step
        scatter = self.inverse_scale + _square(step, self.precision)
        scatter = scatter - other.inverse_scale - _square(mean - other.mean, other.precision)
        dof = self.dof - other.dof - (k - n - 1)
        return MatrixNormalWishart.of(mean, precision, _symmetric(scatter), dof)

    def entropy(self) -> Float[Array, ""]:
        """Differential entropy in nats."""
        n, k = self.mean.shape
        rows = n * (1 + math.log(2 * math.pi)) - self.expected_logdet
        return 0.5 * (k * rows - n * _logdet(self.precision)) + self.wishart.entropy()

    def kl(self, other: "MatrixNormalWishart") -> Float[Array, ""]:
        """KL divergence of this density from ``other`` in nats.

        That of the marginals of ``W``, and the expectation of that of ``M`` given ``W``.
        """
        corner, theirs = jnp.linalg.cholesky(self.precision), jnp.linalg.cholesky(other.precision)
        lower = jnp.linalg.cholesky(self.inverse_scale)
        miss = solve_triangular(lower, (self.mean - other.mean) @ theirs, lower=True)
        matrices = self.mean.shape[0] * stein(corner, theirs) + self.dof * jnp.sum(miss**2)
        return 0.5 * matrices + self.wishart.kl(other.wishart)

    def sample(
        self, key: Array, shape: tuple[int, ...] = ()
    ) -> tuple[Float[Array, "*shape n k"], Float[Array, "*shape n n"]]:
        """Draws of ``M`` ``shape + (n, k)`` and ``W`` ``shape + (n, n)``."""
        for_precisions, for_matrices = jax.random.split(key)
        roots = self.wishart.sample_root(for_precisions, shape)
        corner = jnp.linalg.cholesky(self.precision)
        white = jax.random.normal(for_matrices, (*shape, *self.mean.shape), self.mean.dtype)
        rows = jnp.linalg.solve(roots.mT, white)
        columns = solve_triangular(corner, jnp.eye(corner.shape[0], dtype=corner.dtype), lower=True)
        return self.mean + rows @ columns, roots @ roots.mT


def _square(across: Float[Array, "n k"], precision: Float[Array, "k k"]) -> Float[Array, "n n"]:
    return across @ precision @ across.T


def _symmetric(square: Float[Array, "n n"]) -> Float[Array, "n n"]:
    return 0.5 * (square + square.T)


def _logdet(definite: Float[Array, "k k"]) -> Float[Array, ""]:
    return 2 * jnp.log(jnp.diag(jnp.linalg.cholesky(definite))).sum()
