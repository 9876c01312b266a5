"""The linear transition factor under a posterior in which all parameters are independent.

Learning is coordinate ascent on the evidence bound of ``q(x) q(A) q(B) q(W)`` (Beal, Variational
algorithms for approximate Bayesian inference, 2003, chapter 5; Şenöz, van de Laar, Bagaev and
de Vries, 2021): each of the three in turn is its prior times what the statistics say under the
other two. It costs ``n⁶``, the matrix-normal-Wishart posterior ``n³``.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from jax.scipy.linalg import block_diag
from jaxtyping import Array, Float

from .check import pytree, replaced, store, unchecked, whole
from .check_model import of_kind
from .expected_free_energy import parameter_information_gain
from .factor import Local, Parameters
from .factorised_density import FactorisedDensity, symmetric
from .layer import Layer
from .learned_linear import LearnedLinear, near_identity
from .matrix_normal_wishart import MatrixNormalWishart, Statistics
from .square_root import free_root, inverse_of_lower, lower_root
from .wishart import Wishart


@pytree("prior", "posterior", "layer", "columns")
@dataclass(frozen=True, init=False, eq=False)
class FactorisedLinear(LearnedLinear):
    """``x' = A x + B u + ε`` with ``ε ~ N(0, W⁻¹)``, all of whose parameters are independent.

    ``prior`` and ``posterior`` are :class:`FactorisedDensity`; a :class:`MatrixNormalWishart` as
    prior counts for the one that is like it. ``columns`` ``(n, n + p, r)`` are a root of the
    covariance of ``[A B]``.
    """

    prior: FactorisedDensity  # type: ignore[assignment]
    posterior: FactorisedDensity  # type: ignore[assignment]
    layer: Layer
    columns: Float[Array, "n k r"]

    def __init__(
        self,
        dim: int,
        controls: int = 0,
        prior: FactorisedDensity | MatrixNormalWishart | None = None,
    ) -> None:
        dim, controls = whole("dim", dim, 1), whole("controls", controls, 0)
        prior = near_identity(dim, controls) if prior is None else prior
        of_kind("prior", prior, FactorisedDensity, MatrixNormalWishart)
        if prior.mean.shape != (dim, dim + controls):
            raise ValueError(
                f"prior has [A B] of shape {tuple(prior.mean.shape)}, but dim={dim} and "
                f"controls={controls} need ({dim}, {dim + controls})"
            )
        density = prior if isinstance(prior, FactorisedDensity) else FactorisedDensity.like(prior)
        layer, columns = _layer_of(density)
        store(self, prior=density, posterior=density, layer=layer, columns=columns)

    def local(
        self, state: Float[Array, "n"], control: Float[Array, "p"], parameters: Parameters
    ) -> Local:
        """The factor itself; the predictive noise is widened by the covariance of ``[A B] z``."""
        local = super().local(state, control, parameters)
        if parameters != "predictive":
            return local
        push = jnp.einsum("ijr,j->ir", self.columns, jnp.concatenate([state, control]))
        noise = jnp.concatenate([self.layer.predictive_root, push], axis=1)
        return local._replace(noise=free_root(noise))

    def learned(self, statistics: Statistics) -> "FactorisedLinear":
        """One sweep, ``q(A)``, ``q(B)``, ``q(W)``, by ``statistics`` about this factor's mean.

        Rounding of the sums of squares is added to the scatter, as in
        :meth:`MatrixNormalWishart.updated`.
        """
        prior, now, n = self.prior, self.posterior, self.dim
        noise = symmetric(now.expected_precision)
        features, cross = symmetric(statistics.features), statistics.cross
        A = prior.A.updated(noise, features[:n, :n], cross[:n], now.A.mean)
        rest = cross[n:] - features[n:, :n] @ (A.mean - now.A.mean).T
        B = prior.B.updated(noise, features[n:, n:], rest, now.B.mean)
        step = jnp.concatenate([A.mean - now.A.mean, B.mean - now.B.mean], axis=1)
        left = statistics.moved(step).residual
        rounding = 4 * features.shape[0] * jnp.finfo(left.dtype).eps
        left = left + rounding * jnp.diag(jnp.diag(statistics.residual))
        left = left + A.scatter(features[:n, :n]) + B.scatter(features[n:, n:])
        wishart = Wishart.of(
            prior.wishart.dof + statistics.count, symmetric(prior.wishart.inverse_scale + left)
        )
        return self.believing(unchecked(FactorisedDensity, A=A, B=B, wishart=wishart))

    def believing(self, posterior: FactorisedDensity) -> "FactorisedLinear":  # type: ignore[override]
        """The same factor with another posterior."""
        layer, columns = _layer_of(posterior)
        return replaced(self, posterior=posterior, layer=layer, columns=columns)

    def information_gain(self, regressors: Float[Array, "H n+p"]) -> Float[Array, "H"]:
        """Nats that the steps with these ``regressors`` tell of ``[A B]``, each given those before.

        Of a transition that is seen with the expected noise: one trial for each of its rows.
        """
        H, n = regressors.shape[0], self.dim
        white = inverse_of_lower(self.layer.noise_root)
        rows = [
            jnp.einsum("si,tj->tsij", white, part).reshape(H * n, n * part.shape[1])
            for part in (regressors[:, :n], regressors[:, n:])
        ]
        roots = (jnp.linalg.cholesky(x.precision) for x in (self.posterior.A, self.posterior.B))
        gains = parameter_information_gain(jnp.concatenate(rows, axis=1), block_diag(*roots), 1)
        return gains.reshape(H, n).sum(1)


def _layer_of(density: FactorisedDensity) -> tuple[Layer, Float[Array, "n k r"]]:
    """The layer that ``density`` stands for, and a root of the covariance of ``[A B]``.

    The uncertainty of ``A`` adds ``xᵀ T x`` to the expected squared error, with ``T`` the sum of
    ``E[W]_ij Cov(a_i, a_j)`` over its rows; that of ``B`` likewise.
    """
    wishart, n = density.wishart, density.wishart.ndim
    scatter = jnp.linalg.cholesky(wishart.inverse_scale)
    noise = scatter / jnp.sqrt(wishart.dof)
    white = inverse_of_lower(noise)
    columns = [part.columns() for part in (density.A, density.B)]
    inflow = [jnp.einsum("si,ijr->jsr", white, x) for x in columns]
    roots = [lower_root(x.reshape(x.shape[0], x.shape[1] * x.shape[2])) for x in inflow]
    layer = Layer(
        mean=density.mean,
        doubt_root=block_diag(*roots),
        noise_root=noise,
        predictive_root=scatter / jnp.sqrt(jnp.maximum(wishart.dof - n - 1, 1.0)),
        log_scale=0.5 * wishart.expected_logdet + jnp.log(jnp.diag(noise)).sum(),
    )
    first, second = columns[0].shape[2], columns[1].shape[2]
    wide = [
        jnp.pad(columns[0], ((0, 0), (0, 0), (0, second))),
        jnp.pad(columns[1], ((0, 0), (0, 0), (first, 0))),
    ]
    return layer, jnp.concatenate(wide, axis=1)
