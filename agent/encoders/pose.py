"""The pose encoder: one frame in, one pose out."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

Layers = tuple[tuple[Float[Array, "in out"], Float[Array, "out"]], ...]

_RESIDUAL = 0.1  # the network corrects the slow features, it does not replace them


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["mean", "projection", "slow", "gain", "layers", "centre", "whitening"],
    meta_fields=[],
)
@dataclass(frozen=True)
class PoseEncoder:
    """Slow features of a frame plus a small residual network, then a fixed whitening.

    A frame, scaled to 0 ... 1 and less its ``mean`` ``(pixels,)``, is projected onto whitened
    principal components by ``projection`` ``(c, pixels)``. ``slow`` ``(d, c)`` takes their slow
    directions; ``layers`` are the weights and biases of a tanh network on the components times
    ``gain`` ``(c,)``. ``centre`` ``(d,)`` and ``whitening`` ``(d, d)`` give the poses of the
    training data zero mean and unit covariance: a hard constraint against collapse.
    """

    mean: Float[Array, "pixels"]
    projection: Float[Array, "c pixels"]
    slow: Float[Array, "d c"]
    gain: Float[Array, "c"]
    layers: Layers
    centre: Float[Array, "d"]
    whitening: Float[Array, "d d"]

    def __call__(self, frame: UInt8[Array, "height width channel"]) -> Float[Array, "d"]:
        """The pose that ``frame`` shows; vmap for many."""
        pose = self.raw(self.components(frame))
        return self.whitening @ (pose - self.centre)

    def components(self, frame: UInt8[Array, "height width channel"]) -> Float[Array, "c"]:
        """Whitened principal components of ``frame``."""
        return self.projection @ (frame.reshape(-1) / jnp.float32(255) - self.mean)

    def raw(self, components: Float[Array, "*batch c"]) -> Float[Array, "*batch d"]:
        """Poses before whitening."""
        hidden = components * self.gain
        for weight, bias in self.layers[:-1]:
            hidden = jnp.tanh(hidden @ weight + bias)
        weight, bias = self.layers[-1]
        return components @ self.slow.T + _RESIDUAL * (hidden @ weight + bias)


def whitening(
    values: Float[Array, "count d"], ridge: float = 1e-4
) -> tuple[Float[Array, "d"], Float[Array, "d d"]]:
    """Centre and triangular matrix that give ``values`` zero mean and unit covariance."""
    centre = values.mean(0)
    covariance = (values - centre).T @ (values - centre) / values.shape[0]
    one = jnp.eye(values.shape[1], dtype=values.dtype)
    root = jnp.linalg.cholesky(covariance + ridge * one)
    return centre, jax.scipy.linalg.solve_triangular(root, one, lower=True)
