"""From what a user has recorded to the arrays that queries run on."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .block import Block
from .check import covariances, default_float, floats, is_traced
from .check_query import control_numbers, in_moments
from .encoder_sensor import check_messages
from .gaussian import Belief, Gaussian
from .rows import Rows, embed_rows, message_rows, stack_rows
from .system import Data

Trajectory = Mapping[str, Any]

CONTROL = "control"


def bucket(length: int) -> int:
    """The length that arrays of ``length`` are padded to, so that few sizes are ever compiled.

    The eighth of a power of two above: at most an eighth of the steps are padding.
    """
    if length <= 8:
        return length
    grain = 1 << max(length.bit_length() - 4, 0)
    return -(-length // grain) * grain


def length_of(blocks: tuple[Block, ...], observations: Trajectory, controls: Any) -> int:
    """Number of steps of a trajectory; ValueError where its parts do not agree on it."""
    if not isinstance(observations, Mapping):
        raise ValueError(
            f"observations are {type(observations).__name__}: give a dict of block name to the "
            "sequence of what was observed"
        )
    names = {block.name: block for block in blocks}
    lengths: dict[str, int] = {}
    for name, value in observations.items():
        if name == CONTROL:
            continue
        if name not in names:
            raise ValueError(f"observations of {name!r}, but the model's blocks are {list(names)}")
        for key, sequence in _sequences(names[name], value).items():
            lengths[key] = len(sequence)
    if controls is not None:
        lengths[CONTROL] = len(controls) + 1
    if not lengths:
        raise ValueError("observations are empty: give at least one sequence, or controls")
    if len(set(lengths.values())) > 1:
        found = ", ".join(
            f"{key!r} {length - 1} (one less than the steps)" if key == CONTROL
            else f"{key!r} {length}"
            for key, length in lengths.items()
        )  # fmt: skip
        raise ValueError(f"sequences of unequal lengths: {found}; mark what is missing by None")
    length = next(iter(lengths.values()))
    if length == 0:
        raise ValueError("sequences of length 0: at least one step is needed")
    return length


def gather(
    blocks: tuple[Block, ...],
    observations: Trajectory,
    controls: Any,
    steps: int,
    predicted: int = 0,
) -> Data:
    """Arrays of one trajectory, of which ``controls`` have been checked, padded to ``steps``.

    There is one control less than there are steps; where observations are fewer, nothing is
    observed at the end. The last ``predicted`` of them are beyond what was recorded.
    """
    length = controls.shape[0] + 1
    dim = sum(block.dim for block in blocks)
    readings, messages, start = [], [], 0
    for block in blocks:
        given = _sequences(block, observations.get(block.name))
        sensors = {block.key(name): sensor for name, sensor in block.sensors.items()}
        for key, sequence in given.items():
            raw, told = _split(block, sequence)
            if told is not None:
                messages.append(_longer(embed_rows(message_rows(told), start, dim), steps))
            given[key] = raw
            if key not in sensors and any(value is not None for value in raw):
                raise ValueError(
                    f"observations of {block.name!r}, which has no sensor: give its Block an "
                    "observe, or Gaussian messages"
                )
        for key, sensor in sensors.items():
            sequence = given.get(key)
            sequence = [None] * length if sequence is None else sequence
            found = sensor.gather(key, sequence)
            check_messages(key, sensor, found, block.dim)
            readings.append(_longer(found, steps))
        start += block.dim
    float_ = default_float()
    live = (np.arange(steps) < length).astype(float_)
    past = (np.arange(steps) < length - predicted).astype(float_)
    controls = _longer(controls, steps - 1).astype(float_)
    zeros: Any = np.zeros
    none = Rows(zeros((steps, 0, dim), float_), zeros((steps, 0), float_), live * 0)
    rows = stack_rows(*messages) if messages else none
    return Data(tuple(readings), rows, controls, live, past)


def checked_controls(controls: Any, length: int, size: int, name: str = "controls") -> Any:
    """Controls ``(length - 1, size)``; ValueError where they do not fit."""
    if controls is None:
        if size and length > 1:
            raise ValueError(
                f"{name} are missing: the model has {size}, so give an array ({length - 1}, {size})"
            )
        return np.zeros((length - 1, size))
    array = controls if isinstance(controls, jax.Array) else control_numbers(name, controls)
    if array.ndim == 1 and size == 1:
        array = array[:, None]
    if not size and array.size:
        raise ValueError(
            f"{name} of shape {array.shape} were given, but no block has a control: give a "
            "transition with controls, or leave them out"
        )
    if size and array.shape != (length - 1, size):
        raise ValueError(
            f"{name} have the shape {array.shape}, but {length} steps and {size} controls need "
            f"({length - 1}, {size}): one control between two steps"
        )
    values = None if is_traced(array) else np.asarray(array)
    if values is not None and not np.isfinite(values).all():
        step = int(np.argwhere(~np.isfinite(values))[0][0])
        raise ValueError(f"{name} at step {step} is {values[step]}: controls must be finite")
    return array if size else np.zeros((length - 1, 0))


def joint_prior(blocks: tuple[Block, ...], prior: Any) -> Belief:
    """Belief about the first joint state, from one, or from beliefs by block."""
    dim = sum(block.dim for block in blocks)
    if isinstance(prior, Belief | Gaussian) and len(blocks) == 1:
        prior = {blocks[0].name: prior}
    if isinstance(prior, Belief):
        if prior.mean.shape != (dim,):
            raise ValueError(f"prior has the mean {prior.mean.shape}, but the state is ({dim},)")
        return prior
    given = {} if prior is None else prior
    if not isinstance(given, Mapping):
        raise ValueError(f"prior is {type(prior).__name__}: give a Belief, or a dict of them")
    unknown = set(given) - {block.name for block in blocks}
    if unknown:
        raise ValueError(f"prior of {sorted(unknown)}, which are no blocks of this model")
    beliefs = [_belief(block, given.get(block.name)) for block in blocks]
    if len(beliefs) == 1:
        return beliefs[0]
    roots = jax.scipy.linalg.block_diag(*(belief.root for belief in beliefs))
    return Belief.of(jnp.concatenate([belief.mean for belief in beliefs]), roots)


def _belief(block: Block, given: Any) -> Belief:
    if given is None:
        return block.prior
    name = f"prior of {block.name!r}"
    belief = in_moments(name, given) if isinstance(given, Gaussian) else given
    if not isinstance(belief, Belief) or belief.mean.shape != (block.dim,):
        found = belief.mean.shape if isinstance(belief, Belief) else type(given).__name__
        raise ValueError(f"{name} is {found}: give a Belief about {block.dim} coordinates")
    return belief


def _sequences(block: Block, value: Any) -> dict[str, Sequence[Any]]:
    """Sequences by key; a block of several sensors has one for each."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        unknown = set(value) - set(block.sensors)
        if unknown:
            raise ValueError(
                f"observations of {sorted(unknown)} in block {block.name!r}, whose sensors are "
                f"{sorted(block.sensors) or 'none'}"
            )
        return {block.key(name): _sequence(block.key(name), v) for name, v in value.items()}
    if len(block.sensors) > 1:
        raise ValueError(
            f"block {block.name!r} has the sensors {sorted(block.sensors)}: give a dict of them"
        )
    name = next(iter(block.sensors), "")
    return {block.key(name): _sequence(block.name, value)}


