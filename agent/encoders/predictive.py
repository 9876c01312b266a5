"""Training of the pose encoder: poses whose motion a small transition model can predict."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, UInt8

from ..graph.features import PolynomialFeatures, Powers
from ..graph.learn_motion import first_regression
from ..graph.motion import pose_features
from .pose import PoseEncoder, whitening
from .slow_features import even_weights, principal_components, slow_directions

_CHUNK = 200  # optimiser steps between two reports of progress
_ROOM, _ROUNDING = 1.5, 1e-4


@dataclass(frozen=True)
class Schedule:
    """Sizes of the network and of its training."""

    components: int
    slow_components: int
    width: int
    steps: int
    batch: int
    learning_rate: float
    reference: int = 1024  # frames that set the whitening of a step
    filtered: int = 4  # steps that find the velocity before the prediction begins
    predicted: int = 10  # steps predicted without looking
    weight_decay: float = 1e-5
    covariance_penalty: float = 1e-2


class _Parameters(NamedTuple):
    """What the optimiser moves: the network, the last layer, and the filter's two gains."""

    layers: Any
    weights: Float[Array, "k d"]
    gains: Float[Array, "2"]


class Fitted(NamedTuple):
    """A trained encoder, and the transition that it was trained with: its features, and the mean
    of its last layer, float64 ``(k, d)``."""

    encoder: PoseEncoder
    features: PolynomialFeatures
    last_layer: Float[np.ndarray, "k d"]


@dataclass(frozen=True)
class _Data:
    components: Float[Array, "S T c"]
    controls: Float[Array, "S T-1 p"]
    features: PolynomialFeatures
    basis: Float[Array, "k k"]
    even: Float[Array, "S*T"]


def fit_encoder(
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
    encoder, components, weights = _slow_encoder(
        frames, poses, schedule, np.random.default_rng(seed)
    )
    even = _f32(weights.reshape(-1))
    start = np.asarray(components @ encoder.slow.T)
    centre, white = (np.asarray(x) for x in whitening(_f32(start.reshape(-1, poses)), even))
    start = (start - centre) @ white.T
    features = pose_features(start, controls, powers)
    basis, layer = first_regression(features, start, controls)
    data = _Data(jnp.asarray(components), jnp.asarray(controls), features, _f32(basis), even)
    parameters = _Parameters(encoder.layers, _f32(layer.weights), jnp.array([2.0, 0.0]))
    parameters = _optimise(encoder, parameters, data, seed, schedule, progress)
    encoder = replace(encoder, layers=parameters.layers)
    raw = encoder.raw(data.components.reshape(-1, components.shape[-1]))
    centre, white = whitening(raw, even)
    encoder = replace(encoder, centre=centre, whitening=white)
    return Fitted(encoder, features, basis @ np.asarray(parameters.weights, np.float64))


def _slow_encoder(
    frames: np.ndarray, poses: int, schedule: Schedule, rng: np.random.Generator
) -> tuple[PoseEncoder, Float[np.ndarray, "S T c"], Float[np.ndarray, "S T"]]:
    """Encoder of slow features with an untrained network, the frames' principal components, and
    what each frame counts."""
    pixels = frames.reshape(*frames.shape[:2], -1).astype(np.float64) / 255
    mean, projection = principal_components(
        pixels.reshape(-1, pixels.shape[-1]), schedule.components
    )
    components = ((pixels - mean) @ projection.T).astype(np.float32)
    few = schedule.slow_components
    count = components.shape[-1]
    slow = np.zeros((poses, count))
    spread = 1 / np.linalg.norm(projection, axis=1)  # standard deviation of each component
    weights = even_weights((components * spread).astype(np.float64))
    slow[:, :few] = slow_directions(components[..., :few].astype(np.float64), poses, weights)
    sizes = [count, schedule.width, schedule.width, poses]
    layers = tuple(
        (_f32(rng.normal(size=(ins, outs)) / np.sqrt(ins)), jnp.zeros(outs))
        for ins, outs in pairwise(sizes)
    )
    encoder = PoseEncoder(
        mean=_f32(mean),
        projection=_f32(projection),
        slow=_f32(slow),
        gain=_f32(np.sqrt(spread / spread[0])),  # weaker components are rougher in the pose
        layers=layers,
        centre=jnp.zeros(poses),
        whitening=jnp.eye(poses),
        usual=_f32(_usual(pixels - mean, components * spread)),
    )
    return encoder, components, weights.frames


def _usual(rows: Float[np.ndarray, "S T pixels"], seen: Float[np.ndarray, "S T c"]) -> float:
    """The most that the components leave out of any frame, with some room, and for rounding."""
    whole = (rows**2).sum(-1)
    outside = whole - (seen.astype(np.float64) ** 2).sum(-1)
    return float(_ROOM * outside.max() + _ROUNDING * whole.max())


def _optimise(encoder, parameters, data, seed, schedule, progress) -> _Parameters:
    """AdamW on random windows; a step with a gradient that is not finite is skipped."""
    rate = optax.cosine_decay_schedule(schedule.learning_rate, schedule.steps, 0.01)
    optimiser = optax.apply_if_finite(
        optax.chain(
            optax.clip_by_global_norm(1.0), optax.adamw(rate, weight_decay=schedule.weight_decay)
        ),
        max_consecutive_errors=schedule.steps,
    )
    loss = partial(_loss, encoder, data, schedule)

    def step(carry, key):
        parameters, state = carry
        value, gradient = jax.value_and_grad(loss)(parameters, key)
        updates, state = optimiser.update(gradient, state, parameters)
        return (optax.apply_updates(parameters, updates), state), value

    advance = jax.jit(lambda carry, keys: jax.lax.scan(step, carry, keys))
    carry = (parameters, optimiser.init(parameters))
    keys = jax.random.split(jax.random.key(seed), schedule.steps)
    for done in range(0, schedule.steps, _CHUNK):
        chunk = keys[done : done + _CHUNK]
        carry, values = advance(carry, chunk)
        if progress:
            progress(done + len(chunk), float(values.mean()))
    return carry[0]


def _loss(encoder, data, schedule, parameters, key):
    """Robust open-loop error of predicted poses, over a batch of windows."""
    encoder = replace(encoder, layers=parameters.layers)
    segments, length, count = data.components.shape
    window = 1 + schedule.filtered + schedule.predicted
    key_segment, key_start, key_reference = jax.random.split(key, 3)
    segment = jax.random.randint(key_segment, (schedule.batch,), 0, segments)
    start = jax.random.randint(key_start, (schedule.batch,), 0, length - window + 1)
    chosen = jax.random.choice(key_reference, segments * length, (schedule.reference,), p=data.even)
    reference = encoder.raw(data.components.reshape(-1, count)[chosen])
    centre, white = whitening(reference)
    ticks = start[:, None] + jnp.arange(window)
    pose = (encoder.raw(data.components[segment[:, None], ticks]) - centre) @ white.T
    control = data.controls[segment[:, None], ticks[:, :-1]]
    errors = jax.vmap(partial(_prediction_errors, parameters, data, schedule))(pose, control)
    robust = errors**2 / (1 + errors**2 / 4)
    nearness = 1 / (1 + 0.3 * jnp.arange(schedule.predicted))
    covariance = jnp.cov(reference.T, bias=True)
    excess = jnp.sum((covariance - jnp.eye(covariance.shape[0])) ** 2)
    return jnp.mean(robust.mean((0, 2)) * nearness) + schedule.covariance_penalty * excess


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


def _f32(values) -> Array:
    return jnp.asarray(values, jnp.float32)
