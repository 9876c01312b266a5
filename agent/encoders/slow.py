"""Slow features alone: a fixed linear map from a frame's principal components to its pose."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .fitted import Assignment, Fitted
from .pose import PoseEncoder, whitening
from .prediction import fit_last_layer
from .slow_features import Weights, even_weights, principal_components, slow_directions


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
        return _f32(self.weights.frames.reshape(-1))


def see(asked: Assignment) -> Seen:
    """The principal components of the frames, and weights as if experience were even."""
    pixels = asked.frames.reshape(*asked.frames.shape[:2], -1).astype(np.float64) / 255
    mean, projection = principal_components(
        pixels.reshape(-1, pixels.shape[-1]), asked.schedule.components
    )
    components = ((pixels - mean) @ projection.T).astype(np.float32)
    places = components.astype(np.float64) / np.linalg.norm(projection, axis=1)
    return Seen(mean, projection, components, places, even_weights(places))


def slow_encoder(seen: Seen, asked: Assignment) -> tuple[PoseEncoder, Float[np.ndarray, "S T d"]]:
    """The encoder of the slowest features of what was ``seen``, without a network, and the poses
    that it tells."""
    few, poses = asked.schedule.slow_components, asked.poses
    slow = np.zeros((poses, seen.components.shape[-1]))
    slow[:, :few] = slow_directions(
        seen.components[..., :few].astype(np.float64), poses, seen.weights
    )
    spread = 1 / np.linalg.norm(seen.projection, axis=1)  # standard deviation of each component
    start = _f32(seen.components) @ _f32(slow).T
    centre, white = whitening(start.reshape(-1, poses), seen.even)
    encoder = PoseEncoder(
        mean=_f32(seen.mean),
        projection=_f32(seen.projection),
        linear=_f32(slow),
        gain=_f32(np.sqrt(spread / spread[0])),  # weaker components are rougher in the pose
        layers=(),
        centre=centre,
        whitening=white,
    )
    return encoder, (np.asarray(start) - np.asarray(centre)) @ np.asarray(white).T


def fit_slow(asked: Assignment) -> Fitted:
    """Slow features, and the transition that predicts them best."""
    seen = see(asked)
    encoder, poses = slow_encoder(seen, asked)
    return Fitted(encoder, *fit_last_layer(poses, asked, seen.even))


def _f32(values) -> Array:
    return jnp.asarray(values, jnp.float32)
