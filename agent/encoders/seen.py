"""What frames show, as encoders that look at one frame see it."""

from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..graph.float32 import f32
from .fitted import Assignment
from .pose import Layers, PoseEncoder, whitening
from .slow_features import Weights, even_weights, principal_components


class Seen(NamedTuple):
    """What frames show: their ``mean`` ``(pixels,)``, the ``projection`` ``(c, pixels)`` onto
    whitened principal components, those ``components``, the same as ``places`` in units of pixels,
    and what each frame and change counts."""

    mean: Float[np.ndarray, "pixels"]
    projection: Float[np.ndarray, "c pixels"]
    components: Float[np.ndarray, "S T c"]
    places: Float[np.ndarray, "S T c"]
    weights: Weights

    @property
    def even(self) -> Float[Array, "S*T"]:
        """What each frame counts."""
        return f32(self.weights.frames.reshape(-1))

    @property
    def gain(self) -> Float[Array, "c"]:
        """What a network is given of each component: less of weaker ones, which are rougher in
        the pose."""
        spread = 1 / np.linalg.norm(self.projection, axis=1)  # standard deviation of each
        return f32(np.sqrt(spread / spread[0]))

    def encoder(self, linear: Float[np.ndarray, "d c"], layers: Layers = ()) -> PoseEncoder:
        """The encoder with this linear map and network, its poses whitened."""
        d = len(linear)
        blank = PoseEncoder(
            mean=f32(self.mean),
            projection=f32(self.projection),
            linear=f32(linear),
            gain=self.gain,
            layers=layers,
            centre=jnp.zeros(d),
            whitening=jnp.eye(d),
        )
        return self.whitened(blank)

    def whitened(self, encoder: PoseEncoder) -> PoseEncoder:
        """``encoder`` with the centre and whitening that these frames give it."""
        components = jnp.asarray(self.components)
        raw = encoder.raw(components.reshape(-1, components.shape[-1]))
        centre, white = whitening(raw, self.even)
        return replace(encoder, centre=centre, whitening=white)

    def poses(self, encoder: PoseEncoder) -> Float[np.ndarray, "S T d"]:
        """What ``encoder`` makes of these frames."""
        raw = encoder.raw(jnp.asarray(self.components))
        return np.asarray((raw - encoder.centre) @ encoder.whitening.T)


def see(asked: Assignment) -> Seen:
    """The principal components of the frames, and weights as if experience were even."""
    pixels = asked.frames.reshape(*asked.frames.shape[:2], -1).astype(np.float64) / 255
    mean, projection = principal_components(
        pixels.reshape(-1, pixels.shape[-1]), asked.schedule.components
    )
    components = ((pixels - mean) @ projection.T).astype(np.float32)
    places = components.astype(np.float64) / np.linalg.norm(projection, axis=1)
    return Seen(mean, projection, components, places, even_weights(places))
