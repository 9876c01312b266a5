"""Rest: the control that keeps the body where it is, inferred from the transition factor."""

from typing import NamedTuple

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
    d = transition.outputs
    middle = 0.5 * (low + high)
    half = 0.5 * (high - low)
    local = transition.local(state, middle, "point")
    moved = slice(d, 2 * d)  # what is left to explain: the change of the velocity
    whiten = jnp.linalg.solve(transition.layer.noise_root, jnp.eye(d, dtype=state.dtype))
    effect = whiten @ (local.along_control[moved] * half)
    change = whiten @ (local.mean - state)[moved]
    ridge = 1e-6 * jnp.trace(effect.T @ effect) * jnp.eye(half.shape[0], dtype=state.dtype)
    share = -jnp.linalg.solve(effect.T @ effect + ridge, effect.T @ change)
    control = jnp.clip(middle + half * share, low, high)
    return Holding(control, jnp.max(jnp.abs(share)))
