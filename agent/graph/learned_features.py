"""The nonlinear transition factor: known features with a conjugate last layer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .check import positive, pytree, reason_of, replaced, whole
from .check_model import of_kind
from .factor import Local, Parameters
from .layer import Layer, layer_of
from .matrix_normal_wishart import MatrixNormalWishart, Statistics
from .pairs import Pairs, sigma_points
from .skeleton import Skeleton, direct


@pytree(static=("function",))
@dataclass(frozen=True)
class FeatureFunction:
    """A plain jax function of the inputs ``(i,)`` as features."""

    function: Callable[[Array], Array]

    def __call__(self, inputs: Float[Array, "i"]) -> Float[Array, "k"]:
        return self.function(inputs)


@pytree("features", "prior", "posterior", "layer", "skeleton", static=("dim", "controls", "seen"))
@dataclass(frozen=True, init=False, eq=False)
class LearnedFeatures:
    """``x' = M φ(x, u) + ε`` with ``ε ~ N(0, W⁻¹)``; the last layer ``M``, ``W`` is learned.

    ``features`` maps the first ``seen`` coordinates of the state (all, unless told otherwise)
    and the control, side by side, to ``k`` numbers: a jax function, or a pytree that can be
    called, such as :class:`PolynomialFeatures` or a network. With a ``skeleton`` the layer's
    output enters the next state as that says. ``posterior`` is matrix-normal-Wishart over ``M``
    ``(d, k)`` and ``W`` ``(d, d)``; ``prior`` is what it was before any data.
    """

    features: Callable[[Array], Array]
    prior: MatrixNormalWishart
    posterior: MatrixNormalWishart
    layer: Layer
    skeleton: Skeleton
    dim: int
    controls: int
    seen: int

    linear = False
    certain = False

    def __init__(
        self,
        dim: int,
        features: Callable[[Array], Array],
        controls: int = 0,
        prior: MatrixNormalWishart | None = None,
        skeleton: Skeleton | None = None,
        seen: int | None = None,
    ) -> None:
        dim, controls = whole("dim", dim, 1), whole("controls", controls, 0)
        seen = dim if seen is None else _seen(seen, dim)
        skeleton = direct(dim) if skeleton is None else _fitting(skeleton, dim)
        if not _is_pytree(features):
            features = FeatureFunction(features)
        count = _count(features, seen + controls)
        outputs = skeleton.entry.shape[1]
        prior = small_weights(outputs, count) if prior is None else prior
        of_kind("prior", prior, MatrixNormalWishart)
        if prior.mean.shape != (outputs, count):
            raise ValueError(
                f"prior has a mean of shape {tuple(prior.mean.shape)}, but {count} features and "
                f"{outputs} outputs need ({outputs}, {count})"
            )
        values = (features, prior, prior, layer_of(prior), skeleton, dim, controls, seen)
        names = ("features", "prior", "posterior", "layer", "skeleton", "dim", "controls", "seen")
        for name, value in zip(names, values, strict=True):
            object.__setattr__(self, name, value)

    @property
    def W(self) -> Float[Array, "d d"]:
        """Expected precision of the layer's noise."""
        return self.posterior.expected_precision

    @property
    def outputs(self) -> int:
        """Number ``d`` of the layer's outputs."""
        return self.layer.mean.shape[-2]

    def phi(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "k"]:
        """The features that ``state`` and ``control`` excite."""
        return self.features(jnp.concatenate([state[: self.seen], control]))

    def mean(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "n"]:
        """Expected next state."""
        return self.advance(state, self.phi(state, control))

    def advance(self, state: Float[Array, "n"], phi: Float[Array, "k"]) -> Float[Array, "n"]:
        """Expected next state, from features that are already at hand."""
        push = self.skeleton.entry @ self.layer.mean
        both = jnp.concatenate([self.skeleton.along, push], axis=1)
        return both @ jnp.concatenate([state, phi])

    def regressors(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "k"]:
        """What the unknown ``M`` multiplies."""
        return self.phi(state, control)

    def doubt(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "k"]:
        """Residues of the rows that uncertain parameters add."""
        return self.phi(state, control) @ self.layer.doubt_root

    def local(
        self, state: Float[Array, "n"], control: Float[Array, "p"], parameters: Parameters
    ) -> Local:
        """First-order expansion; the features are differentiated once."""
        inputs = jnp.concatenate([state[: self.seen], control])
        phi, slope = self.features(inputs), jax.jacfwd(self.features)(inputs)
        push = self.skeleton.entry @ (self.layer.mean @ slope)
        unseen = [(0, 0), (0, self.dim - self.seen)]
        noise = self.skeleton.entry @ self.layer.noise(phi, parameters)
        doubt = self.layer.doubt(phi, slope, inputs, parameters)
        around = [jnp.pad(doubt.matrix[:, : self.seen], unseen), doubt.matrix[:, self.seen :]]
        return Local(
            mean=self.advance(state, phi),
            along_state=self.skeleton.along + jnp.pad(push[:, : self.seen], unseen),
            along_control=push[:, self.seen :],
            noise=jnp.concatenate([noise, self.skeleton.extra], axis=1),
            doubt=doubt._replace(matrix=jnp.concatenate(around, axis=1)),
        )

    def expected(
        self, pairs: Pairs, controls: Float[Array, "T p"], weights: Float[Array, "T"]
    ) -> Statistics:
        """Expected statistics of transitions, counted with ``weights``, about the mean.

        Expectations by spherical cubature of degree three (Arasaratnam and Haykin, 2009) over
        each pair of states.
        """

        def points(pair: Pairs, control):
            states, after = sigma_points(pair.before), sigma_points(pair.after)
            phi = jax.vmap(lambda state: self.phi(state, control))(states)
            output = (after - states @ self.skeleton.along.T) @ self.skeleton.reader.T
            return phi, output - phi @ self.layer.mean.T

        phi, miss = jax.vmap(points)(pairs, controls)
        share = weights / phi.shape[1]
        return Statistics(
            jnp.einsum("tsi,tsj,t->ij", phi, phi, share),
            jnp.einsum("tsi,tsj,t->ij", phi, miss, share),
            jnp.einsum("tsi,tsj,t->ij", miss, miss, share),
            weights.sum(),
        )

    def learned(self, statistics: Statistics) -> "LearnedFeatures":
        """The factor whose posterior is ``prior`` times the likelihood of ``statistics``, which
        are centred on this factor's mean."""
        return self.believing(self.prior.updated(statistics, self.layer.mean))

    def believing(self, posterior: MatrixNormalWishart) -> "LearnedFeatures":
        """The same factor with another posterior."""
        return replaced(self, posterior=posterior, layer=layer_of(posterior))

    def from_prior(self, prior: MatrixNormalWishart) -> "LearnedFeatures":
        """The same factor with another prior; the posterior stays."""
        return replaced(self, prior=prior)

    def divergence(self) -> Float[Array, ""]:
        """KL divergence of the posterior from the prior."""
        return self.posterior.kl(self.prior)


