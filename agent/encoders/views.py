"""What an encoder looks at: a frame and, where it asks for more, those just before it."""

from typing import Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8


class Encoder(Protocol):
    """From a view of the body to its pose, ``(d,)``; a pytree, so that queries can be compiled.

    A view is ``window`` frames ``(height, width, channel)`` stacked along the channels, the newest
    last.
    """

    @property
    def window(self) -> int:
        """Number of frames that make a view."""
        ...

    def __call__(self, view: UInt8[Array, "height width channels"]) -> Float[Array, "d"]:
        """The pose that ``view`` shows; vmap for many."""
        ...


def views(
    frames: UInt8[Array, "T height width channel"], window: int
) -> UInt8[Array, "T height width channels"]:
    """A view for each of the ``frames``; before the first the body is taken to have been still."""
    if window == 1:
        return frames
    steps = jnp.arange(frames.shape[0])
    earlier = [frames[jnp.maximum(steps - late, 0)] for late in reversed(range(window))]
    return jnp.concatenate(earlier, axis=-1)


@jax.jit
def poses_along(
    encoder: Encoder, frames: UInt8[Array, "S T height width channel"]
) -> Float[Array, "S T d"]:
    """The poses of all ``frames`` of some segments."""
    return jax.lax.map(lambda each: jax.vmap(encoder)(views(each, encoder.window)), frames)


def still_view(
    frame: UInt8[Array, "height width channel"], window: int
) -> UInt8[Array, "height width channels"]:
    """The view of a body that rests as ``frame`` shows it."""
    return jnp.concatenate([jnp.asarray(frame)] * window, axis=-1)
