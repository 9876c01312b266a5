"""The Wishart density over precision matrices.

Formulas: Bishop, Pattern Recognition and Machine Learning (2006), appendix B; sampling: Bartlett,
"On the theory of statistical regression" (1933). What would cancel for many degrees of freedom,
log gamma functions against logarithms and traces, is cancelled on paper by Stirling's series
(Abramowitz and Stegun, 6.1.41 and 6.3.18), so that float32 holds for any number of them.
"""

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_solve, solve_triangular
from jax.scipy.special import digamma, gammaln, multigammaln
from jaxtyping import Array, Float

from .check import covariance, pytree, scalar, store, unchecked
from .gaussian import stein


@pytree("dof", "inverse_scale")
@dataclass(frozen=True, init=False, eq=False)
class Wishart:
    """Density ``∝ |W|^{(dof - n - 1)/2} exp(-tr(inverse_scale W)/2)`` over precisions ``W``.

    ``dof`` ``()``, above ``n - 1``; ``inverse_scale`` ``(n, n)``, positive definite.

    Raises ValueError where that is not so.
    """

    dof: Float[Array, ""]
    inverse_scale: Float[Array, "n n"]

    def __init__(self, dof: Any, inverse_scale: Any) -> None:
        inverse_scale = covariance("inverse_scale", inverse_scale, definite=True)
        dof = degrees_of_freedom(dof, inverse_scale.shape[0])
        store(self, dof=dof.astype(inverse_scale.dtype), inverse_scale=inverse_scale)

    @staticmethod
    def of(dof: Float[Array, ""], inverse_scale: Float[Array, "n n"]) -> "Wishart":
        """Without checks."""
        return unchecked(Wishart, dof=dof, inverse_scale=inverse_scale)

    @property
    def ndim(self) -> int:
        """Number ``n`` of rows."""
        return self.inverse_scale.shape[-1]

    @property
    def mean(self) -> Float[Array, "n n"]:
        """``E[W]``, ``dof inverse_scale⁻¹``."""
        one = jnp.eye(self.ndim, dtype=self.inverse_scale.dtype)
        return self.dof * cho_solve((_lower(self), True), one)

    @property
    def expected_logdet(self) -> Float[Array, ""]:
        """``E log|W|``."""
        halves = _halves(self.dof, self.ndim)
        return digamma(halves).sum() + self.ndim * math.log(2) - _logdet(self)

    @property
    def log_normaliser(self) -> Float[Array, ""]:
        """Log of the integral of the density as it is written above."""
        n = self.ndim
        return 0.5 * self.dof * (n * math.log(2) - _logdet(self)) + multigammaln(self.dof / 2, n)

    def log_density(self, precision: Float[Array, "n n"]) -> Float[Array, ""]:
        """Log density at ``precision``."""
        logdet = 2 * jnp.log(jnp.diag(jnp.linalg.cholesky(precision))).sum()
        fit = jnp.sum(self.inverse_scale * precision)
        return 0.5 * (self.dof - self.ndim - 1) * logdet - 0.5 * fit - self.log_normaliser

    def __mul__(self, other: "Wishart") -> "Wishart":
        """Product of the two densities."""
        dof = self.dof + other.dof - (self.ndim + 1)
        return Wishart.of(dof, self.inverse_scale + other.inverse_scale)

    def __truediv__(self, other: "Wishart") -> "Wishart":
        """Quotient of the two densities; it may be a factor that is no density."""
        dof = self.dof - other.dof + (self.ndim + 1)
        return Wishart.of(dof, self.inverse_scale - other.inverse_scale)

    def entropy(self) -> Float[Array, ""]:
        """Differential entropy in nats."""
        n, halves = self.ndim, _halves(self.dof, self.ndim)
        missing = 0.5 * (n + 1 - jnp.arange(n))
        rests = (missing - 0.5) * jnp.log(halves) + _gammaln_rest(halves)
        slopes = (halves - missing) * (0.5 / halves - _digamma_rest(halves))
        constant = 0.25 * n * (n - 1) * (1 + math.log(math.pi)) + 0.5 * n * math.log(2 * math.pi)
        scale = 0.5 * (n + 1) * (n * math.log(2) - _logdet(self))
        return constant + scale + jnp.sum(rests + slopes)

    def kl(self, other: "Wishart") -> Float[Array, ""]:
        """KL divergence of this density from ``other`` in nats."""
        index = jnp.arange(self.ndim)
        mine, theirs = _halves(self.dof, self.ndim), _halves(other.dof, self.ndim)
        ratio = jnp.sqrt(self.dof / other.dof)
        scatter = stein(_lower(self), ratio * _lower(other))
        narrowing = jnp.log1p(-index / self.dof) - jnp.log1p(-index / other.dof)
        gammas = (
            0.5 * (index + 1) * jnp.log(mine / theirs)
            + _gammaln_rest(theirs)
            - _gammaln_rest(mine)
            + (mine - theirs) * (_digamma_rest(mine) - 0.5 / mine)
        )
        return 0.5 * other.dof * (scatter - narrowing.sum()) + gammas.sum()

    def sample(self, key: Array, shape: tuple[int, ...] = ()) -> Float[Array, "*shape n n"]:
        """Draws, ``shape + (n, n)``."""
        root = self.sample_root(key, shape)
        return root @ root.mT

    def sample_root(self, key: Array, shape: tuple[int, ...] = ()) -> Float[Array, "*shape n n"]:
        """Roots of draws."""
        n, dtype = self.ndim, self.inverse_scale.dtype
        for_squares, for_normals = jax.random.split(key)
        gammas = jax.random.gamma(for_squares, _halves(self.dof, n), (*shape, n), dtype)
        diagonal = jnp.sqrt(2 * gammas)[..., None] * jnp.eye(n, dtype=dtype)
        normals = jnp.tril(jax.random.normal(for_normals, (*shape, n, n), dtype), -1)
        lower = jnp.broadcast_to(_lower(self), (*shape, n, n))
        return solve_triangular(lower, normals + diagonal, lower=True, trans=1)