def _sequence(name: str, value: Any) -> Sequence[Any]:
    if hasattr(value, "__len__") and not isinstance(value, str | bytes | Mapping):
        return value
    raise ValueError(
        f"observations of {name!r} are {type(value).__name__}: give a sequence, one entry a step"
    )


def _split(block: Block, sequence: Sequence[Any]) -> tuple[Sequence[Any], Gaussian | None]:
    """Raw observations, and the messages that stand among them."""
    if not isinstance(sequence, list | tuple):
        return sequence, None
    places = [i for i, value in enumerate(sequence) if isinstance(value, Gaussian | Belief)]
    if not places:
        return sequence, None
    n = block.dim
    float_ = default_float()
    eta = [np.zeros(n, float_)] * len(sequence)
    precision = [np.zeros((n, n), float_)] * len(sequence)
    for place in places:
        value = sequence[place]
        message = value.message() if isinstance(value, Belief) else value
        if message.eta.shape != (n,):
            raise ValueError(
                f"observation {place} of {block.name!r} is a message about {message.eta.shape} "
                f"coordinates, but the block has {n}"
            )
        eta[place], precision[place] = message.eta, message.precision  # type: ignore[call-overload]
    raw = [None if i in set(places) else value for i, value in enumerate(sequence)]
    traced = any(is_traced(x) for x in (*eta, *precision))
    stack: Any = jnp.stack if traced else np.stack
    told = Gaussian.of(*(stack(x).astype(float_) for x in (eta, precision)))
    if not traced:  # a message that was made by Gaussian.of, or is a quotient
        name = f"a message among the observations of {block.name!r}: its"
        floats(f"{name} eta", told.eta)
        covariances(f"{name} precision", floats(f"{name} precision", told.precision))
    return raw, told


def _longer(values: Any, steps: int) -> Any:
    """Arrays stacked over time, with zeros up to ``steps`` in all."""

    def longer(x):
        spare = steps - x.shape[0]
        if not spare:
            return x
        zeros: Any = jnp.zeros if is_traced(x) else np.zeros
        array: Any = jnp if is_traced(x) else np
        return array.concatenate([x, zeros((spare, *x.shape[1:]), x.dtype)])

    return jax.tree.map(longer, values)


def as_floats(values: Any) -> Array:
    """``values`` in jax's default float type."""
    return jnp.asarray(values, default_float())
