"""Where a spot of light is in a picture."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, UInt8

_DARK = 1.0  # of 255, summed over all pixels: less light than this is none


def place_of_spot(
    frame: UInt8[Array, "height width channels"], view: float
) -> tuple[Float[Array, "2"], Bool[Array, ""]]:
    """The centre of brightness ``(x, y)`` of a picture of the square of ``±view``, y up, and
    whether there is any light in it."""
    light = frame.astype(jnp.float32).sum(axis=-1)
    total = light.sum()
    x = light.sum(axis=0) @ _middles(frame.shape[1], view)
    y = light.sum(axis=1) @ -_middles(frame.shape[0], view)
    return jnp.stack([x, y]) / jnp.maximum(total, _DARK), total >= _DARK


def _middles(count: int, view: float) -> Float[Array, "count"]:
    """The middles of as many pixels, from -view to view."""
    return view * ((jnp.arange(count) + 0.5) * 2 / count - 1)
