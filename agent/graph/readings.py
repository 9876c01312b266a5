"""Raw observations, stacked over time, and what an observation factor makes of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .check import default_float, is_traced
from .rows import Rows


class Readings(NamedTuple):
    """Raw observations stacked over time: ``values`` ``(T, ...)``, and which of them there are.

    Where an encoder had to be run outside jax, ``values`` are its messages.
    """

    values: Any
    told: Bool[Array | np.ndarray, "T"]


class Sensor(Protocol):
    """An observation factor; a pytree. ``linear`` says that its rows do not depend on the state.

    ``gather`` stacks raw observations, of which None and NaN are missing; ``rows`` are what they
    say, near ``states`` ``(T, n)``; ``expect`` is what would be observed in a state, or None where
    nothing can tell.
    """

    @property
    def linear(self) -> bool: ...

    def gather(self, name: str, observations: Sequence[Any]) -> Readings: ...

    def rows(self, readings: Readings, states: Float[Array, "T n"]) -> Rows: ...

    def expect(self, state: Float[Array, "n"]) -> Any: ...

    def near(self, state: Float[Array, "n"]) -> tuple[Array, Array] | None:
        """Matrix and noise covariance near ``state``, where they are known before any reading."""
        ...


def gather_vectors(name: str, observations: Any, size: int) -> Readings:
    """Readings ``(T, size)``, NaN where missing; ValueError where one has another size."""
    if stacked(observations):
        values = observations if observations.ndim > 1 else observations[:, None]
        if values.shape[1:] != (size,):
            raise ValueError(
                f"observations of {name!r} have the shape {values.shape}, but must be (T, {size})"
            )
        if not is_traced(values) and _complete(name, np.asarray(values)):
            return Readings(in_floats(values)[0], np.ones(len(values), bool))
        array: Any = jnp if isinstance(values, jax.Array) else np
        return Readings(in_floats(values)[0], ~array.isnan(values).all(1))
    if any(map(is_traced, observations)):
        return _traced_vectors(name, observations, size)
    values: Any = np.full((len(observations), size), np.nan)
    for index, value in enumerate(observations):
        if value is None:
            continue
        vector = _vector(name, index, value)
        if vector.shape != (size,):
            raise ValueError(
                f"observation {index} of {name!r} has the shape {vector.shape}, but must be "
                f"({size},): leave out coordinates by NaN, all of it by None"
            )
        values[index] = vector
    _complete(name, values)
    return Readings(in_floats(values)[0], ~np.isnan(values).all(1))


def _vector(name: str, index: int, value: Any) -> np.ndarray:
    try:
        return np.atleast_1d(np.asarray(value, np.float64))
    except ValueError as error:
        raise ValueError(
            f"observation {index} of {name!r} is no vector of numbers ({error}): a sensor reads "
            "numbers; give them, NaN or None where they are missing"
        ) from None


def _traced_vectors(name: str, observations: Sequence[Any], size: int) -> Readings:
    """As :func:`gather_vectors`, of a list in which jax traces some: NaN tells what is missing."""
    vectors = [
        jnp.full(size, jnp.nan) if value is None else jnp.atleast_1d(jnp.asarray(value))
        for value in observations
    ]
    for index, vector in enumerate(vectors):
        if vector.shape != (size,):
            raise ValueError(
                f"observation {index} of {name!r} has the shape {vector.shape}, but must be "
                f"({size},): leave out coordinates by NaN, all of it by None"
            )
    values = in_floats(jnp.stack(vectors))[0]
    return Readings(values, ~jnp.isnan(values).all(1))


def told_only(readings: Readings) -> Float[Array, "T m"]:
    return jnp.where(readings.told[:, None], readings.values, jnp.nan)


def _complete(name: str, values: np.ndarray) -> bool:
    """Whether nothing is NaN; ValueError where something is no number, or infinite."""
    if values.dtype.kind not in "fiub" and not jnp.issubdtype(values.dtype, jnp.floating):
        raise ValueError(f"observations of {name!r} are {values.dtype}, but must be numbers")
    if np.isfinite(values).all():
        return True
    if np.isinf(values).any():
        index = int(np.argwhere(np.isinf(values))[0][0])
        raise ValueError(
            f"observation {index} of {name!r} is infinite: nothing follows from it; give NaN or "
            "None where it is missing"
        )
    return False


def stacked(observations: Sequence[Any]) -> bool:
    numeric = isinstance(observations, np.ndarray) and observations.dtype != object
    return numeric or isinstance(observations, jax.Array)


def in_floats(*arrays: Any) -> tuple[Any, ...]:
    float_ = default_float()
    return tuple(
        x.astype(float_) if isinstance(x, jax.Array) else np.asarray(x, float_) for x in arrays
    )
