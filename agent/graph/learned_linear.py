"""The linear transition factor with unknown parameters: ``x' ~ N(A x + B u, W⁻¹)``."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax.numpy as jnp
from jaxtyping import Array, Float

from .check import positive, pytree, replaced, whole
from .check_model import of_kind
from .factor import Local, Parameters
from .gaussian import Belief
from .layer import Layer, layer_of
from .matrix_normal_wishart import MatrixNormalWishart, Statistics
from .pairs import Pairs, moments

if TYPE_CHECKING:
    from .factorised_density import FactorisedDensity
    from .factorised_linear import FactorisedLinear


def near_identity(
    dim: int, controls: int = 0, strength: float = 1e-2, noise: float = 0.1
) -> MatrixNormalWishart:
    """Prior centred on ``x' = x``: ``strength`` is the precision of each parameter in units of
    the noise, and ``noise`` the standard deviation that is expected of it, as weakly as can be."""
    dim = whole("dim", dim, 1)
    controls = whole("controls", controls, 0)
    positive("strength", strength)
    positive("noise", noise)
    return MatrixNormalWishart(
        mean=jnp.eye(dim, dim + controls),
        precision=strength * jnp.eye(dim + controls),
        inverse_scale=(dim + 2) * noise**2 * jnp.eye(dim),
        dof=dim + 2,
    )


@pytree("prior", "posterior", "layer")
@dataclass(frozen=True, init=False, eq=False)
class LearnedLinear:
    """``x' = A x + B u + ε`` with ``ε ~ N(0, W⁻¹)``; ``A``, ``B``, ``W`` are learned.

    ``posterior`` is matrix-normal-Wishart over ``M = [A B]`` ``(n, n + p)`` and ``W``
    ``(n, n)``; ``prior`` is what it was before any data.
    """

    prior: MatrixNormalWishart
    posterior: MatrixNormalWishart
    layer: Layer

    linear = True
    certain = False

    def __init__(
        self, dim: int, controls: int = 0, prior: MatrixNormalWishart | None = None
    ) -> None:
        dim, controls = whole("dim", dim, 1), whole("controls", controls, 0)
        prior = near_identity(dim, controls) if prior is None else prior
        of_kind("prior", prior, MatrixNormalWishart)
        if prior.mean.shape != (dim, dim + controls):
            raise ValueError(
                f"prior has a mean of shape {tuple(prior.mean.shape)}, but dim={dim} and "
                f"controls={controls} need ({dim}, {dim + controls}): [A B] side by side"
            )
        object.__setattr__(self, "prior", prior)
        object.__setattr__(self, "posterior", prior)
        object.__setattr__(self, "layer", layer_of(prior))

    @staticmethod
    def factorised(
        dim: int,
        controls: int = 0,
        prior: "FactorisedDensity | MatrixNormalWishart | None" = None,
    ) -> "FactorisedLinear":
        """The same factor under the posterior ``q(A) q(B) q(W)``; see :class:`FactorisedLinear`."""
        from .factorised_linear import FactorisedLinear

        return FactorisedLinear(dim, controls, prior)

    @property
    def dim(self) -> int:
        """Number ``n`` of state coordinates."""
        return self.layer.mean.shape[-2]

    @property
    def controls(self) -> int:
        """Number ``p`` of controls."""
        return self.layer.mean.shape[-1] - self.dim

    @property
    def A(self) -> Float[Array, "n n"]:
        """Posterior mean of the state's effect on the next state."""
        return self.layer.mean[..., : self.dim]

    @property
    def B(self) -> Float[Array, "n p"]:
        """Posterior mean of the control's effect on the next state."""
        return self.layer.mean[..., self.dim :]

    @property
    def W(self) -> Float[Array, "n n"]:
        """Expected precision of the process noise."""
        return self.posterior.expected_precision

    def mean(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "n"]:
        """Expected next state."""
        return self.layer.mean @ jnp.concatenate([state, control])

    def regressors(
        self, state: Float[Array, "n"], control: Float[Array, "p"]
    ) -> Float[Array, "n+p"]:
        """What the unknown ``[A B]`` multiplies."""
        return jnp.concatenate([state, control])

    def doubt(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "k"]:
        """Residues of the rows that uncertain parameters add."""
        return jnp.concatenate([state, control]) @ self.layer.doubt_root

    def local(
        self, state: Float[Array, "n"], control: Float[Array, "p"], parameters: Parameters
    ) -> Local:
        """The factor itself; linear, so that ``state`` and ``control`` shift the mean only."""
        z = jnp.concatenate([state, control])
        return Local(
            mean=self.layer.mean @ z,
            along_state=self.A,
            along_control=self.B,
            noise=self.layer.noise(z, parameters),
            doubt=self.layer.doubt(z, jnp.eye(z.shape[0], dtype=z.dtype), z, parameters),
        )

    def expected(
        self, pairs: Pairs, controls: Float[Array, "T p"], weights: Float[Array, "T"]
    ) -> Statistics:
        """Expected statistics of transitions, counted with ``weights``, about the mean.

        ``x' - A x - B u`` is what the noise pushed.
        """
        spread = jnp.zeros((*controls.shape, pairs.before.root.shape[2]), controls.dtype)
        z = Belief.of(
            jnp.concatenate([pairs.before.mean, controls], axis=1),
            jnp.concatenate([pairs.before.root, spread], axis=1),
        )
        return Statistics(
            moments(z, z, weights),
            moments(z, pairs.push, weights),
            moments(pairs.push, pairs.push, weights),
            weights.sum(),
        )

    def learned(self, statistics: Statistics) -> "LearnedLinear":
        """The factor whose posterior is ``prior`` times the likelihood of ``statistics``, which
        are centred on this factor's mean."""
        return self.believing(self.prior.updated(statistics, self.layer.mean))

    def believing(self, posterior: MatrixNormalWishart) -> "LearnedLinear":
        """The same factor with another posterior."""
        return replaced(self, posterior=posterior, layer=layer_of(posterior))

    def from_prior(self, prior: MatrixNormalWishart) -> "LearnedLinear":
        """The same factor with another prior; the posterior stays."""
        return replaced(self, prior=prior)

    def divergence(self) -> Float[Array, ""]:
        """KL divergence of the posterior from the prior."""
        return self.posterior.kl(self.prior)
