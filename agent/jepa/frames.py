"""Frames of the two rooms, drawn inside compiled code.

A training sees millions of frames; drawn where they are encoded, they are never stored. They are
those that the camera gives (a test compares them): uint8 values, here as floats from 0 to 1.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ...envs.two_rooms import DOOR_REACH, DOT_SIGMA_PX, HIGH, LOW, SIZE_PX, WALL_REACH


def drawn_dots(positions: Float[Array, "*many 2"]) -> Float[Array, "*many size size"]:
    """The channel of the dot."""
    places = jnp.arange(SIZE_PX, dtype=jnp.float32)
    away = (places - positions[..., None]) / jnp.float32(DOT_SIGMA_PX)
    profile = jnp.exp(jnp.float32(-0.5) * away * away)
    across, down = profile[..., 0, :], jnp.float32(255) * profile[..., 1, :]
    return jnp.floor(down[..., :, None] * across[..., None, :]) / 255


def drawn_walls(
    wall_x: Int[Array, "*many"], door_y: Int[Array, "*many"]
) -> Float[Array, "*many size size"]:
    """The channel of walls and border."""
    places = jnp.arange(SIZE_PX)
    at_border = (places == LOW) | (places == HIGH)
    at_wall = jnp.abs(places - wall_x[..., None]) <= WALL_REACH
    shut = jnp.abs(places - door_y[..., None]) > DOOR_REACH
    solid = at_border[:, None] | at_border | (shut[..., :, None] & at_wall[..., None, :])
    return solid.astype(jnp.float32)
