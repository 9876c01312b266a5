"""Square roots of positive semi-definite matrices, with derivatives where these are singular.

A root is told from another by a rotation of its columns only, ``root rootᵀ = (root Q)(root Q)ᵀ``,
and nothing that depends on the matrix alone can tell. A derivative may therefore be any ``d`` with
``d rootᵀ + root dᵀ`` the derivative of the matrix: half of it times the pseudo-inverse of the root
is one, and divides by no difference of eigenvalues.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from .check import is_traced


def lower_root(columns: Float[Array, "*t n k"]) -> Float[Array, "*t n m"]:
    """Lower-trapezoidal ``root`` with ``root rootᵀ = columns columnsᵀ``, by QR of the transpose.

    It has ``m = min(n, k)`` columns.
    """
    return jnp.linalg.qr(columns.mT, mode="r").mT


def free_root(columns: Float[Array, "n k"]) -> Float[Array, "n m"]:
    """As :func:`lower_root`, with derivatives also where it is singular: those of some root of the
    same matrix, up to a rotation of its columns."""
    return triangle(columns.T, 0).T


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def triangle(rows: Float[Array, "m n"], leading: int) -> Float[Array, "k n"]:
    """``R`` of a QR, ``RᵀR = rowsᵀ rows``, with derivatives where ``rows`` have lower rank.

    Only the ``leading`` columns must be independent. The derivative keeps ``R`` triangular in
    these; below, it is that of some root of the same matrix, up to a rotation of the rows there.
    """
    del leading
    return _triangle_with_basis(rows)[1]


def _triangle_with_basis(
    rows: Float[Array, "m n"],
) -> tuple[Float[Array, "m k"], Float[Array, "k n"]]:
    return jnp.linalg.qr(rows)


@triangle.defjvp
def _triangle_jvp(leading, primals, tangents):
    basis, root = _triangle_with_basis(*primals)
    change = basis.T @ tangents[0]
    corner = root[:leading, :leading]
    ratio = solve_triangular(corner, change[:, :leading].T, trans=1).T
    turn = jnp.pad(jnp.tril(ratio, -1), ((0, 0), (0, root.shape[0] - leading)))
    return root, change - (turn - turn.T) @ root


def square_lower(root: Float[Array, "n k"]) -> Float[Array, "n n"]:
    """Lower root ``(n, n)`` of the same covariance."""
    missing = max(root.shape[0] - root.shape[1], 0)
    return lower_root(jnp.pad(root, ((0, 0), (0, missing))))


def inverse_of_lower(lower: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Inverse of a lower triangular matrix."""
    return solve_triangular(lower, jnp.eye(lower.shape[0], dtype=lower.dtype), lower=True)


def stein(mine: Float[Array, "n n"], theirs: Float[Array, "n n"]) -> Float[Array, ""]:
    """``tr K - n - log|K|`` of ``K = P⁻¹ Q``, from lower roots of ``P`` (mine) and ``Q`` (theirs).

    Stein's loss, twice the KL divergence of two centred Gaussians with precisions ``P`` and ``Q``.
    Each pivot's share is zero to second order at ``K = I``, so that close ones do not cancel.
    """
    ratio = solve_triangular(mine, theirs, lower=True)
    pivots = jnp.abs(jnp.diag(ratio))
    excess = (pivots - 1) * (pivots + 1)
    close = jnp.abs(excess) < 0.5
    log = jnp.where(close, jnp.log1p(jnp.where(close, excess, 0.0)), 2 * jnp.log(pivots))
    return jnp.sum(excess - log) + jnp.sum(jnp.tril(ratio, -1) ** 2)