def degrees_of_freedom(dof: Any, n: int) -> Float[Array, ""]:
    """``dof`` as a float array without axes; ValueError unless it is above ``n - 1``."""
    reason = f"a Wishart over ({n}, {n}) precisions with so few cannot be normalised"
    return scalar("dof", dof, n - 1, reason)


def _lower(wishart: Wishart) -> Float[Array, "n n"]:
    return jnp.linalg.cholesky(wishart.inverse_scale)


def _logdet(wishart: Wishart) -> Float[Array, ""]:
    """Log determinant of the inverse scale."""
    return 2 * jnp.log(jnp.diag(_lower(wishart))).sum()


def _halves(dof: Float[Array, ""], n: int) -> Float[Array, "n"]:
    """Arguments ``(dof - i) / 2`` of the gamma functions that make up the multivariate one."""
    return 0.5 * (dof - jnp.arange(n))


SERIES_FROM = 16.0


def _gammaln_rest(a: Float[Array, "n"]) -> Float[Array, "n"]:
    """``log Γ(a) - (a - 1/2) log a + a - log(2π)/2``."""
    small, large = jnp.minimum(a, SERIES_FROM), jnp.maximum(a, SERIES_FROM)
    exact = gammaln(small) - (small - 0.5) * jnp.log(small) + small - 0.5 * math.log(2 * math.pi)
    terms = _series(large**-2, (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188))
    return jnp.where(a < SERIES_FROM, exact, terms / large)


def _digamma_rest(a: Float[Array, "n"]) -> Float[Array, "n"]:
    """``ψ(a) - log a + 1/(2a)``."""
    small, large = jnp.minimum(a, SERIES_FROM), jnp.maximum(a, SERIES_FROM)
    exact = digamma(small) - jnp.log(small) + 0.5 / small
    terms = _series(large**-2, (-1 / 12, 1 / 120, -1 / 252, 1 / 240, -1 / 132))
    return jnp.where(a < SERIES_FROM, exact, terms / large**2)


def _series(x: Float[Array, "n"], coefficients: tuple[float, ...]) -> Float[Array, "n"]:
    total = jnp.zeros_like(x)
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total
