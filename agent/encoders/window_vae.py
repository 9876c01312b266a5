"""A variational autoencoder of windows of frames as the encoder of an agent."""

from dataclasses import dataclass

from jaxtyping import Array, Float, UInt8

from ..graph.check import pytree
from .vae import LearnedVAE


@pytree("vae", "centre", "whitening", static=("window",))
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
    window: int

    def __call__(self, view: UInt8[Array, "height width channels"]) -> Float[Array, "d"]:
        """The pose that ``view`` shows; vmap for many."""
        return self.whitening @ (self.vae.moments(view)[0] - self.centre)
