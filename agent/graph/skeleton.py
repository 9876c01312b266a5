"""What is known of a transition before its layer is learned: how a layer's output enters."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


class Skeleton(NamedTuple):
    """``x' = along x + entry (layer's output) + extra ζ`` with ``ζ ~ N(0, I)``.

    ``along`` ``(n, n)``, ``entry`` ``(n, d)`` of full column rank, ``extra`` ``(n, r)``, whose
    columns are orthogonal to those of ``entry``'s left inverse, ``reader`` ``(d, n)``: what the
    layer put out is ``reader (x' - along x)``.
    """

    along: Float[Array, "n n"]
    entry: Float[Array, "n d"]
    extra: Float[Array, "n r"]
    reader: Float[Array, "d n"]


def direct(dim: int) -> Skeleton:
    """The layer's output is the next state."""
    one = jnp.eye(dim)
    return Skeleton(jnp.zeros((dim, dim)), one, jnp.zeros((dim, 0)), one)


def second_order(drift: float, drift_std: Float[Array, "d"]) -> Skeleton:
    """Motion: the state ``(p, v, δ)`` is a pose, its change per tick, and a disturbance.

    ``v' = v + δ + (layer's output)``, ``p' = p + v'``, ``δ' = drift δ + drift_std ζ``: the
    disturbance varies slowly and absorbs what the layer cannot express. Each has ``d``
    coordinates.
    """
    d = drift_std.shape[0]
    along = np.kron([[1, 1, 1], [0, 1, 1], [0, 0, 0]], np.eye(d))
    fade = jnp.zeros((3 * d, 3 * d)).at[2 * d :, 2 * d :].set(drift * jnp.eye(d))
    extra = jnp.concatenate([jnp.zeros((2 * d, d)), jnp.diag(drift_std)])
    entry = jnp.asarray(np.kron([[1], [1], [0]], np.eye(d)), jnp.float32)
    reader = jnp.asarray(np.kron([[0, 1, 0]], np.eye(d)), jnp.float32)
    return Skeleton(jnp.asarray(along, jnp.float32) + fade, entry, extra, reader)
