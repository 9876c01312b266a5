"""Coupling factors: what one slice of the state says about another, at every step."""

import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from .check import covariance, pytree, store, vector
from .check import matrix as check_matrix
from .rows import Rows
from .square_root import root_of


@pytree("matrix", "cov", "offset", "root", static=("source", "target"))
@dataclass(frozen=True, init=False, eq=False)
class LinearCoupling:
    """``x_target = matrix x_source + offset + N(0, cov)`` at every step.

    ``source`` and ``target`` name blocks of ``a`` and ``b`` coordinates; ``matrix`` is ``(b, a)``,
    ``cov`` ``(b, b)``, ``offset`` ``(b,)``.
    """

    source: str
    target: str
    matrix: Float[Array, "b a"]
    cov: Float[Array, "b b"]
    offset: Float[Array, "b"]
    root: Float[Array, "b b"]

    def __init__(self, source: str, target: str, matrix: Any, cov: Any, offset: Any = None):
        if source == target:
            raise ValueError(f"a coupling joins two blocks, but both of its ends are {source!r}")
        weights = check_matrix("matrix", matrix)
        size = weights.shape[0]
        checked = covariance("cov", cov, size, definite=True)
        store(
            self,
            source=source,
            target=target,
            matrix=weights,
            cov=checked,
            root=root_of(cov, checked),
            offset=jnp.zeros(size) if offset is None else vector("offset", offset, size),
        )

    def rows(self, source_start: int, target_start: int, size: int) -> Rows:
        """Rows about the joint state of ``size`` coordinates, in which the slices start there."""
        b, a = self.matrix.shape
        joint = jnp.zeros((b, size), self.matrix.dtype)
        joint = joint.at[:, target_start : target_start + b].set(jnp.eye(b))
        joint = joint.at[:, source_start : source_start + a].add(-self.matrix)
        white = solve_triangular(
            self.root, jnp.concatenate([joint, self.offset[:, None]], axis=1), lower=True
        )
        log_scale = -jnp.log(jnp.diag(self.root)).sum() - 0.5 * b * math.log(2 * math.pi)
        return Rows(white[:, :-1], white[:, -1], log_scale)
