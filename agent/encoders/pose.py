"""A linear map of a frame, corrected by a network or not: one frame in, one pose out."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from .pictures import pixels_of

Layers = tuple[tuple[Float[Array, "in out"], Float[Array, "out"]], ...]

_RESIDUAL = 0.1  # the network corrects the linear map, it does not replace it


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["mean", "projection", "linear", "gain", "layers", "centre", "whitening"],
    meta_fields=[],
)
@dataclass(frozen=True)
class PoseEncoder:
    """A linear map of a frame plus a small residual network, then a fixed whitening.

    A frame, scaled to 0 ... 1 and less its ``mean`` ``(pixels,)``, is projected onto whitened
    principal components by ``projection`` ``(c, pixels)``. ``linear`` ``(d, c)`` maps these, as to
    their slowest directions; ``layers`` are the weights and biases of a tanh network, or none, on
    the components times ``gain`` ``(c,)``. ``centre`` ``(d,)`` and ``whitening`` ``(d, d)`` give
    the poses of the training data zero mean and unit covariance: a hard constraint against
    collapse.
    """

    mean: Float[Array, "pixels"]
    projection: Float[Array, "c pixels"]
    linear: Float[Array, "d c"]
    gain: Float[Array, "c"]
    layers: Layers
    centre: Float[Array, "d"]
    whitening: Float[Array, "d d"]

    def __call__(self, view: UInt8[Array, "height width channel"]) -> Float[Array, "d"]:
        """The pose that ``view`` shows; vmap for many."""
        pose = self.raw(self.components(view))
        return self.whitening @ (pose - self.centre)

    @property
    def window(self) -> int:
        """It looks at one frame at a time."""
        return 1

    def components(self, view: UInt8[Array, "height width channel"]) -> Float[Array, "c"]:
        """Whitened principal components of ``view``."""
        return self.projection @ self._row(view)

    def raw(self, components: Float[Array, "*batch c"]) -> Float[Array, "*batch d"]:
        """Poses before whitening."""
        pose = components @ self.linear.T
        if not self.layers:
            return pose
        hidden = components * self.gain
        for weight, bias in self.layers[:-1]:
            hidden = jnp.tanh(hidden @ weight + bias)
        weight, bias = self.layers[-1]
        return pose + _RESIDUAL * (hidden @ weight + bias)

    def _row(self, view: UInt8[Array, "height width channel"]) -> Float[Array, "pixels"]:
        return pixels_of(view) - self.mean


def whitening(
    values: Float[Array, "count d"],
    weights: Float[Array, "count"] | None = None,
    ridge: float = 1e-4,
) -> tuple[Float[Array, "d"], Float[Array, "d d"]]:
    """Centre and triangular matrix that give ``values`` zero mean and unit covariance.

    ``weights``, which sum to one, are what each counts; all alike where there are none.
    """
    count, d = values.shape
    share = jnp.full(count, 1 / count, values.dtype) if weights is None else weights
    centre = share @ values
    away = values - centre
    covariance = away.T @ (share[:, None] * away)
    one = jnp.eye(d, dtype=values.dtype)
    root = jnp.linalg.cholesky(covariance + ridge * one)
    return centre, jax.scipy.linalg.solve_triangular(root, one, lower=True)
