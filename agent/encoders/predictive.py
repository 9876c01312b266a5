"""The encoder that prediction trains: slow features, corrected until their motion shows a law."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from ..graph.features import Powers
from .fitted import Fitted, Schedule
from .pose import whitening
from .prediction import Task, fit_prediction
from .slow import slow_encoder


def fit_predictive(
    frames: UInt8[np.ndarray, "S T height width channel"],
    controls: Float[np.ndarray, "S T-1 p"],
    powers: Powers,
    poses: int,
    seed: int,
    schedule: Schedule,
    progress: Callable[[int, float], None] | None = None,
) -> Fitted:
    """Train an encoder of ``poses`` coordinates on segments of frames and controls.

    Slow features give the start. A residual network is then trained together with a polynomial
    transition of the features ``powers``: from a few filtered steps, predict the poses of the next
    ones open loop. The poses of every step are whitened exactly, so that they cannot collapse,
    with weights that make up for where the body dwells.
    ``progress`` is called with the steps done and the loss.
    """
    slow, components, even = slow_encoder(frames, poses, schedule)
    start = np.asarray(slow.raw(_f32(components)))
    start = (start - np.asarray(slow.centre)) @ np.asarray(slow.whitening).T
    sizes = [components.shape[-1], schedule.width, schedule.width, poses]
    rng = np.random.default_rng(seed)
    layers = tuple(
        (_f32(rng.normal(size=(ins, outs)) / np.sqrt(ins)), jnp.zeros(outs))
        for ins, outs in pairwise(sizes)
    )
    encoder = replace(slow, layers=layers)

    def raw(layers: Any, components: Array) -> Array:
        return replace(encoder, layers=layers).raw(components)

    task = Task(raw, layers, _f32(components), start)
    layers, features, last_layer = fit_prediction(
        task, controls, powers, even, seed, schedule, progress
    )
    encoder = replace(encoder, layers=layers)
    centre, white = whitening(encoder.raw(_f32(components.reshape(-1, sizes[0]))), even)
    return Fitted(replace(encoder, centre=centre, whitening=white), features, last_layer)


def _f32(values) -> Array:
    return jnp.asarray(values, jnp.float32)
