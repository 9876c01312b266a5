"""Whitened rows: the form in which observations, couplings and doubts about parameters speak."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from .gaussian import Gaussian
from .precise import compiled
from .square_root import lower_root, whitening


class Rows(NamedTuple):
    """A factor ``exp(log_scale - |matrix x - value|² / 2)``.

    ``matrix`` ``(m, n)``, ``value`` ``(m,)``, ``log_scale`` ``()``: each row is a reading of unit
    variance, and a row of zeros says nothing.
    """

    matrix: Float[Array, "m n"]
    value: Float[Array, "m"]
    log_scale: Float[Array, ""]


def no_rows(size: int, *leading: int) -> Rows:
    """Rows about ``size`` coordinates of which there are none, with ``leading`` axes."""
    return Rows(jnp.zeros((*leading, 0, size)), jnp.zeros((*leading, 0)), jnp.zeros(leading))


def stack_rows(first: Rows, *others: Rows) -> Rows:
    """All rows one below the other: the product of the factors."""
    parts = (first, *(part for part in others if part.value.shape[-1]))
    return Rows(
        jnp.concatenate([part.matrix for part in parts], axis=-2),
        jnp.concatenate([part.value for part in parts], axis=-1),
        first.log_scale + sum(part.log_scale for part in others),
    )


def embed_rows(rows: Rows, start: int, size: int) -> Rows:
    """Rows about coordinates ``start`` and following, among ``size``."""
    width = rows.matrix.shape[-1]
    pad = [(0, 0)] * (rows.matrix.ndim - 1) + [(start, size - start - width)]
    return rows._replace(matrix=jnp.pad(rows.matrix, pad))


def mask_rows(rows: Rows, live: Float[Array, "T"]) -> Rows:
    """Rows stacked over time that say nothing where ``live`` is 0."""
    return Rows(
        rows.matrix * live[:, None, None], rows.value * live[:, None], rows.log_scale * live
    )


def reading_rows(
    matrix: Float[Array, "m n"], value: Float[Array, "m"], root: Float[Array, "m m"]
) -> Rows:
    """Rows of a reading ``value = matrix x + root ε``, ``ε ~ N(0, I)``; NaN coordinates of it are
    missing."""
    told = ~jnp.isnan(value)
    alone = jnp.diag(jnp.where(told, 0.0, jnp.ones_like(value)))
    corner = lower_root(jnp.concatenate([jnp.where(told[:, None], root, 0.0), alone], axis=1))
    both_sides = jnp.concatenate([matrix, jnp.where(told, value, 0.0)[:, None]], axis=1)
    white = solve_triangular(corner, jnp.where(told[:, None], both_sides, 0.0), lower=True)
    volume = jnp.log(jnp.abs(jnp.diag(corner))).sum()
    return Rows(white[:, :-1], white[:, -1], -volume - 0.5 * math.log(2 * math.pi) * told.sum())


@compiled(lean=True)
def message_rows(messages: Gaussian) -> Rows:
    """Rows of messages stacked along the first axis, each read as an observation of its mean.

    A precision that is positive definite on the coordinates that it speaks of is factorised by
    Cholesky; any other by its eigenvalues, of which those within rounding of the largest say
    nothing.
    """
    diagonal = jnp.diagonal(messages.precision, axis1=-2, axis2=-1)
    told = diagonal > 0
    both = told[..., :, None] & told[..., None, :]
    one = jnp.eye(told.shape[-1], dtype=messages.precision.dtype)
    rounding = 4 * told.shape[-1] * jnp.finfo(one.dtype).eps
    settled = jax.lax.stop_gradient(jnp.where(both, messages.precision, one))
    pivots = jnp.diagonal(jnp.linalg.cholesky(settled), axis1=-2, axis2=-1) ** 2
    definite = jnp.all(pivots > rounding * jnp.where(told, diagonal, 0.0), axis=-1)
    some = both & definite[..., None, None]
    lower = jnp.linalg.cholesky(jnp.where(some, messages.precision, one))
    white = solve_triangular(lower, jnp.where(told, messages.eta, 0.0)[..., None], lower=True)
    regular = Rows(
        jnp.where(both, lower.mT, 0.0),
        white[..., 0],
        _log_scale(jnp.diagonal(lower, axis1=-2, axis2=-1), told),
    )

    def select(messages):
        singular = jax.vmap(_singular_rows)(messages)

        def pick(x, y):
            return jnp.where(definite.reshape(definite.shape + (1,) * (x.ndim - 1)), x, y)

        return jax.tree.map(pick, regular, singular)

    return jax.lax.cond(jnp.all(definite), lambda _: regular, select, messages)


def _singular_rows(message: Gaussian) -> Rows:
    root, white = whitening(message.eta, message.precision)
    lengths = jnp.sum(root**2, axis=0)
    said = lengths > 0
    return Rows(root.T, white, _log_scale(jnp.sqrt(jnp.where(said, lengths, 1.0)), said))


def _log_scale(scale: Float[Array, "... n"], said: Array) -> Float[Array, "..."]:
    return jnp.log(scale).sum(-1) - 0.5 * math.log(2 * math.pi) * said.sum(-1)
