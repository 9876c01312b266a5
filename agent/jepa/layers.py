"""Dense layers as plain pytrees."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Dense(NamedTuple):
    """``x weight + bias``: ``weight`` is ``(in, out)``, ``bias`` ``(out,)``."""

    weight: Float[Array, "in out"]
    bias: Float[Array, "out"]

    def __call__(self, inputs: Float[Array, "*batch in"]) -> Float[Array, "*batch out"]:
        """The output; of many inputs along leading axes."""
        return inputs @ self.weight + self.bias


Layers = tuple[Dense, ...]


def dense(key: Array, inputs: int, outputs: int, gain: float = 1.0) -> Dense:
    """A random layer that keeps the variance of its inputs, times ``gain`` squared."""
    weight = jax.random.normal(key, (inputs, outputs)) * gain / jnp.sqrt(jnp.float32(inputs))
    return Dense(weight, jnp.zeros(outputs))


def layers(key: Array, sizes: tuple[int, ...], last_gain: float = 1.0) -> Layers:
    """Random layers between these sizes; those before the last are made for SiLU behind them."""
    keys = jax.random.split(key, len(sizes) - 1)
    count = len(keys)
    gains = [1.6] * (count - 1) + [last_gain]
    return tuple(
        dense(keys[i], sizes[i], sizes[i + 1], gains[i])
        for i in range(count)
    )  # fmt: skip


def through(stack: Layers, inputs: Float[Array, "*batch in"]) -> Float[Array, "*batch out"]:
    """Through all layers, with SiLU between them."""
    hidden = inputs
    for layer in stack[:-1]:
        hidden = jax.nn.silu(layer(hidden))
    return stack[-1](hidden)
