"""What a transition factor has to say, whichever it is."""

from typing import Any, Literal, NamedTuple, Protocol

import jax.numpy as jnp
from jaxtyping import Array, Float

from .rows import Rows

Parameters = Literal["variational", "predictive", "point"]


class Local(NamedTuple):
    """A transition near one point: ``x' = mean + along_state dx + along_control du + noise w``.

    ``mean`` ``(n,)``, ``along_state`` ``(n, n)``, ``along_control`` ``(n, p)``, ``noise``
    ``(n, q)`` columns for ``w ~ N(0, I)``. ``doubt`` are rows about ``(x, u)``, ``(k, n + p)``:
    what the parameters' uncertainty costs in the variational treatment.
    """

    mean: Float[Array, "n"]
    along_state: Float[Array, "n n"]
    along_control: Float[Array, "n p"]
    noise: Float[Array, "n q"]
    doubt: Rows


class Transition(Protocol):
    """A transition factor ``p(x' | x, u)``.

    ``dim`` n and ``controls`` p are its sizes; ``linear`` says that ``local`` is the same
    everywhere, up to its mean (and to the noise that uncertain parameters add); ``certain`` says
    that there are no uncertain parameters.
    """

    @property
    def dim(self) -> int: ...
    @property
    def controls(self) -> int: ...
    @property
    def linear(self) -> bool: ...
    @property
    def certain(self) -> bool: ...

    def mean(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "n"]:
        """Expected next state."""
        ...

    def doubt(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "k"]:
        """Residues of the rows about ``(x, u)`` that uncertain parameters add."""
        ...

    def local(
        self, state: Float[Array, "n"], control: Float[Array, "p"], parameters: Parameters
    ) -> Local:
        """First-order expansion at ``(state, control)``, with parameters treated as named."""
        ...


class Learnable(Transition, Protocol):
    """A transition whose parameters are learned; its ``prior`` and ``posterior`` are densities."""

    prior: Any
    posterior: Any

    def regressors(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "k"]:
        """What the unknown matrix multiplies."""
        ...

    def expected(
        self, pairs: Any, controls: Float[Array, "T p"], weights: Float[Array, "T"]
    ) -> Any:
        """Expected statistics of transitions, counted with ``weights``, about the mean."""
        ...

    def learned(self, statistics: Any) -> "Learnable":
        """The factor whose posterior is ``prior`` times the likelihood of ``statistics``."""
        ...

    def from_prior(self, prior: Any) -> "Learnable":
        """The same factor with another prior; the posterior stays."""
        ...

    def divergence(self) -> Float[Array, ""]:
        """KL divergence of the posterior from the prior."""
        ...


def no_doubt(size: int, dtype) -> Rows:
    """No rows: the parameters are known, or their uncertainty is in the noise."""
    return Rows(jnp.zeros((0, size), dtype), jnp.zeros(0, dtype), jnp.zeros((), dtype))