def small_weights(
    outputs: int, features: int, strength: float = 1e-2, noise: float = 0.1
) -> MatrixNormalWishart:
    """Prior centred on a layer that puts out zero: ``strength`` is the precision of each weight
    in units of the noise, ``noise`` the standard deviation that is expected of it."""
    positive("strength", strength)
    positive("noise", noise)
    return MatrixNormalWishart(
        mean=jnp.zeros((outputs, features)),
        precision=strength * jnp.eye(features),
        inverse_scale=(outputs + 2) * noise**2 * jnp.eye(outputs),
        dof=outputs + 2,
    )


def _seen(seen: Any, dim: int) -> int:
    seen = whole("seen", seen, 1)
    if seen > dim:
        raise ValueError(
            f"seen is {seen}, but the state has {dim} coordinates: there are no more to look at; "
            f"give at most {dim}"
        )
    return seen


def _fitting(skeleton: Any, dim: int) -> Skeleton:
    of_kind("skeleton", skeleton, Skeleton)
    rows = [np.shape(part)[:1] for part in (skeleton.along, skeleton.entry, skeleton.extra)]
    if rows != [(dim,)] * 3 or np.shape(skeleton.reader)[1:] != (dim,):
        raise ValueError(
            f"skeleton has the shapes {[np.shape(part) for part in skeleton]}: it is of another "
            f"state; give along, entry and extra of {dim} rows, and a reader of {dim} columns"
        )
    return skeleton


def _is_pytree(value) -> bool:
    """Whether jax looks into ``value``, instead of taking it as a leaf."""
    return not jax.tree_util.treedef_is_leaf(jax.tree_util.tree_structure(value))


def _count(features, inputs: int) -> int:
    try:
        shape = jax.eval_shape(features, jax.ShapeDtypeStruct((inputs,), jnp.float32)).shape
    except Exception as error:
        raise ValueError(
            f"features could not be traced at {inputs} inputs "
            f"({reason_of(error)}): write a jax function of one vector"
        ) from error
    if len(shape) != 1:
        raise ValueError(
            f"features of a vector of {inputs} have shape {shape}, but must be a vector: "
            "flatten them"
        )
    return shape[0]