@jax.custom_jvp
def eigen_root(matrix: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """``root`` with ``root rootᵀ = matrix``; a column is zero where its eigenvalue is one of
    rounding, below ``4 n`` ulp of the largest.

    A change of ``matrix`` where it is zero in both directions has no derivative, and is left out.
    """
    values, vectors = jnp.linalg.eigh(matrix)
    rounding = 4 * values.shape[0] * jnp.finfo(values.dtype).eps
    told = values > rounding * values[-1]
    return vectors * jnp.where(told, jnp.sqrt(jnp.where(told, values, 1.0)), 0.0)


@eigen_root.defjvp
def _eigen_root_jvp(primals, tangents):
    root = eigen_root(*primals)
    inverse = pseudo_inverse(root)
    half = tangents[0] @ inverse.T
    return root, half - 0.5 * root @ (inverse @ half)


def pseudo_inverse(root: Float[Array, "n k"]) -> Float[Array, "k n"]:
    """Of a ``root`` whose columns are independent or zero."""
    silent = jnp.all(root == 0, axis=0)
    return jnp.linalg.solve(root.T @ root + jnp.diag(silent.astype(root.dtype)), root.T)


@jax.custom_jvp
def whitening(
    eta: Float[Array, "n"], precision: Float[Array, "n n"]
) -> tuple[Float[Array, "n n"], Float[Array, "n"]]:
    """:func:`eigen_root` of ``precision``, and its pseudo-inverse times ``eta``."""
    root = eigen_root(precision)
    lengths = jnp.sum(root**2, axis=0)
    return root, jnp.where(lengths > 0, (root.T @ eta) / jnp.where(lengths > 0, lengths, 1.0), 0.0)


@whitening.defjvp
def _whitening_jvp(primals, tangents):
    root, turned = jax.jvp(eigen_root, primals[1:], tangents[1:])
    inverse = pseudo_inverse(root)
    whitened = inverse @ primals[0]
    return (root, whitened), (turned, inverse @ (tangents[0] - turned @ whitened))


@jax.custom_jvp
def semidefinite_root(cov: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """``root`` with ``root rootᵀ = cov``: Cholesky's, or by eigenvalues where ``cov`` is singular.

    Both are taken in units of each coordinate's standard deviation.
    """
    lower, definite = _cholesky(cov)
    return jax.lax.cond(definite, lambda _: lower, _singular_root, cov)


@semidefinite_root.defjvp
def _semidefinite_root_jvp(primals, tangents):
    (cov,), (change,) = primals, tangents
    definite = _cholesky(cov)[1]
    root = semidefinite_root(cov)
    one = jnp.eye(cov.shape[0], dtype=cov.dtype)
    lower = jnp.where(definite, root, one)
    white = solve_triangular(lower, solve_triangular(lower, change, lower=True).T, lower=True)
    white = 0.5 * (white + white.T)
    regular = lower @ (jnp.tril(white) - 0.5 * white * one)
    singular = jax.jvp(_singular_root, (jnp.where(definite, one, cov),), (change,))[1]
    return root, jnp.where(definite, regular, singular)


def _cholesky(cov: Float[Array, "n n"]) -> tuple[Float[Array, "n n"], Array]:
    """Cholesky's root, and whether each of its pivots is above the rounding of ``cov``."""
    cov = jax.lax.stop_gradient(cov)
    lower = jnp.linalg.cholesky(cov)
    rounding = 4 * cov.shape[0] * jnp.finfo(cov.dtype).eps
    return lower, jnp.all(jnp.diag(lower) ** 2 > rounding * jnp.diag(cov))


def _singular_root(cov: Float[Array, "n n"]) -> Float[Array, "n n"]:
    variance = jnp.diag(cov)
    unit = jnp.sqrt(jnp.where(variance > 0, variance, 1.0))
    return unit[:, None] * eigen_root(cov / (unit[:, None] * unit))


def exact_lower_root(cov: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """Lower root of numbers that are at hand, by Cholesky or by eigenvalues, in float64."""
    cov = np.asarray(cov, np.float64)
    try:
        return np.linalg.cholesky(cov)
    except np.linalg.LinAlgError:
        std = np.sqrt(np.maximum(np.diag(cov), 0.0))
        unit = np.where(std > 0, std, 1.0)
        values, vectors = np.linalg.eigh(cov / np.outer(unit, unit))
        root = std[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))
        lower = np.asarray(np.linalg.qr(root.T, mode="r")).T
        return lower * np.where(np.diag(lower) < 0, -1.0, 1.0)


def root_of(given: object, cov: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Root of the checked ``cov``: in float64 of the numbers that were ``given``, where there are
    numbers, so that their smallest directions survive float32."""
    if is_traced(cov):
        return semidefinite_root(cov)
    return jnp.asarray(exact_lower_root(np.asarray(given)), cov.dtype)
