"""Poses whose motion a small transition model can predict: the model, and what is to be predicted,
trained together."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from ..graph.features import PolynomialFeatures
from ..graph.float32 import f32
from ..graph.learn_motion import first_regression
from ..graph.motion import pose_features
from .fitted import Assignment
from .likeness import Ways, drawn_ways, unevenness
from .pose import whitening

_CHUNK = 200  # optimiser steps between two reports of progress


class Task(NamedTuple):
    """What is to be predicted: ``raw(layers, inputs)``, poses before whitening, with the ``layers``
    that are to be trained; ``poses`` ``(S, T, d)`` are those to begin with. ``ways`` between frames
    keep poses from being stretched unevenly, where there are any."""

    raw: Callable[[Any, Array], Array]
    layers: Any
    inputs: Float[Array, "S T c"]
    poses: Float[np.ndarray, "S T d"]
    ways: Ways | None = None


class _Parameters(NamedTuple):
    """What the optimiser moves: the network, the last layer, and the filter's two gains."""

    layers: Any
    weights: Float[Array, "k d"]
    gains: Float[Array, "2"]


@dataclass(frozen=True)
class _Data:
    inputs: Float[Array, "S T c"]
    controls: Float[Array, "S T-1 p"]
    features: PolynomialFeatures
    basis: Float[Array, "k k"]
    even: Float[Array, "S*T"]
    ways: Ways | None


def fit_last_layer(
    poses: Float[np.ndarray, "S T d"],
    asked: Assignment,
    even: Float[Array, "S*T"],
) -> tuple[PolynomialFeatures, Float[np.ndarray, "k d"]]:
    """Features and last layer of the transition that predicts given ``poses`` best, open loop.

    ``even`` is what each frame counts.
    """
    task = Task(lambda _, poses: poses, (), f32(poses), poses)
    return fit_prediction(task, asked, even)[1:]


def fit_prediction(
    task: Task,
    asked: Assignment,
    even: Float[Array, "S*T"],
) -> tuple[Any, PolynomialFeatures, Float[np.ndarray, "k d"]]:
    """Layers, features and last layer ``(k, d)``, float64, that predict best.

    ``even`` is what each frame counts.
    """
    features = pose_features(task.poses, asked.controls, asked.powers)
    basis, layer = first_regression(features, task.poses, asked.controls)
    data = _Data(task.inputs, jnp.asarray(asked.controls), features, f32(basis), even, task.ways)
    parameters = _Parameters(task.layers, f32(layer.weights), jnp.array([2.0, 0.0]))
    parameters = _optimise(task.raw, parameters, data, asked)
    return parameters.layers, features, basis @ np.asarray(parameters.weights, np.float64)


def _optimise(raw, parameters, data, asked: Assignment) -> _Parameters:
    """AdamW on random windows; a step with a gradient that is not finite is skipped."""
    schedule = asked.schedule
    rate = optax.cosine_decay_schedule(schedule.learning_rate, schedule.steps, 0.01)
    optimiser = optax.apply_if_finite(
        optax.chain(
            optax.clip_by_global_norm(1.0), optax.adamw(rate, weight_decay=schedule.weight_decay)
        ),
        max_consecutive_errors=schedule.steps,
    )
    loss = partial(_loss, raw, data, schedule)

    def step(carry, key):
        parameters, state = carry
        value, gradient = jax.value_and_grad(loss)(parameters, key)
        updates, state = optimiser.update(gradient, state, parameters)
        return (optax.apply_updates(parameters, updates), state), value

    advance = jax.jit(lambda carry, keys: jax.lax.scan(step, carry, keys))
    carry = (parameters, optimiser.init(parameters))
    keys = jax.random.split(jax.random.key(asked.seed), schedule.steps)
    for done in range(0, schedule.steps, _CHUNK):
        chunk = keys[done : done + _CHUNK]
        carry, values = advance(carry, chunk)
        if asked.progress:
            asked.progress(done + len(chunk), float(values.mean()))
    return carry[0]


def _loss(raw, data, schedule, parameters, key):
    """Robust open-loop error of predicted poses, over a batch of windows, and what poses cost that
    are not white, or stretched unevenly."""
    segments, length, count = data.inputs.shape
    window = 1 + schedule.filtered + schedule.predicted
    key_segment, key_start, key_reference, key_ways = jax.random.split(key, 4)
    segment = jax.random.randint(key_segment, (schedule.batch,), 0, segments)
    start = jax.random.randint(key_start, (schedule.batch,), 0, length - window + 1)
    chosen = jax.random.choice(key_reference, segments * length, (schedule.reference,), p=data.even)
    frames = data.inputs.reshape(-1, count)
    reference = raw(parameters.layers, frames[chosen])
    centre, white = whitening(reference)
    ticks = start[:, None] + jnp.arange(window)
    pose = raw(parameters.layers, data.inputs[segment[:, None], ticks])
    pose = (pose - centre) @ white.T
    control = data.controls[segment[:, None], ticks[:, :-1]]
    errors = jax.vmap(partial(_prediction_errors, parameters, data, schedule))(pose, control)
    robust = errors**2 / (1 + errors**2 / 4)
    nearness = 1 / (1 + 0.3 * jnp.arange(schedule.predicted))
    covariance = jnp.cov(reference.T, bias=True)
    excess = jnp.sum((covariance - jnp.eye(covariance.shape[0])) ** 2)
    loss = jnp.mean(robust.mean((0, 2)) * nearness) + schedule.covariance_penalty * excess
    if data.ways is None:
        return loss
    ends, lengths = drawn_ways(data.ways, schedule.compared, key_ways)
    one, other = (raw(parameters.layers, frames[ends[:, side]]) @ white.T for side in (0, 1))
    uneven = unevenness(one, other, lengths)
    return loss + schedule.unevenness_penalty * uneven


def _prediction_errors(parameters, data, schedule, pose, control):
    """Errors ``(predicted, d)`` of one window: a constant-gain filter, then open loop."""
    pose_gain, velocity_gain = jax.nn.sigmoid(parameters.gains)

    def move(position, velocity, torque):
        inputs = jnp.clip(jnp.concatenate([position, velocity]), -4, 4)
        phi = data.features(jnp.concatenate([inputs, torque])) @ data.basis
        velocity = velocity + phi @ parameters.weights
        return position + velocity, velocity

    position, velocity = pose[1], pose[1] - pose[0]
    for tick in range(1, schedule.filtered):
        position, velocity = move(position, velocity, control[tick])
        error = pose[tick + 1] - position
        position, velocity = position + pose_gain * error, velocity + velocity_gain * error

    def predict(carry, inputs):
        (position, velocity), (torque, seen) = carry, inputs
        position, velocity = move(position, velocity, torque)
        return (position, velocity), position - seen

    begin = schedule.filtered
    inputs = (control[begin:], pose[begin + 1 :])
    return jax.lax.scan(predict, (position, velocity), inputs)[1]
