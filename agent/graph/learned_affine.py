"""Linear regression with unknown weights and noise, by the updates that transitions learn with."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .check import default_float, is_traced, pytree, replaced, store, whole
from .data import bucket
from .gaussian import Belief
from .layer import layer_of
from .learned_features import small_weights
from .matrix_normal_wishart import MatrixNormalWishart, Statistics
from .precise import compiled


class AffineReport(NamedTuple):
    """``evidence``: log density of the learned outputs under what was known before, in nats;
    ``count``: the number of rows of which nothing was missing."""

    evidence: Float[Array, ""]
    count: Float[Array, ""]

    @property
    def free_energy(self) -> Float[Array, ""]:
        """Negative log evidence: the posterior is exact."""
        return -self.evidence


@pytree("prior", "posterior", static=("inputs", "controls", "intercept"))
@dataclass(frozen=True, init=False, eq=False)
class LearnedAffine:
    """``y = A x + B u + offset + ε`` with ``ε ~ N(0, W⁻¹)``, of which all but ``W`` maps ``z``.

    ``x`` has ``inputs``, ``y`` ``outputs`` and ``u`` ``controls`` coordinates, all of them seen;
    there is an ``offset`` where ``intercept`` says so. ``z`` is ``[x u 1]``, as far as there is
    each, of ``k`` numbers. ``posterior`` is matrix-normal-Wishart over ``[A B offset]``
    ``(outputs, k)`` and ``W`` ``(outputs, outputs)``; ``prior`` is what it was before any data, by
    default weights around zero.

    Batches are ``(T, inputs)``, ``(T, outputs)``, ``(T, controls)``, of which one column may be
    given as ``(T,)``. A row with a NaN in it is left out. Raises ValueError where shapes do not
    fit or numbers are infinite.
    """

    prior: MatrixNormalWishart
    posterior: MatrixNormalWishart
    inputs: int
    controls: int
    intercept: bool

    def __init__(
        self,
        inputs: int,
        outputs: int,
        prior: MatrixNormalWishart | None = None,
        *,
        controls: int = 0,
        intercept: bool = False,
    ) -> None:
        inputs, outputs = whole("inputs", inputs, 1), whole("outputs", outputs, 1)
        controls = whole("controls", controls, 0)
        k = inputs + controls + bool(intercept)
        prior = small_weights(outputs, k) if prior is None else prior
        if prior.mean.shape != (outputs, k):
            raise ValueError(
                f"prior has a mean of the shape {tuple(prior.mean.shape)}, but {outputs} outputs "
                f"of {k} regressors need ({outputs}, {k}): [A B offset] side by side"
            )
        sizes = {"inputs": inputs, "controls": controls, "intercept": bool(intercept)}
        store(self, prior=prior, posterior=prior, **sizes)

    @property
    def outputs(self) -> int:
        """Number of coordinates of ``y``."""
        return self.posterior.mean.shape[-2]

    @property
    def A(self) -> Float[Array, "outputs inputs"]:
        """Posterior mean of the effect of ``x``."""
        return self.posterior.mean[..., : self.inputs]

    @property
    def B(self) -> Float[Array, "outputs controls"]:
        """Posterior mean of the effect of ``u``."""
        return self.posterior.mean[..., self.inputs : self.inputs + self.controls]

    @property
    def offset(self) -> Float[Array, "outputs"]:
        """Posterior mean of the output at ``x = 0``, ``u = 0``; zero without ``intercept``."""
        mean = self.posterior.mean
        return mean[..., -1] if self.intercept else jnp.zeros_like(mean[..., -1])

    @property
    def W(self) -> Float[Array, "outputs outputs"]:
        """Expected precision of the noise."""
        return self.posterior.expected_precision

    def learn(
        self, x: Any, y: Any, u: Any = None, forgetting: float = 1.0
    ) -> "tuple[LearnedAffine, AffineReport]":
        """What is known after a batch as well: batch after batch comes to what all at once do.

        ``forgetting`` times the certainty there was counts, the rest is forgotten.
        """
        if not 0 < forgetting <= 1:
            raise ValueError(
                f"forgetting is {forgetting}: it must be above 0, and 1 forgets nothing"
            )
        z, y = self._batch(x, y, u)
        before = self.posterior
        if forgetting < 1:
            known = before.faded(self.prior, forgetting)
            assert isinstance(known, MatrixNormalWishart)
            before = known
        posterior, report = _learn(before, z, y)
        return self.believing(posterior), report

    def evidence(self, x: Any, y: Any, u: Any = None) -> Float[Array, ""]:
        """Log density of all outputs given the inputs, under the posterior, in nats."""
        return _learn(self.posterior, *self._batch(x, y, u))[1].evidence

    def predict(self, x: Any, u: Any = None) -> Belief:
        """Mean and covariance of the output of each row by itself, stacked ``(T, outputs)``.

        They are those of a Student t of ``dof - outputs + 1`` degrees of freedom, whose covariance
        exists from ``outputs + 2`` ``dof`` on; below, that of so many is taken.
        """
        z = self._regressors(x, u)
        if not is_traced(z) and np.isnan(z).any():
            row = int(np.argwhere(np.isnan(z))[0][0])
            raise ValueError(f"x or u has NaN in row {row}: nothing can be predicted; leave it out")
        belief = _predict(self.posterior, _padded(z))
        return jax.tree.map(lambda leaf: leaf[: z.shape[0]], belief)

    def believing(self, posterior: MatrixNormalWishart) -> "LearnedAffine":
        """The same regression with another posterior."""
        return replaced(self, posterior=posterior)

    def divergence(self) -> Float[Array, ""]:
        """KL divergence of the posterior from the prior."""
        return self.posterior.kl(self.prior)

    def _batch(self, x: Any, y: Any, u: Any) -> tuple[Any, Any]:
        z, y = self._regressors(x, u), _columns("y", y, self.outputs)
        if y.shape[0] != z.shape[0]:
            raise ValueError(f"x has {z.shape[0]} rows, but y {y.shape[0]}: give as many of each")
        return _padded(z), _padded(y)

    def _regressors(self, x: Any, u: Any) -> Any:
        parts = [_columns("x", x, self.inputs)]
        if (u is None) == bool(self.controls):
            raise ValueError(
                f"u is {'missing' if u is None else 'given'}, but controls={self.controls}: "
                f"{'give an array' if u is None else 'leave it out, or make a regression with it'}"
            )
        if u is not None:
            parts.append(_columns("u", u, self.controls))
            if parts[1].shape[0] != parts[0].shape[0]:
                raise ValueError(
                    f"x has {parts[0].shape[0]} rows, but u {parts[1].shape[0]}: give as many of "
                    "each"
                )
        if self.intercept:
            parts.append(np.ones((parts[0].shape[0], 1), parts[0].dtype))
        array = jnp if any(map(is_traced, parts)) else np
        return array.concatenate(parts, axis=1)


@compiled
def _learn(before: MatrixNormalWishart, z: Array, y: Array):
    """Posterior and report; a second pass about the mean that was found holds float32."""
    told = ~(jnp.isnan(z).any(1) | jnp.isnan(y).any(1))
    z, y = jnp.where(told[:, None], z, 0.0), jnp.where(told[:, None], y, 0.0)

    def about(centre):
        e = y - z @ centre.T
        return Statistics(z.T @ z, z.T @ e, e.T @ e, told.sum().astype(z.dtype))

    centre = before.updated(about(before.mean), before.mean).mean
    statistics = about(centre)
    after = before.updated(statistics, centre)
    evidence = after.expected_log_likelihood(statistics, centre) - after.kl(before)
    return after, AffineReport(evidence, statistics.count)


@compiled
def _predict(posterior: MatrixNormalWishart, z: Array) -> Belief:
    layer = layer_of(posterior)
    return Belief.of(z @ layer.mean.T, jax.vmap(lambda row: layer.noise(row, "predictive"))(z))


def _columns(name: str, value: Any, size: int) -> Any:
    """``value`` as floats ``(T, size)``, of which NaN are missing."""
    try:
        array = value if is_traced(value) else np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is no array of numbers ({error}): give rows of {size}") from None
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} has the type {array.dtype}: give real numbers, NaN for missing")
    array = array.astype(default_float())
    array = array[:, None] if array.ndim == 1 and size == 1 else array
    if array.ndim != 2 or array.shape[1] != size:
        raise ValueError(
            f"{name} has the shape {array.shape}, but each of its rows must have {size} numbers: "
            f"give (T, {size})"
        )
    if not is_traced(array) and np.isinf(array).any():
        row = int(np.argwhere(np.isinf(array))[0][0])
        raise ValueError(
            f"{name} is infinite in row {row}: nothing follows from it; give NaN where it is "
            "missing"
        )
    return array


def _padded(rows: Any) -> Any:
    """With rows of NaN up to a length for which a function is compiled once."""
    array = jnp if is_traced(rows) else np
    spare = bucket(rows.shape[0]) - rows.shape[0]
    return array.pad(rows, ((0, spare), (0, 0)), constant_values=np.nan)
