"""Trains an encoder through the agent's inference, and the agent's matrices beside it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from ...configs.sections import Discrete
from ..encoders.categorical import CategoricalEncoder, encoder_for, random_layers
from . import engine
from .model import DiscreteModel
from .objective import Terms, terms
from .resume import load_state, save_state

_CHUNK = 50  # optimiser steps between two lines of the log
_LAST_RATE = 0.05  # of the learning rate, at the end
_HELD_OUT = 10  # one of so many trajectories is kept for the log

Log = list[dict[str, float]]


class _State(NamedTuple):
    """What a training goes on from."""

    layers: Any
    optimiser: Any
    model: DiscreteModel
    step: Int[Array, ""]


class Seen(NamedTuple):
    """What there is to learn from."""

    emissions: Float[Array, "N T d"]
    actions: Int[Array, "N T-1"]


def train(
    seen: Seen,
    model: DiscreteModel,
    settings: Discrete,
    seed: int,
    folder: Path,
    show: Callable[[int, float], None],
) -> tuple[CategoricalEncoder, DiscreteModel, Log]:
    """An encoder for the agent with this ``model``, and the model, learned where it has counts.

    That begins with the second half of the steps, when the encoder tells the states apart.

    The log has a line for every 50 steps: the terms of the objective on trajectories that are kept
    from learning. After each the state is kept in ``folder``, from where a training that was cut
    off goes on; ``show`` is told of steps and loss.
    """
    kept = -(-seen.emissions.shape[0] // _HELD_OUT)
    held_out = Seen(*(jnp.asarray(x[:kept]) for x in seen))
    seen = Seen(*(jnp.asarray(x[kept:]) for x in seen))
    layers = first_layers(seen.emissions.shape[-1], model, settings, seed)
    encoder = encoder_for(seen.emissions, layers, settings.temperature)
    start = _optimiser(settings).init(layers)
    state, log = load_state(folder, _State(layers, start, model, jnp.zeros((), jnp.int32)))
    key = jax.random.key(seed)
    while (step := int(state.step)) < settings.steps:
        stop = min(step + _CHUNK, settings.steps)
        state = _advance(encoder, state, seen, key, jnp.arange(step, stop), settings)
        encoder = encoder.with_layers(state.layers)
        if _learns(model) and 2 * stop >= settings.steps:
            state = state._replace(model=_counted(model, encoder, state.model, seen))
        log.append(_line(stop, _measured(encoder, state.model, held_out), settings))
        save_state(folder, state, log)
        show(stop, log[-1]["loss"])
    return encoder.with_layers(state.layers), state.model, log


def first_layers(inputs: int, model: DiscreteModel, settings: Discrete, seed: int):
    """The network that a training with this ``seed`` begins with."""
    return random_layers(jax.random.key(seed), inputs, settings.width, model.observations)


def consistency_at(step: Float[Array, ""], settings: Discrete) -> Float[Array, ""]:
    """Weight of the divergence: it falls to its last value until half of the steps are done."""
    left = jnp.clip(1 - 2 * step / settings.steps, 0.0)
    return settings.consistency_final + left * (settings.consistency - settings.consistency_final)


def _optimiser(settings: Discrete) -> optax.GradientTransformation:
    return optax.adam(
        optax.cosine_decay_schedule(settings.learning_rate, settings.steps, _LAST_RATE)
    )


@partial(jax.jit, static_argnames="settings")
def _advance(
    encoder: CategoricalEncoder,
    state: _State,
    seen: Seen,
    key: Array,
    steps: Int[Array, "S"],
    settings: Discrete,
) -> _State:
    """Some optimiser steps, on random trajectories."""
    optimiser = _optimiser(settings)

    def loss(layers, step):
        drawn = jax.random.randint(
            jax.random.fold_in(key, step), (settings.batch,), 0, seen.emissions.shape[0]
        )
        emissions, actions = (x[drawn] for x in seen)
        told = terms(encoder.with_layers(layers), state.model, emissions, actions)
        return told.loss(consistency_at(step, settings))

    def advance(carry, step):
        layers, inner = carry
        updates, inner = optimiser.update(jax.grad(loss)(layers, step), inner, layers)
        return (optax.apply_updates(layers, updates), inner), None

    (layers, inner), _ = jax.lax.scan(advance, (state.layers, state.optimiser), steps)
    return state._replace(layers=layers, optimiser=inner, step=steps[-1] + 1)


@jax.jit
def _measured(encoder: CategoricalEncoder, model: DiscreteModel, seen: Seen) -> Terms:
    return terms(encoder, model, *seen)


@jax.jit
def _counted(
    vague: DiscreteModel, encoder: CategoricalEncoder, model: DiscreteModel, seen: Seen
) -> DiscreteModel:
    """The ``vague`` model after Dirichlet updates by all there is to see, as ``model`` sees it.

    As an observation counts the likeliest category: A becomes how often the encoder is wrong. Its
    distributions are soft for other reasons, and would make A the flatter the softer they are.
    """
    observations = encoder(seen.emissions)
    beliefs = engine.filtered(model, observations, seen.actions).beliefs
    counting = DiscreteModel(
        model.likelihood,
        model.transition,
        model.prior,
        vague.likelihood_counts,
        vague.transition_counts,
    )
    decided = jax.nn.one_hot(observations.argmax(axis=-1), model.observations)
    return engine.learned(counting, decided, seen.actions, beliefs)


def _learns(model: DiscreteModel) -> bool:
    return model.likelihood_counts is not None or model.transition_counts is not None


def _line(step: int, told: Terms, settings: Discrete) -> dict[str, float]:
    weight = float(consistency_at(jnp.asarray(step), settings))
    return {
        "step": step,
        "loss": float(told.loss(weight)),
        "free_energy": float(told.free_energy),
        "alone": float(told.alone),
        "divergence": float(told.divergence),
        "consistency": weight,
    }


def as_seen(emissions: np.ndarray, actions: np.ndarray) -> Seen:
    """Trajectories as the training takes them."""
    return Seen(jnp.asarray(emissions, jnp.float32), jnp.asarray(actions, jnp.int32))
