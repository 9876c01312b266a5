"""Gaussians in the two forms that the graph passes around: messages and beliefs."""

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from .check import covariances, floats, is_traced, pytree, shape_line, store, unchecked, vector
from .square_root import (
    exact_lower_root,
    inverse_of_lower,
    lower_root,
    semidefinite_root,
    square_lower,
    stein,
    whitening,
)

__all__ = ["Belief", "Gaussian", "lower_root", "precision_root"]


@pytree("eta", "precision")
@dataclass(frozen=True, init=False, eq=False)
class Gaussian:
    """A Gaussian in natural parameters, ``exp(etaᵀx - xᵀ precision x / 2)`` up to a factor.

    ``eta`` is ``(n,)``, ``precision`` ``(n, n)``; zero precision says nothing: an observation
    that is missing. Both may be stacked along leading axes.

    Raises ValueError where shapes do not fit, or ``precision`` is not symmetric, not finite or
    has a negative eigenvalue.
    """

    eta: Float[Array, "*t n"]
    precision: Float[Array, "*t n n"]

    def __init__(self, eta: Any, precision: Any) -> None:
        eta, precision = floats("eta", eta), floats("precision", precision)
        if eta.ndim == 0:
            raise ValueError(shape_line("eta", (), ("n",)))
        if precision.shape != (wanted := (*eta.shape, eta.shape[-1])):
            raise ValueError(shape_line("precision", precision.shape, wanted))
        precision = covariances("precision", precision)
        dtype = jnp.result_type(eta, precision)
        store(self, eta=eta.astype(dtype), precision=precision.astype(dtype))

    @staticmethod
    def of(eta: Float[Array, "*t n"], precision: Float[Array, "*t n n"]) -> "Gaussian":
        """Without checks."""
        return unchecked(Gaussian, eta=eta, precision=precision)

    @staticmethod
    def at(mean: Any, precision: Any) -> "Gaussian":
        """The message with this ``mean``; ``mean`` may be stacked where ``precision`` is not.

        Raises ValueError as the constructor does.
        """
        mean, precision = floats("mean", mean), floats("precision", precision)
        if mean.ndim == 0:
            raise ValueError(shape_line("mean", (), ("n",)))
        n = mean.shape[-1]
        if precision.shape not in ((*mean.shape, n), (n, n)):
            raise ValueError(shape_line("precision", precision.shape, (n, n)))
        precision = covariances("precision", precision)
        eta = (precision @ mean[..., None])[..., 0]
        return Gaussian.of(eta, jnp.broadcast_to(precision, (*mean.shape, n)).astype(eta.dtype))

    @property
    def lam(self) -> Float[Array, "*t n n"]:
        """The precision, by its letter Λ."""
        return self.precision

    @property
    def mean(self) -> Float[Array, "*t n"]:
        """The mean; NaN where the precision is not positive definite."""
        return self.belief().mean

    @property
    def cov(self) -> Float[Array, "*t n n"]:
        """The covariance; NaN where the precision is not positive definite."""
        return self.belief().cov

    @property
    def ndim(self) -> int:
        """Number of coordinates."""
        return self.eta.shape[-1]

    def __mul__(self, other: "Gaussian") -> "Gaussian":
        """Product of the two densities: natural parameters add."""
        return Gaussian.of(self.eta + other.eta, self.precision + other.precision)

    def __truediv__(self, other: "Gaussian") -> "Gaussian":
        """Quotient of the two densities: natural parameters subtract.

        Its precision may be indefinite: then it is a factor, but no density.
        """
        return Gaussian.of(self.eta - other.eta, self.precision - other.precision)

    def belief(self) -> "Belief":
        """The same density in moments; NaN where the precision is not positive definite."""

        def moments(eta, precision):
            lower = jnp.linalg.cholesky(precision)
            inverse = inverse_of_lower(lower)
            return inverse.T @ solve_triangular(lower, eta, lower=True), inverse.T

        return Belief.of(*jnp.vectorize(moments, signature="(n),(n,n)->(n),(n,n)")(*_leaves(self)))

    def entropy(self) -> Float[Array, "*t"]:
        """Differential entropy in nats; NaN where the precision is not positive definite."""
        lower = jnp.linalg.cholesky(self.precision)
        constant = 0.5 * self.ndim * (1 + math.log(2 * math.pi))
        return constant - jnp.log(jnp.diagonal(lower, axis1=-2, axis2=-1)).sum(-1)

    def kl(self, other: "Gaussian") -> Float[Array, "*t"]:
        """KL divergence of this density from ``other`` in nats, both positive definite.

        Bishop, Pattern Recognition and Machine Learning (2006), exercise 2.13.
        """

        def divergence(eta, precision, other_eta, other_precision):
            mine, theirs = jnp.linalg.cholesky(precision), jnp.linalg.cholesky(other_precision)
            white = solve_triangular(mine, eta, lower=True)
            mean = solve_triangular(mine, white, lower=True, trans=1)
            miss = solve_triangular(theirs, other_eta - other_precision @ mean, lower=True)
            return 0.5 * (stein(mine, theirs) + miss @ miss)

        signature = "(n),(n,n),(n),(n,n)->()"
        return jnp.vectorize(divergence, signature=signature)(*_leaves(self), *_leaves(other))

    def sample(self, key: Array, shape: tuple[int, ...] = ()) -> Float[Array, "*shape n"]:
        """Draws, ``shape + (n,)``."""
        return self.belief().sample(key, shape)


