"""The nonlinear transition factor: second-order motion with a conjugate last layer."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .features import PolynomialFeatures


class Linearisation(NamedTuple):
    """A transition near one point: ``x' ≈ mean + along_state dx + along_control du``.

    ``ignorance`` ``(k,)`` has the square ``φᵀVφ``, and ``ignorance_slope`` ``(k, n + p)`` is its
    Jacobian in state and control.
    """

    mean: Float[Array, "n"]
    along_state: Float[Array, "n n"]
    along_control: Float[Array, "n p"]
    ignorance: Float[Array, "k"]
    ignorance_slope: Float[Array, "k n+p"]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["features", "weights", "weight_root", "noise_root", "drift", "drift_std"],
    meta_fields=[],
)
@dataclass(frozen=True)
class LearnedFeatures:
    """``v' = v + δ + Wᵀφ(p, v, u) + ε``, ``p' = p + v'``, ``δ' = ρδ + ε'``.

    The state ``(p, v, δ)`` holds a pose, its change per tick, and a slowly varying disturbance
    that absorbs what the features cannot express; each has ``d`` coordinates. The posterior of
    the last layer is matrix-normal: mean ``weights`` ``(k, d)``, covariance
    ``weight_root weight_rootᵀ`` ``(k, k)`` between features, and the process noise
    ``noise_root noise_rootᵀ`` ``(d, d)`` between coordinates. ``drift`` is ρ and ``drift_std``
    ``(d,)`` the standard deviation of ε'.
    """

    features: PolynomialFeatures
    weights: Float[Array, "k d"]
    weight_root: Float[Array, "k k"]
    noise_root: Float[Array, "d d"]
    drift: Float[Array, ""]
    drift_std: Float[Array, "d"]

    @property
    def poses(self) -> int:
        """Dimension ``d`` of the pose."""
        return self.weights.shape[1]

    @property
    def states(self) -> int:
        """Dimension ``3 d`` of the state."""
        return 3 * self.poses

    def phi(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "k"]:
        """The features that ``state`` and ``control`` excite."""
        return self.features(jnp.concatenate([state[: 2 * self.poses], control]))

    def mean(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "n"]:
        """Expected next state."""
        return self.advance(state, self.phi(state, control))

    def advance(self, state: Float[Array, "n"], phi: Float[Array, "k"]) -> Float[Array, "n"]:
        """Expected next state, from features that are already at hand."""
        pose, velocity, disturbance = jnp.split(state, 3)
        velocity = velocity + disturbance + phi @ self.weights
        return jnp.concatenate([pose + velocity, velocity, self.drift * disturbance])

    def ignorance(self, phi: Float[Array, "k"]) -> Float[Array, "k"]:
        """``r`` with ``|r|² = φᵀVφ``: how much the uncertain weights widen the prediction."""
        return phi @ self.weight_root

    def linearise(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Linearisation:
        """First-order expansion at ``(state, control)``; the features are differentiated once."""
        d, p = self.poses, control.shape[0]
        inputs = jnp.concatenate([state[: 2 * d], control])
        phi, tangents = self.features(inputs), jax.jacfwd(self.features)(inputs)
        push = self.weights.T @ tangents
        one, zero = jnp.eye(d, dtype=push.dtype), jnp.zeros((d, d), push.dtype)
        velocity = jnp.concatenate([push[:, :d], one + push[:, d : 2 * d], one], axis=1)
        pose = velocity.at[:, :d].add(one)
        disturbance = jnp.concatenate([zero, zero, self.drift * one], axis=1)
        turn = push[:, 2 * d :]
        slope = self.weight_root.T @ tangents
        blind = jnp.zeros((slope.shape[0], d), slope.dtype)
        return Linearisation(
            mean=self.advance(state, phi),
            along_state=jnp.concatenate([pose, velocity, disturbance]),
            along_control=jnp.concatenate([turn, turn, jnp.zeros((d, p), turn.dtype)]),
            ignorance=self.ignorance(phi),
            ignorance_slope=jnp.concatenate([slope[:, : 2 * d], blind, slope[:, 2 * d :]], axis=1),
        )

    def noise_columns(self, phi: Float[Array, "k"]) -> Float[Array, "n m"]:
        """Columns whose outer product is the covariance of the next state given this one.

        ε has covariance ``(1 + φᵀVφ) Q``, the predictive of the matrix-normal posterior; it
        enters velocity and pose alike.
        """
        d = self.poses
        widened = self.noise_root * jnp.sqrt(1 + jnp.sum(self.ignorance(phi) ** 2))
        zero = jnp.zeros((d, d), widened.dtype)
        moved = jnp.concatenate([widened, widened, zero])
        drifted = jnp.concatenate([zero, zero, jnp.diag(self.drift_std)])
        return jnp.concatenate([moved, drifted], axis=1)
