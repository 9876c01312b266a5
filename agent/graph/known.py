"""Transition factors that are known: linear ones, and physics that is linearised on the way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .check import covariance, matrix, pytree, reason_of, vector, whole
from .factor import Local, Parameters, no_doubt
from .square_root import root_of, semidefinite_root


@runtime_checkable
class DynamicsNoise(Protocol):
    """Process noise that depends on the state; a pytree."""

    def covariance(self, state: Float[Array, "n"]) -> Float[Array, "n n"]:
        """Covariance of the next state, given ``state``; positive semi-definite."""
        ...


@pytree(static=("function",))
@dataclass(frozen=True)
class CallableProcessNoise:
    """``Q(x)`` by a jax function of the state ``(n,)`` that returns the covariance ``(n, n)``.

    A :class:`Block` looks once at what it returns, at the mean of the block's prior. What it
    returns inside compiled code is not checked: it must be symmetric and positive semi-definite
    for every state.
    """

    function: Callable[[Array], Array]

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ValueError(
                f"function is {type(self.function).__name__}, which cannot be called: give a jax "
                "function of the state that returns a covariance"
            )

    def covariance(self, state: Float[Array, "n"]) -> Float[Array, "n n"]:
        """The covariance at ``state``."""
        return self.function(state)


@pytree("A", "B", "offset", "root")
@dataclass(frozen=True, init=False, eq=False)
class KnownLinear:
    """``x' = A x + B u + offset + N(0, Q)``: ``A`` (n, n), ``B`` (n, p), ``Q`` (n, n)."""

    A: Float[Array, "n n"]
    B: Float[Array, "n p"]
    offset: Float[Array, "n"]
    root: Float[Array, "n n"]

    linear = True
    certain = True

    def __init__(self, A, Q, B=None, offset=None) -> None:
        A = matrix("A", A)
        n = A.shape[-1]
        if A.shape[-2] != n:
            raise ValueError(f"A has shape {A.shape}, but must map a state to a state: (n, n)")
        B = jnp.zeros((n, 0), A.dtype) if B is None else matrix("B", B, (n, None))
        offset = jnp.zeros(n, A.dtype) if offset is None else vector("offset", offset, n)
        root = root_of(Q, covariance("Q", Q, n))
        for name, value in (("A", A), ("B", B), ("offset", offset), ("root", root)):
            object.__setattr__(self, name, value)

    @property
    def dim(self) -> int:
        """Number ``n`` of state coordinates."""
        return self.A.shape[-1]

    @property
    def controls(self) -> int:
        """Number ``p`` of controls."""
        return self.B.shape[-1]

    @property
    def Q(self) -> Float[Array, "n n"]:
        """Covariance of the process noise."""
        return self.root @ jnp.swapaxes(self.root, -1, -2)

    def mean(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "n"]:
        """Expected next state."""
        return self.A @ state + self.B @ control + self.offset

    def doubt(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "k"]:
        """None: the parameters are known."""
        del control
        return jnp.zeros(0, state.dtype)

    def local(
        self, state: Float[Array, "n"], control: Float[Array, "p"], parameters: Parameters
    ) -> Local:
        """The factor itself."""
        del parameters
        doubt = no_doubt(self.dim + self.controls, self.A.dtype)
        return Local(self.mean(state, control), self.A, self.B, self.root, doubt)


