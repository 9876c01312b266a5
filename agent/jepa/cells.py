"""Recurrent cells: what an action makes of a latent state."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .layers import Dense, Layers, dense, layers, through

_FIRST_CHANGE = 0.1  # of what a random residual network would add


class ResidualCell(NamedTuple):
    """``state + network(state, scene, action)``; the scene, which does not move, is given apart."""

    network: Layers

    def __call__(
        self,
        state: Float[Array, "many moving"],
        scene: Float[Array, "many scene"],
        action: Float[Array, "many embedding"],
    ) -> Float[Array, "many moving"]:
        """The state one step later."""
        return state + through(self.network, jnp.concatenate([state, scene, action], axis=-1))


class GatedCell(NamedTuple):
    """A gated recurrent unit (Cho et al., 2014) whose input is scene and action."""

    gates: Dense
    candidate: Dense

    def __call__(
        self,
        state: Float[Array, "many moving"],
        scene: Float[Array, "many scene"],
        action: Float[Array, "many embedding"],
    ) -> Float[Array, "many moving"]:
        """The state one step later."""
        inputs = jnp.concatenate([scene, action], axis=-1)
        both = jax.nn.sigmoid(self.gates(jnp.concatenate([state, inputs], axis=-1)))
        update, reset = jnp.split(both, 2, axis=-1)
        candidate = jnp.tanh(self.candidate(jnp.concatenate([reset * state, inputs], axis=-1)))
        return state + update * (candidate - state)


Cell = ResidualCell | GatedCell


def residual_cell(
    key: Array, moving: int, scene: int, embedding: int, hidden: tuple[int, ...]
) -> ResidualCell:
    """A random cell that changes little at first."""
    sizes = (moving + scene + embedding, *hidden, moving)
    return ResidualCell(layers(key, sizes, _FIRST_CHANGE))


def gated_cell(key: Array, moving: int, scene: int, embedding: int) -> GatedCell:
    """A random gated recurrent unit."""
    key_gates, key_candidate = jax.random.split(key)
    inputs = moving + scene + embedding
    return GatedCell(dense(key_gates, inputs, 2 * moving), dense(key_candidate, inputs, moving))
