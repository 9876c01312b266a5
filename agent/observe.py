"""Filters one frame of the agent's own camera."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, UInt8

from .graph.filter import filter_step
from .graph.gaussian import Belief
from .graph.square_root import free_root
from .model import INFERENCE, Model

STRUCK = 6.0  # sigmas: no noise is as surprising


def observe(
    model: Model,
    belief: Belief,
    view: UInt8[Array, "height width channels"],
    control: Float[Array, "p"],
    first: Bool[Array, ""],
    seen: Bool[Array, ""],
) -> tuple[Belief, Float[Array, ""]]:
    """Filter one frame: predict through the applied control, then multiply with the message.

    Where the frame is more surprising than noise can be, something has struck the body: it is
    filtered again with a velocity that is as little known as at the start, lest the slow
    disturbance take the blow for its own.
    """
    system, data = model.watchful(), model.seen(view, seen)
    told = filter_step(system, INFERENCE, belief, control, data, first)
    surprise = jnp.sqrt(jnp.mean(told.surprise**2))

    def again():
        d = model.transition.outputs
        anything = system.prior.root[:, d : 2 * d]
        root = free_root(jnp.concatenate([belief.root, anything], axis=1))
        struck = Belief.of(belief.mean, root)
        return filter_step(system, INFERENCE, struck, control, data, first).belief

    strange = (surprise > STRUCK) & ~first
    return jax.lax.cond(strange, again, lambda: told.belief), surprise