@pytree("root", "noise", static=("dim", "controls", "linearize", "function"))
@dataclass(frozen=True, init=False, eq=False)
class KnownPhysics:
    """Known dynamics ``x' = f(x, u) + N(0, Q)``, re-linearised wherever a query needs it.

    Give either ``function``, a jax function ``f(x, u) -> x'`` that is differentiated, or
    ``linearize(x, u) -> (A, B, offset)`` with ``f(x, u) ≈ A x + B u + offset`` near ``(x, u)``.
    ``noise`` is the covariance ``(n, n)``, or a :class:`DynamicsNoise` ``Q(x)``.
    """

    root: Float[Array, "n n"] | None
    noise: DynamicsNoise | None
    dim: int
    controls: int
    linearize: Callable | None
    function: Callable | None

    linear = False
    certain = True

    def __init__(
        self,
        dim: int,
        controls: int = 0,
        *,
        noise,
        function: Callable[[Array, Array], Array] | None = None,
        linearize: Callable[[Array, Array], tuple[Array, Array, Array]] | None = None,
    ) -> None:
        dim, controls = whole("dim", dim, 1), whole("controls", controls, 0)
        if (function is None) == (linearize is None):
            raise ValueError(
                "give exactly one of function f(x, u) -> x' and linearize(x, u) -> (A, B, offset)"
            )
        varies = isinstance(noise, DynamicsNoise)
        if callable(noise) and not varies:
            raise ValueError(
                f"noise is {type(noise).__name__}: a bare function of the state is not taken for "
                "Q(x); give CallableProcessNoise(noise)"
            )
        root = None if varies else root_of(noise, covariance("noise", noise, dim))
        values = (root, noise if varies else None, dim, controls, linearize, function)
        names = ("root", "noise", "dim", "controls", "linearize", "function")
        for name, value in zip(names, values, strict=True):
            object.__setattr__(self, name, value)
        self._check()

    def mean(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "n"]:
        """Expected next state."""
        if self.function is not None:
            return self.function(state, control)
        assert self.linearize is not None
        along_state, along_control, offset = self.linearize(state, control)
        return along_state @ state + along_control @ control + offset

    def doubt(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "k"]:
        """None: the parameters are known."""
        del control
        return jnp.zeros(0, state.dtype)

    def local(
        self, state: Float[Array, "n"], control: Float[Array, "p"], parameters: Parameters
    ) -> Local:
        """First-order expansion at ``(state, control)``."""
        del parameters
        if self.function is not None:
            jacobians = jax.jacfwd(self.function, argnums=(0, 1))(state, control)
            along_state, along_control = jacobians
        else:
            assert self.linearize is not None
            along_state, along_control, _ = self.linearize(state, control)
        doubt = no_doubt(self.dim + self.controls, state.dtype)
        noise = self.noise_root(state)
        return Local(self.mean(state, control), along_state, along_control, noise, doubt)

    def noise_root(self, state: Float[Array, "n"]) -> Float[Array, "n n"]:
        """A root of the covariance of the process noise at ``state``."""
        if self.noise is None:
            assert self.root is not None
            return self.root
        return semidefinite_root(self.noise.covariance(state))

    def check_noise(self, state: Float[Array, "n"]) -> None:
        """ValueError where ``Q(x)`` is no covariance at this ``state``."""
        if self.noise is not None:
            covariance("noise Q(x)", self.noise.covariance(state), self.dim)

    def _check(self) -> None:
        n, p = self.dim, self.controls
        state, control = (jax.ShapeDtypeStruct((size,), jnp.float32) for size in (n, p))
        name = "function" if self.function is not None else "linearize"
        chosen: Any = self.function or self.linearize
        try:
            found = jax.eval_shape(chosen, state, control)
            width: Any = (
                None if self.noise is None else jax.eval_shape(self.noise.covariance, state)
            )
        except Exception as error:
            raise ValueError(
                f"{name} or noise could not be traced at a state of {n} and a control of {p} "
                f"({reason_of(error)}): write jax functions"
            ) from error
        wanted = (n,) if self.function is not None else ((n, n), (n, p), (n,))
        shapes = jax.tree.map(lambda x: tuple(x.shape), found)
        if shapes != wanted:
            raise ValueError(f"{name} returns the shapes {shapes}, but must return {wanted}")
        if self.noise is not None and tuple(width.shape) != (n, n):
            raise ValueError(
                f"noise returns a covariance of shape {tuple(width.shape)}, but dim={n} needs "
                f"({n}, {n})"
            )
