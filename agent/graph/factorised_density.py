"""Densities of a linear layer's parameters of which all are independent, ``q(A) q(B) q(W)``.

Where the matrix-normal-Wishart density ties the uncertainty of the matrix to the noise, and gives
it Kronecker's form, entries of ``A`` may here have any covariance, and a prior its own scale.
"""

import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float

from .check import covariance, matrix, pytree, shape_line, store, unchecked
from .matrix_normal_wishart import MatrixNormalWishart
from .square_root import inverse_of_lower, stein
from .wishart import Wishart


@pytree("mean", "precision")
@dataclass(frozen=True, init=False, eq=False)
class MatrixGaussian:
    """A matrix ``(n, k)`` whose entries, row after row, are jointly Gaussian.

    ``mean`` ``(n, k)``, ``precision`` ``(n k, n k)``, positive definite. Raises ValueError where
    that is not so.
    """

    mean: Float[Array, "n k"]
    precision: Float[Array, "n*k n*k"]

    def __init__(self, mean: Any, precision: Any) -> None:
        mean = matrix("mean", mean)
        precision = covariance("precision", precision, mean.size, definite=mean.size > 0)
        store(self, mean=mean, precision=precision.astype(mean.dtype))

    @staticmethod
    def of(mean: Float[Array, "n k"], precision: Float[Array, "n*k n*k"]) -> "MatrixGaussian":
        """Without checks."""
        return unchecked(MatrixGaussian, mean=mean, precision=precision)

    def columns(self) -> Float[Array, "n k n*k"]:
        """A root of the covariance, whose rows stand as the entries of the matrix do."""
        inverse = inverse_of_lower(jnp.linalg.cholesky(self.precision))
        return inverse.T.reshape(*self.mean.shape, inverse.shape[0])

    def scatter(self, features: Float[Array, "k k"]) -> Float[Array, "n n"]:
        """``E[(M - mean) features (M - mean)ᵀ]``."""
        columns = self.columns()
        return symmetric(jnp.einsum("ijr,jl,klr->ik", columns, features, columns))

    def updated(
        self,
        noise: Float[Array, "n n"],
        features: Float[Array, "k k"],
        cross: Float[Array, "k n"],
        centre: Float[Array, "n k"],
    ) -> "MatrixGaussian":
        """This prior times the likelihood under the precision ``noise``, of statistics about
        ``centre``."""
        precision = self.precision + jnp.kron(noise, features)
        pull = self.precision @ (self.mean - centre).reshape(-1) + (noise @ cross.T).reshape(-1)
        step = cho_solve((jnp.linalg.cholesky(precision), True), pull)
        return MatrixGaussian.of(centre + step.reshape(centre.shape), precision)

    def entropy(self) -> Float[Array, ""]:
        """Differential entropy in nats."""
        lower = jnp.linalg.cholesky(self.precision)
        constant = 0.5 * self.mean.size * (1 + math.log(2 * math.pi))
        return constant - jnp.log(jnp.diag(lower)).sum()

    def kl(self, other: "MatrixGaussian") -> Float[Array, ""]:
        """KL divergence of this density from ``other`` in nats."""
        mine, theirs = (jnp.linalg.cholesky(each.precision) for each in (self, other))
        miss = theirs.T @ (self.mean - other.mean).reshape(-1)
        return 0.5 * (stein(mine, theirs) + miss @ miss)


@pytree("A", "B", "wishart")
@dataclass(frozen=True, init=False, eq=False)
class FactorisedDensity:
    """Independent densities of ``A`` ``(n, n)``, ``B`` ``(n, p)`` and ``W ~ wishart`` ``(n, n)``.

    Raises ValueError where their shapes do not fit.
    """

    A: MatrixGaussian
    B: MatrixGaussian
    wishart: Wishart

    def __init__(self, A: MatrixGaussian, B: MatrixGaussian | None, wishart: Wishart) -> None:
        n = wishart.ndim
        B = MatrixGaussian(jnp.zeros((n, 0)), jnp.zeros((0, 0))) if B is None else B
        if A.mean.shape != (n, n):
            raise ValueError(shape_line("A", A.mean.shape, (n, n)))
        if B.mean.shape[0] != n:
            raise ValueError(shape_line("B", B.mean.shape, (n, "p")))
        store(self, A=A, B=B, wishart=wishart)

    @staticmethod
    def like(density: MatrixNormalWishart) -> "FactorisedDensity":
        """Of the same means, and the same precision of each matrix under the expected noise."""
        n = density.mean.shape[0]
        noise = symmetric(density.expected_precision)
        parts = [
            MatrixGaussian.of(density.mean[:, own], jnp.kron(noise, density.precision[own, own]))
            for own in (slice(None, n), slice(n, None))
        ]
        return unchecked(FactorisedDensity, A=parts[0], B=parts[1], wishart=density.wishart)

    @property
    def mean(self) -> Float[Array, "n n+p"]:
        """Of ``[A B]``, side by side."""
        return jnp.concatenate([self.A.mean, self.B.mean], axis=-1)

    @property
    def expected_precision(self) -> Float[Array, "n n"]:
        """``E[W]``."""
        return self.wishart.mean

    @property
    def expected_logdet(self) -> Float[Array, ""]:
        """``E log|W|``."""
        return self.wishart.expected_logdet

    def entropy(self) -> Float[Array, ""]:
        """Differential entropy in nats."""
        return self.A.entropy() + self.B.entropy() + self.wishart.entropy()

    def kl(self, other: "FactorisedDensity") -> Float[Array, ""]:
        """KL divergence of this density from ``other`` in nats."""
        return self.A.kl(other.A) + self.B.kl(other.B) + self.wishart.kl(other.wishart)

    def faded(self, prior: "FactorisedDensity", forgetting: float) -> "FactorisedDensity":
        """The same means with ``forgetting`` times the certainty, but not less certain of the
        noise than ``prior``."""
        mine = self.wishart
        dof = jnp.maximum(forgetting * mine.dof, jnp.minimum(prior.wishart.dof, mine.dof))
        return unchecked(
            FactorisedDensity,
            A=MatrixGaussian.of(self.A.mean, forgetting * self.A.precision),
            B=MatrixGaussian.of(self.B.mean, forgetting * self.B.precision),
            wishart=Wishart.of(dof, mine.inverse_scale * (dof / mine.dof)),
        )


def symmetric(square: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """``square`` without the rounding that made it asymmetric."""
    return 0.5 * (square + square.T)
