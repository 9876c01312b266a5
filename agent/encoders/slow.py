"""Slow features alone: a fixed linear map from a frame's principal components to its pose."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from ..graph.features import Powers
from .fitted import Fitted, Schedule
from .pose import PoseEncoder, whitening
from .prediction import fit_last_layer
from .slow_features import even_weights, principal_components, slow_directions

_ROOM, _ROUNDING = 1.5, 1e-4


class Slow(NamedTuple):
    """The encoder, the frames' whitened principal components, and what each frame counts."""

    encoder: PoseEncoder
    components: Float[np.ndarray, "S T c"]
    even: Float[Array, "S*T"]


def slow_encoder(
    frames: UInt8[np.ndarray, "S T height width channel"], poses: int, schedule: Schedule
) -> Slow:
    """The encoder of the slowest features of ``frames``, without a network."""
    pixels = frames.reshape(*frames.shape[:2], -1).astype(np.float64) / 255
    mean, projection = principal_components(
        pixels.reshape(-1, pixels.shape[-1]), schedule.components
    )
    components = ((pixels - mean) @ projection.T).astype(np.float32)
    few = schedule.slow_components
    slow = np.zeros((poses, components.shape[-1]))
    spread = 1 / np.linalg.norm(projection, axis=1)  # standard deviation of each component
    weights = even_weights((components * spread).astype(np.float64))
    slow[:, :few] = slow_directions(components[..., :few].astype(np.float64), poses, weights)
    even = _f32(weights.frames.reshape(-1))
    start = _f32((components @ _f32(slow).T).reshape(-1, poses))
    centre, white = whitening(start, even)
    encoder = PoseEncoder(
        mean=_f32(mean),
        projection=_f32(projection),
        slow=_f32(slow),
        gain=_f32(np.sqrt(spread / spread[0])),  # weaker components are rougher in the pose
        layers=(),
        centre=centre,
        whitening=white,
        usual=_f32(_usual(pixels - mean, components * spread)),
    )
    return Slow(encoder, components, even)


def fit_slow(
    frames: UInt8[np.ndarray, "S T height width channel"],
    controls: Float[np.ndarray, "S T-1 p"],
    powers: Powers,
    poses: int,
    seed: int,
    schedule: Schedule,
    progress: Callable[[int, float], None] | None = None,
) -> Fitted:
    """Slow features, and the transition that predicts them best."""
    encoder, components, even = slow_encoder(frames, poses, schedule)
    values = np.asarray(encoder.raw(jnp.asarray(components)))
    values = (values - np.asarray(encoder.centre)) @ np.asarray(encoder.whitening).T
    found = fit_last_layer(values, controls, powers, even, seed, schedule, progress)
    return Fitted(encoder, *found)


def _usual(rows: Float[np.ndarray, "S T pixels"], seen: Float[np.ndarray, "S T c"]) -> float:
    """The most that the components leave out of any frame, with some room, and for rounding."""
    whole = (rows**2).sum(-1)
    outside = whole - (seen.astype(np.float64) ** 2).sum(-1)
    return float(_ROOM * outside.max() + _ROUNDING * whole.max())


def _f32(values) -> Array:
    return jnp.asarray(values, jnp.float32)
