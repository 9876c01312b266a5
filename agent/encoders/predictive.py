"""The encoder that prediction trains: coordinates of the surface that the pictures lie on,
corrected until their motion shows a law."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from ..graph.float32 import f32
from .fitted import Assignment, Fitted
from .pose import Layers, PoseEncoder
from .prediction import Task, fit_prediction
from .seen import Seen, see
from .surface import coordinates, surface_of, ways_on

_RIDGE = 1e-3  # of a component's variance, for the strongest; weaker ones cost more
_STEPS, _BATCH, _RATE = 1500, 256, 3e-3  # of the network's first fit


def fit_predictive(asked: Assignment) -> Fitted:
    """Geodesic coordinates of the pictures give the start. The network is then trained together
    with a polynomial transition: from a few filtered steps, predict the poses of the next
    ones open loop. The poses of every step are whitened exactly, so that they cannot collapse,
    with weights that make up for where the body dwells, and poses that are stretched unevenly cost:
    or they would be drawn apart where they are easy to predict, until no polynomial could express
    their motion.
    """
    seen = see(asked)
    surface = surface_of(seen.places)
    components = jnp.asarray(seen.components)
    flat = components.reshape(-1, components.shape[-1])
    wanted = coordinates(surface, asked.poses)
    wanted = wanted / (wanted.std(0) + 1e-6)
    encoder = _start(seen, asked, flat, wanted)

    def raw(layers: Any, components: Array) -> Array:
        return replace(encoder, layers=layers).raw(components)

    task = Task(raw, encoder.layers, components, seen.poses(encoder), ways_on(surface))
    layers, features, last_layer = fit_prediction(task, asked, seen.even)
    return Fitted(seen.whitened(replace(encoder, layers=layers)), features, last_layer)


def _start(
    seen: Seen, asked: Assignment, shown: Float[Array, "N c"], wanted: Float[np.ndarray, "N d"]
) -> PoseEncoder:
    """The encoder whose poses are ``wanted`` where components are ``shown``: a regression on them,
    and a network for what that leaves."""
    given, gain = np.asarray(shown, np.float64), np.asarray(seen.gain, np.float64)
    counted = np.asarray(seen.even, np.float64)[:, None] * given
    moments = given.T @ counted + _RIDGE * np.diag(1 / gain**2)
    linear = np.linalg.solve(moments, counted.T @ wanted).T
    width = asked.schedule.width
    sizes = [given.shape[1], width, width, asked.poses]
    rng = np.random.default_rng(asked.seed)
    layers = tuple(
        (f32(rng.normal(size=(ins, outs)) / np.sqrt(ins)), jnp.zeros(outs))
        for ins, outs in pairwise(sizes)
    )
    encoder = seen.encoder(linear, layers)
    layers = _regressed(encoder, asked, shown, f32(wanted), seen.even)
    return seen.whitened(replace(encoder, layers=layers))


def _regressed(
    encoder: PoseEncoder, asked: Assignment, shown: Array, wanted: Array, even: Array
) -> Layers:
    """The network's layers, so that the poses are ``wanted`` where components are ``shown``;
    ``even`` is what each frame counts."""
    rate = optax.cosine_decay_schedule(_RATE, _STEPS, 0.01)
    optimiser = optax.adamw(rate, weight_decay=asked.schedule.weight_decay)

    def loss(layers: Layers, chosen: Array) -> Array:
        found = replace(encoder, layers=layers).raw(shown[chosen])
        return jnp.mean((found - wanted[chosen]) ** 2)

    def step(carry, key):
        layers, state = carry
        chosen = jax.random.choice(key, len(wanted), (_BATCH,), p=even)
        gradient = jax.grad(loss)(layers, chosen)
        updates, state = optimiser.update(gradient, state, layers)
        return (optax.apply_updates(layers, updates), state), None

    keys = jax.random.split(jax.random.key(asked.seed), _STEPS)
    run = jax.jit(lambda carry: jax.lax.scan(step, carry, keys))
    return run((encoder.layers, optimiser.init(encoder.layers)))[0][0]
