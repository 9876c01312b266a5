"""Observation factors that encode a raw observation into a message about the state."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .check import is_traced, pytree
from .gaussian import Gaussian
from .readings import Readings, in_floats, stacked
from .rows import Rows, message_rows


class EncoderSensor:
    """An observation factor whose ``encode`` turns a raw observation into a message.

    ``encode`` may be a jax function, which then runs compiled for all observations at once, or
    any Python function, which is called for each. A missing observation sends no message.
    """

    encode: Any

    linear = True

    def fits(self, dim: int) -> str | None:
        """An encoder is judged by its first message."""
        del dim
        return None

    def gather(self, name: str, observations: Any) -> Readings:
        """Stack what is there, or encode it at once where jax cannot look into the encoder."""
        told = np.array([not is_missing(value) for value in observations])
        if len(told) == 1 and told[0] and isinstance(observations[0], np.ndarray):
            values = observations[0][None]
            if values.dtype != object and _traceable(self.encode, values[0]):
                return Readings(values, told)
        if not told.any():
            return Readings(None, told)
        first = observations[int(np.argmax(told))]
        if stacked(observations):
            array: Any = jnp if isinstance(observations, jax.Array) else np
            values = array.where(_along(told, observations), observations, 0)
        else:
            filled = [v if here else first for v, here in zip(observations, told, strict=True)]
            values = _stack(name, filled)
        if values is not None and _traceable(self.encode, values[0]):
            return Readings(values, told)
        found = [self.encode(v) for v, here in zip(observations, told, strict=True) if here]
        for message in found:
            if not isinstance(message, Gaussian):
                raise ValueError(
                    f"the encoder of {name!r} returned {type(message).__name__}: give a Gaussian"
                )
        shapes = {tuple(message.eta.shape) for message in found}
        if len(shapes) > 1:
            raise ValueError(
                f"the encoder of {name!r} returned messages about {sorted(shapes)} coordinates: "
                "all are of one state; return Gaussians of one size"
            )
        eta = np.zeros((len(told), *found[0].eta.shape))
        precision = np.zeros((len(told), *found[0].precision.shape))
        eta[told] = np.stack([message.eta for message in found])
        precision[told] = np.stack([message.precision for message in found])
        return Readings(Gaussian.of(*in_floats(eta, precision)), told)

    def messages(self, values: Any, states: Float[Array, "T n"]) -> Gaussian:
        """Messages of stacked observations, the same wherever the ``states`` are."""
        del states
        return jax.vmap(self.encode)(values)

    def rows(self, readings: Readings, states: Float[Array, "T n"]) -> Rows:
        """What the observations say near ``states``; nothing where none was made."""
        T, n = states.shape
        if readings.values is None:
            zero = jnp.zeros((T, n), states.dtype)
            return Rows(jnp.zeros((T, n, n), states.dtype), zero, zero[:, 0])
        messages = readings.values
        if not isinstance(messages, Gaussian):
            messages = self.messages(messages, states)
        _check_size("an encoder", messages.eta.shape[1:], n)
        told = readings.told
        eta = jnp.where(told[:, None], messages.eta, 0.0)
        precision = jnp.where(told[:, None, None], messages.precision, 0.0)
        return message_rows(Gaussian.of(eta, precision))

    def message_shape(self, readings: Readings) -> tuple[int, ...] | None:
        """Shape of each message's ``eta``; None where only a query finds out."""
        values = readings.values
        if values is None or isinstance(values, Gaussian):
            return None if values is None else tuple(values.eta.shape[1:])
        try:
            return _shape_of(self.encode, values.shape[1:], values.dtype)
        except TypeError:  # as in _traceable
            return None

    def expect(self, state: Float[Array, "n"]) -> Any:
        """The decoded state, where there is a decoder."""
        decode = getattr(self, "decode", None)
        return None if decode is None else decode(state)

    def near(self, state: Float[Array, "n"]) -> None:
        """None: an encoder's precision is known when it has seen something."""
        del state


@pytree(static=("encode", "decode"))
@dataclass(frozen=True)
class Frozen(EncoderSensor):
    """A fixed encoder: ``encode(observation)`` is the :class:`Gaussian` message on the state.

    ``decode(state)``, where given, is the observation that a state leads to. An observation is
    missing where it is None, and all of it where any of it is NaN: an encoder cannot leave out a
    coordinate, as :class:`FixedSensor` does.
    """

    encode: Callable[[Any], Gaussian]  # type: ignore[assignment]
    decode: Callable[[Array], Any] | None = None

    def __post_init__(self) -> None:
        if not callable(self.encode) or not (self.decode is None or callable(self.decode)):
            raise ValueError(
                "encode and decode must be functions: encode(observation) -> Gaussian, "
                "decode(state) -> observation"
            )


def check_messages(name: str, sensor: Any, readings: Readings, dim: int) -> None:
    """ValueError where an encoder's messages are about another number of coordinates."""
    shape = sensor.message_shape(readings) if isinstance(sensor, EncoderSensor) else None
    if shape is not None:
        _check_size(f"the encoder of {name!r}", shape, dim)


def _check_size(who: str, shape: tuple[int, ...], dim: int) -> None:
    if shape != (dim,):
        raise ValueError(
            f"{who} returned a message about {shape} coordinates, but the state of its block has "
            f"({dim},): it would speak of other coordinates; return a Gaussian of {dim}"
        )


def is_missing(value: Any) -> bool:
    """Whether an observation is None, or has a NaN where an encoder would meet it."""
    if value is None:
        return True
    if is_traced(value):
        return False
    array = np.asarray(value) if not isinstance(value, dict | Gaussian) else None
    return array is not None and array.dtype.kind == "f" and bool(np.isnan(array).any())


def _along(told: np.ndarray, values: Any) -> np.ndarray:
    return told.reshape(-1, *(1,) * (values.ndim - 1))


def _stack(name: str, observations: list[Any]) -> Any:
    if any(map(is_traced, observations)):
        return jnp.stack([jnp.asarray(value) for value in observations])
    try:
        arrays = [np.asarray(value) for value in observations]
    except (TypeError, ValueError):
        return None
    if any(array.dtype == object for array in arrays):
        return None
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ValueError(
            f"observations of {name!r} have the shapes {sorted(shapes)}: an encoder takes one"
        )
    return np.stack(arrays)


def _traceable(encode: Callable, example: Any) -> bool:
    """Whether jax can look into ``encode``."""
    try:
        return _shape_of(encode, np.shape(example), example.dtype) is not None
    except TypeError:  # a method of a pytree, whose arrays cannot be hashed: made for jax
        return True


def _shape_of(encode: Callable, shape: tuple[int, ...], dtype: Any) -> tuple[int, ...] | None:
    """Shape of the ``eta`` that ``encode`` makes of an array; None where jax cannot look inside."""
    return _shape_at(encode, shape, jax.dtypes.canonicalize_dtype(dtype))


@lru_cache(maxsize=256)
def _shape_at(encode: Callable, shape: tuple[int, ...], dtype: Any) -> tuple[int, ...] | None:
    try:
        found = jax.eval_shape(encode, jax.ShapeDtypeStruct(shape, dtype))
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError, TypeError, ValueError):
        return None
    return tuple(found.eta.shape) if isinstance(found, Gaussian) else None