@pytree("mean", "root")
@dataclass(frozen=True, init=False, eq=False)
class Belief:
    """A Gaussian in moments: ``mean`` ``(n,)`` and a ``root`` ``(n, k)`` of its covariance.

    Filtering carries the root, so that float32 cannot lose symmetry or positive definiteness.
    ``Belief(mean, cov)`` takes the covariance ``(n, n)``, which may be singular, and stores a lower
    root; under ``jit`` the root is lower where the covariance is definite. ``mean`` and ``root``
    may be stacked along leading axes (:meth:`of`).

    Raises ValueError where shapes do not fit, or ``cov`` is not symmetric, not finite or has a
    negative eigenvalue.
    """

    mean: Float[Array, "*t n"]
    root: Float[Array, "*t n k"]

    def __init__(self, mean: Any, cov: Any) -> None:
        mean = vector("mean", mean)
        n = mean.shape[0]
        checked = floats("cov", cov)
        if checked.shape != (n, n):
            raise ValueError(shape_line("cov", checked.shape, (n, n)))
        checked = covariances("cov", checked)
        dtype = jnp.result_type(mean, checked)
        if is_traced(checked):
            root = semidefinite_root(checked)
        else:
            exact = np.asarray(cov, np.float64)
            root = jnp.asarray(exact_lower_root(0.5 * (exact + exact.T)).astype(dtype))
        store(self, mean=mean.astype(dtype), root=root.astype(dtype))

    @staticmethod
    def of(mean: Float[Array, "*t n"], root: Float[Array, "*t n k"]) -> "Belief":
        """With this ``root`` and without checks: for tracers and stacks along leading axes."""
        return unchecked(Belief, mean=mean, root=root)

    @property
    def cov(self) -> Float[Array, "*t n n"]:
        """The covariance, ``root rootᵀ``."""
        return self.root @ self.root.mT

    @property
    def std(self) -> Float[Array, "*t n"]:
        """Standard deviation of each coordinate; where it is zero, so is its derivative."""
        variance = jnp.sum(self.root**2, axis=-1)
        moves = variance > 0
        return jnp.where(moves, jnp.sqrt(jnp.where(moves, variance, 1.0)), 0.0)

    @property
    def ndim(self) -> int:
        """Number of coordinates."""
        return self.mean.shape[-1]

    def message(self) -> Gaussian:
        """The same density in natural parameters; not finite where the covariance is singular."""

        def natural(mean, root):
            inverse = inverse_of_lower(square_lower(root))
            return inverse.T @ (inverse @ mean), inverse.T @ inverse

        return Gaussian.of(
            *jnp.vectorize(natural, signature="(n),(n,k)->(n),(n,n)")(*_leaves(self))
        )

    def entropy(self) -> Float[Array, "*t"]:
        """Differential entropy in nats, ``-inf`` where the covariance is singular."""
        lower = jnp.vectorize(square_lower, signature="(n,k)->(n,n)")(self.root)
        scale = jnp.abs(jnp.diagonal(lower, axis1=-2, axis2=-1))
        return 0.5 * self.ndim * (1 + math.log(2 * math.pi)) + jnp.log(scale).sum(-1)

    def kl(self, other: "Belief") -> Float[Array, "*t"]:
        """KL divergence of this density from ``other`` in nats.

        Infinite where either covariance is singular.
        """

        def divergence(mean, root, other_mean, other_root):
            mine, theirs = square_lower(root), square_lower(other_root)
            singular = jnp.any(jnp.diag(mine) * jnp.diag(theirs) == 0)
            one = jnp.eye(mean.shape[0], dtype=mean.dtype)
            mine, theirs = jnp.where(singular, one, mine), jnp.where(singular, one, theirs)
            miss = solve_triangular(theirs, mean - other_mean, lower=True)
            return jnp.where(singular, jnp.inf, 0.5 * (stein(theirs, mine) + miss @ miss))

        signature = "(n),(n,k),(n),(n,m)->()"
        return jnp.vectorize(divergence, signature=signature)(*_leaves(self), *_leaves(other))

    def sample(self, key: Array, shape: tuple[int, ...] = ()) -> Float[Array, "*shape n"]:
        """Draws, ``shape + (n,)``."""
        *batch, _, columns = self.root.shape
        white = jax.random.normal(key, (*shape, *batch, columns), self.root.dtype)
        return self.mean + (self.root @ white[..., None])[..., 0]


def precision_root(message: Gaussian) -> tuple[Float[Array, "n n"], Float[Array, "n"]]:
    """``L`` with ``L Lᵀ`` the precision, and ``Lᵀ mean``; both zero where nothing is said.

    An eigenvalue within the rounding of the largest says nothing. Derivatives are
    right for all that does not change when the columns of ``L`` are rotated.
    """
    return whitening(message.eta, message.precision)


def _leaves(pair: Gaussian | Belief) -> tuple[Array, Array]:
    if isinstance(pair, Belief):
        return pair.mean, pair.root
    return pair.eta, pair.precision
