"""Rest: the control that keeps the body where it is, inferred from the transition factor."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .learned_features import LearnedFeatures


class Holding(NamedTuple):
    """``control`` ``(p,)`` that holds a state best, within the limits; ``effort`` is the control
    that it would take, as a multiple of the limits' half range: above 1 it cannot be held."""

    control: Float[Array, "p"]
    effort: Float[Array, ""]


def holding_control(
    transition: LearnedFeatures,
    state: Float[Array, "n"],
    low: Float[Array, "p"],
    high: Float[Array, "p"],
) -> Holding:
    """Posterior mode of the control given that ``state`` follows upon itself.

    The transition is affine in the control up to its own curvature, so one linearisation at the
    middle of the limits gives the weighted least-squares solution.
    """
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    change, effect = _at(transition, state, middle, half)
    share = -jnp.linalg.solve(_normal(effect), effect.T @ change)
    control = jnp.clip(middle + half * share, low, high)
    return Holding(control, jnp.max(jnp.abs(share)))


def effort_std(
    transition: LearnedFeatures,
    state: Float[Array, "n"],
    pose_cov: Float[Array, "d d"],
    low: Float[Array, "p"],
    high: Float[Array, "p"],
) -> Float[Array, ""]:
    """Standard deviation of the effort that holding takes: what is doubted of the pose, with the
    covariance ``pose_cov``, and of the transition's parameters. To first order in both."""
    d, middle, half = transition.outputs, 0.5 * (low + high), 0.5 * (high - low)

    def effort(pose):
        holding = holding_control(transition, state.at[:d].set(pose), low, high)
        return holding.effort, holding.control

    slope, control = jax.grad(effort, has_aux=True)(state[:d])
    _, effect = _at(transition, state, middle, half)
    doubted = jnp.sum(transition.doubt(state, control) ** 2) / d  # of each, in units of the noise
    shares = doubted * jnp.diag(jnp.linalg.inv(_normal(effect)))
    return jnp.sqrt(slope @ pose_cov @ slope + jnp.max(shares))


def _at(transition, state, control, half):
    """The change of the velocity and how the controls act on it, in sigmas of the noise."""
    d = transition.outputs
    local = transition.local(state, control, "point")
    moved = slice(d, 2 * d)
    whiten = jnp.linalg.solve(transition.layer.noise_root, jnp.eye(d, dtype=state.dtype))
    return whiten @ (local.mean - state)[moved], whiten @ (local.along_control[moved] * half)


def _normal(effect: Float[Array, "d p"]) -> Float[Array, "p p"]:
    square = effect.T @ effect
    return square + 1e-6 * jnp.trace(square) * jnp.eye(square.shape[0], dtype=square.dtype)
