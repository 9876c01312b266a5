"""A variational autoencoder of windows of frames as the encoder of an agent."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from ..graph.check import pytree
from .pictures import pixels_of
from .vae import LearnedVAE
from .views import pixel_noise


@pytree("vae", "centre", "whitening", "usual", static=("window",))
@dataclass(frozen=True)
class WindowVAE:
    """The mean of an autoencoder's message on the latent of a view, then a fixed whitening.

    ``vae`` reconstructs whole views of ``window`` frames. ``centre`` ``(d,)`` and ``whitening``
    ``(d, d)`` give the poses of the training data zero mean and unit covariance. ``usual`` is the
    squared error that reconstruction leaves of a view, at most.
    """

    vae: LearnedVAE
    centre: Float[Array, "d"]
    whitening: Float[Array, "d d"]
    usual: Float[Array, ""]
    window: int

    def __call__(self, view: UInt8[Array, "height width channels"]) -> Float[Array, "d"]:
        """The pose that ``view`` shows; vmap for many."""
        return self.whitening @ (self.vae.moments(view)[0] - self.centre)

    def disturbance(self, view: UInt8[Array, "height width channels"]) -> Float[Array, "d d"]:
        """Covariance that whatever disturbs ``view`` adds to its pose; zero for a usual one.

        What reconstruction leaves, beyond what is usual, is taken for noise of all pixels alike.
        To first order in the noise.
        """
        noise = pixel_noise(self.unexplained(view), self.usual, view.size)
        slope = jax.jacrev(lambda pixels: self.vae.moments(pixels)[0])(
            pixels_of(view).reshape(view.shape)
        )
        slope = self.whitening @ slope.reshape(self.centre.shape[0], -1)
        return noise * slope @ slope.T

    def unexplained(self, view: UInt8[Array, "height width channels"]) -> Float[Array, ""]:
        """Squared error that reconstruction leaves of ``view``."""
        drawn = self.vae.decode(self.vae.moments(view)[0])
        return jnp.sum((pixels_of(view) - drawn.reshape(-1)) ** 2)
