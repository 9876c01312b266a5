"""The encoder that prediction trains: slow features, corrected until their motion shows a law."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .fitted import Assignment, Fitted
from .likeness import ways_between
from .pose import whitening
from .prediction import Task, fit_prediction
from .slow import see, slow_encoder


def fit_predictive(asked: Assignment) -> Fitted:
    """Slow features give the start. A residual network is then trained together with a polynomial
    transition: from a few filtered steps, predict the poses of the next
    ones open loop. The poses of every step are whitened exactly, so that they cannot collapse,
    with weights that make up for where the body dwells, and poses that are stretched unevenly cost:
    or they would be drawn apart where they are easy to predict, until no polynomial could express
    their motion.
    """
    seen = see(asked)
    slow, start = slow_encoder(seen, asked)
    components, width = _f32(seen.components), asked.schedule.width
    sizes = [components.shape[-1], width, width, asked.poses]
    rng = np.random.default_rng(asked.seed)
    layers = tuple(
        (_f32(rng.normal(size=(ins, outs)) / np.sqrt(ins)), jnp.zeros(outs))
        for ins, outs in pairwise(sizes)
    )
    encoder = replace(slow, layers=layers)

    def raw(layers: Any, components: Array) -> Array:
        return replace(encoder, layers=layers).raw(components)

    task = Task(raw, layers, components, start, ways_between(seen.places))
    layers, features, last_layer = fit_prediction(task, asked, seen.even)
    encoder = replace(encoder, layers=layers)
    centre, white = whitening(encoder.raw(components.reshape(-1, sizes[0])), seen.even)
    return Fitted(replace(encoder, centre=centre, whitening=white), features, last_layer)


def _f32(values) -> Array:
    return jnp.asarray(values, jnp.float32)
