"""What an encoder looks at: a frame and, where it asks for more, those just before it."""

from typing import Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

_NOISY = 0.07  # of the pixels' range: what is stronger is likelier a thing in the way than noise


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

    def disturbance(self, view: UInt8[Array, "height width channels"]) -> Float[Array, "d d"]:
        """Covariance that whatever disturbs ``view`` adds to its pose; zero for a usual one."""
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


def pixel_noise(
    unexplained: Float[Array, ""], usual: Float[Array, ""], spare: int
) -> Float[Array, ""]:
    """Variance of the noise of all pixels alike that leaves a square of ``unexplained`` in
    ``spare`` dimensions in which an encoder expects nothing but what is ``usual``.

    The variance ``s²`` is raised to ``s² (1 + s² / s₀²)``, since strong disturbances tend to be
    things in the way, whose pixels conspire.
    """
    noise = jnp.maximum(unexplained - usual, 0.0) / spare
    return noise * (1 + noise / _NOISY**2)
