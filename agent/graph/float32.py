"""The numbers that all is computed in."""

from typing import Any

import jax
import jax.numpy as jnp


def f32(values: Any) -> jax.Array:
    """``values``, of any shape, as an array of JAX in single precision."""
    return jnp.asarray(values, jnp.float32)
