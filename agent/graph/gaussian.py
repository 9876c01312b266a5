"""Gaussians in the two forms that the graph passes around: messages and beliefs."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@partial(jax.tree_util.register_dataclass, data_fields=["eta", "precision"], meta_fields=[])
@dataclass(frozen=True)
class Message:
    """A Gaussian in natural parameters, ``exp(etaᵀx - xᵀ precision x / 2)`` up to a factor.

    ``eta`` is ``(n,)``, ``precision`` ``(n, n)``; zero precision says nothing: an observation
    that is missing.
    """

    eta: Float[Array, "n"]
    precision: Float[Array, "n n"]

    @staticmethod
    def at(mean: Float[Array, "n"], precision: Float[Array, "n n"]) -> "Message":
        """The message with this ``mean``."""
        return Message(precision @ mean, precision)

    def __mul__(self, other: "Message") -> "Message":
        """Product of the two densities: natural parameters add."""
        return Message(self.eta + other.eta, self.precision + other.precision)


@partial(jax.tree_util.register_dataclass, data_fields=["mean", "root"], meta_fields=[])
@dataclass(frozen=True)
class Belief:
    """A Gaussian in moments: ``mean`` ``(n,)`` and a lower ``root`` ``(n, n)`` of its covariance.

    Filtering carries the root, so that float32 cannot lose symmetry or positive definiteness.
    """

    mean: Float[Array, "n"]
    root: Float[Array, "n n"]

    @property
    def cov(self) -> Float[Array, "n n"]:
        """The covariance, ``root rootᵀ``."""
        return self.root @ self.root.T

    @property
    def std(self) -> Float[Array, "n"]:
        """Standard deviation of each coordinate."""
        return jnp.sqrt(jnp.sum(self.root**2, axis=1))


def lower_root(columns: Float[Array, "n k"]) -> Float[Array, "n m"]:
    """Lower-trapezoidal ``root`` with ``root rootᵀ = columns columnsᵀ``, by QR of the transpose.

    It has ``m = min(n, k)`` columns.
    """
    return jnp.linalg.qr(columns.T, mode="r").T


def precision_root(message: Message) -> tuple[Float[Array, "n n"], Float[Array, "n"]]:
    """``L`` with ``L Lᵀ`` the precision, and ``Lᵀ mean``; both zero where nothing is said.

    An eigenvalue within the rounding of the largest says nothing.
    """
    values, vectors = jnp.linalg.eigh(message.precision)
    rounding = 4 * values.shape[0] * jnp.finfo(values.dtype).eps
    told = values > rounding * values[-1]
    scale = jnp.sqrt(jnp.where(told, values, 1.0))
    whitened = jnp.where(told, (vectors.T @ message.eta) / scale, 0.0)
    return vectors * jnp.where(told, scale, 0.0), whitened
