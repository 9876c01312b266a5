"""Elimination of a step's noise: the QR that sequential and associative passes share.

Rows about ``x_{t+1}`` become rows about ``x_t`` and the noise between them; in the order (noise,
state) a QR leaves the law of the noise given the state, and what is left to say about the state.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from .square_root import triangle


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
