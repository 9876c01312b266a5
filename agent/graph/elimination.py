"""Elimination of a step's noise: the QR that sequential and associative passes share.

Rows about ``x_{t+1}`` become rows about ``x_t`` and the noise between them; in the order (noise,
state) a QR leaves the law of the noise given the state, and what is left to say about the state.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float


def eliminated(
    along: Float[Array, "n n"],
    noise: Float[Array, "n q"],
    seen: Float[Array, "m n"],
    doubt: Float[Array, "k n+q"],
) -> Float[Array, "q+n q+n"]:
    """Triangular rows about ``(w, x)``, of all that is known of them: the rows ``seen`` of
    ``x' = along x + noise w``, the ``doubt`` about ``(x, w)``, and ``w ~ N(0, I)``.

    The first ``q`` are a law of ``w`` given ``x``, the others are what is left to say about ``x``.
    """
    n, q = noise.shape
    onward = seen @ jnp.concatenate([noise, along], axis=1)
    turned = jnp.concatenate([doubt[:, n:], doubt[:, :n]], axis=1)
    one = jnp.eye(q, q + n, dtype=noise.dtype)
    missing = max(n - seen.shape[0] - doubt.shape[0], 0)
    return triangle(jnp.pad(jnp.concatenate([onward, turned, one]), ((0, missing), (0, 0))), q)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def triangle(rows: Float[Array, "m n"], leading: int) -> Float[Array, "k n"]:
    """``R`` of a QR, ``RᵀR = rowsᵀ rows``, with derivatives where ``rows`` have lower rank.

    Only the ``leading`` columns must be independent. The derivative keeps ``R`` triangular in
    these; below, it is that of some root of the same matrix, up to a rotation of the rows there.
    """
    del leading
    return triangle_with_basis(rows)[1]


def triangle_with_basis(
    rows: Float[Array, "m n"],
) -> tuple[Float[Array, "m k"], Float[Array, "k n"]]:
    return jnp.linalg.qr(rows)


@triangle.defjvp
def _triangle_jvp(leading, primals, tangents):
    basis, root = triangle_with_basis(*primals)
    change = basis.T @ tangents[0]
    corner = root[:leading, :leading]
    ratio = solve_triangular(corner, change[:, :leading].T, trans=1).T
    turn = jnp.pad(jnp.tril(ratio, -1), ((0, 0), (0, root.shape[0] - leading)))
    return root, change - (turn - turn.T) @ root
