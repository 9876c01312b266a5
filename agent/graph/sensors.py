"""Observation factors whose reading is a function of the state of a block, with noise."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from .check import covariance, default_float, matrix, pytree, reason_of, store, vector, whole
from .readings import Readings, gather_vectors, told_only
from .rows import Rows, reading_rows
from .square_root import root_of


@pytree("C", "R", "offset", "root")
@dataclass(frozen=True, init=False, eq=False)
class FixedSensor:
    """``y = C x + offset + N(0, R)``: ``C`` (m, n), ``R`` (m, m), ``offset`` (m,).

    Coordinates of ``y`` that are NaN are missing, all of it where it is None.
    """

    C: Float[Array, "m n"]
    R: Float[Array, "m m"]
    offset: Float[Array, "m"]
    root: Float[Array, "m m"]

    linear = True

    def __init__(self, C: Any, R: Any, offset: Any = None) -> None:
        C = matrix("C", C)
        R_given, R = R, covariance("R", R, C.shape[0], definite=True)
        offset = jnp.zeros(C.shape[0]) if offset is None else vector("offset", offset, C.shape[0])
        store(self, C=C, R=R, offset=offset, root=root_of(R_given, R))

    def fits(self, dim: int) -> str | None:
        """What is wrong with it for a state of ``dim`` coordinates."""
        columns = self.C.shape[1]
        return None if columns == dim else f"C has {columns} columns, but the state {dim}"

    @property
    def outputs(self) -> int:
        """Number of coordinates of a reading."""
        return self.C.shape[0]

    def gather(self, name: str, observations: Sequence[Any]) -> Readings:
        """Readings ``(T, m)``; a number counts as a vector of one."""
        return gather_vectors(name, observations, self.outputs)

    def rows(self, readings: Readings, states: Float[Array, "T n"]) -> Rows:
        """The same everywhere: ``states`` is not looked at."""
        del states
        values = told_only(readings) - self.offset
        T, m = values.shape

        def whole(values):
            known = jnp.where(jnp.isnan(values), 0.0, values)  # where this branch is not taken
            white = solve_triangular(
                self.root, jnp.concatenate([self.C, known.T], axis=1), lower=True
            )
            n = self.C.shape[1]
            volume = jnp.log(jnp.abs(jnp.diag(self.root))).sum()
            scale = -volume - 0.5 * m * math.log(2 * math.pi)
            matrix = jnp.broadcast_to(white[:, :n], (T, m, n))
            return Rows(matrix, white[:, n:].T, jnp.broadcast_to(scale, (T,)))

        def in_part(values):
            return jax.vmap(lambda y: reading_rows(self.C, y, self.root))(values)

        return jax.lax.cond(jnp.isnan(values).any(), in_part, whole, values)

    def expect(self, state: Float[Array, "n"]) -> Float[Array, "m"]:
        """Expected reading."""
        return self.C @ state + self.offset

    def near(self, state: Float[Array, "n"]) -> tuple[Array, Array]:
        """Matrix and noise covariance: the same everywhere."""
        del state
        return self.C, self.R


@pytree("R", "root", static=("function", "noise", "outputs"))
@dataclass(frozen=True, init=False, eq=False)
class CallableSensor:
    """``y = function(x) + N(0, noise)``, with ``noise`` a covariance or a function ``R(x)``.

    ``function`` and a callable ``noise`` are jax functions of the state ``(n,)``, to ``(m,)`` and
    ``(m, m)``; they are linearised wherever a query needs it. A :class:`Block` looks once at what
    ``noise`` returns, at the mean of the block's prior. What it returns inside compiled code is not
    checked: it must be symmetric and positive definite for every state.
    """

    function: Callable[[Array], Array]
    noise: Callable[[Array], Array] | None
    R: Float[Array, "m m"] | None
    root: Float[Array, "m m"] | None
    outputs: int

    linear = False

    def __init__(self, function: Callable, noise: Any, outputs: int) -> None:
        outputs = whole("outputs", outputs, 1)
        varies = callable(noise)
        R = None if varies else covariance("noise", noise, outputs, definite=True)
        root = None if R is None else root_of(noise, R)
        noise = noise if varies else None
        store(self, function=function, noise=noise, R=R, root=root, outputs=outputs)

    def fits(self, dim: int) -> str | None:
        """What is wrong with it for a state of ``dim`` coordinates."""
        state = jax.ShapeDtypeStruct((dim,), default_float())
        wanted = {"function": (self.outputs,), "noise": (self.outputs, self.outputs)}
        for part, shape in wanted.items():
            function = getattr(self, part)
            if function is None:
                continue
            try:
                found = tuple(jax.eval_shape(function, state).shape)
            except Exception as error:  # whatever a user's function raises  # noqa: BLE001
                return f"{part} fails on a state of {dim} ({reason_of(error)})"
            if found != shape:
                return f"{part} returns the shape {found}, but outputs={self.outputs} needs {shape}"
        return None

    def check_noise(self, state: Float[Array, "n"]) -> None:
        """ValueError where ``R(x)`` is no covariance at this ``state``."""
        if self.noise is not None:
            covariance("noise R(x)", self.noise(state), self.outputs)

    def gather(self, name: str, observations: Sequence[Any]) -> Readings:
        """Readings ``(T, m)``; a number counts as a vector of one."""
        return gather_vectors(name, observations, self.outputs)

    def rows(self, readings: Readings, states: Float[Array, "T n"]) -> Rows:
        """First-order expansion at ``states``."""

        def at(y, state):
            slope = jax.jacfwd(self.function)(state)
            return reading_rows(
                slope, y - self.function(state) + slope @ state, self.noise_root(state)
            )

        return jax.vmap(at)(told_only(readings), states)

    def covariance(self, state: Float[Array, "n"]) -> Float[Array, "m m"]:
        """Covariance of the noise at ``state``."""
        if self.noise is not None:
            return self.noise(state)
        assert self.R is not None
        return self.R

    def noise_root(self, state: Float[Array, "n"]) -> Float[Array, "m m"]:
        """A root of that covariance."""
        if self.noise is not None:
            return jnp.linalg.cholesky(self.noise(state))
        assert self.root is not None
        return self.root

    def expect(self, state: Float[Array, "n"]) -> Float[Array, "m"]:
        """Expected reading."""
        return self.function(state)

    def near(self, state: Float[Array, "n"]) -> tuple[Array, Array]:
        """Matrix and noise covariance at ``state``."""
        return jax.jacfwd(self.function)(state), self.covariance(state)
