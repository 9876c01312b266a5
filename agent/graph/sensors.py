"""Observation factors: what a raw observation says about the state of a block."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Bool, Float

from .check import covariance, is_traced, matrix, pytree, store, vector, whole
from .gaussian import Gaussian
from .rows import Rows, message_rows, reading_rows
from .square_root import root_of


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


@pytree("C", "R", "offset", "root")
@dataclass(frozen=True, init=False, eq=False)
class FixedSensor:
    """``y = C x + offset + N(0, R)``: ``C`` (m, n), ``R`` (m, m), ``offset`` (m,).

    Coordinates of ``y`` that are NaN are missing, all of it where it is None.
    """

    C: Float[Array, "m n"]
    R: Float[Array, "m m"]
    offset: Float[Array, "m"]
    root: Float[Array, "m m"]

    linear = True

    def __init__(self, C: Any, R: Any, offset: Any = None) -> None:
        C = matrix("C", C)
        R_given, R = R, covariance("R", R, C.shape[0], definite=True)
        offset = jnp.zeros(C.shape[0]) if offset is None else vector("offset", offset, C.shape[0])
        store(self, C=C, R=R, offset=offset, root=root_of(R_given, R))

    def fits(self, dim: int) -> str | None:
        """What is wrong with it for a state of ``dim`` coordinates."""
        columns = self.C.shape[1]
        return None if columns == dim else f"C has {columns} columns, but the state {dim}"

    def gather(self, name: str, observations: Sequence[Any]) -> Readings:
        """Readings ``(T, m)``; a number counts as a vector of one."""
        return gather_vectors(name, observations, self.C.shape[0])

    def rows(self, readings: Readings, states: Float[Array, "T n"]) -> Rows:
        """The same everywhere: ``states`` is not looked at."""
        del states
        values = _told_only(readings) - self.offset
        T, m = values.shape

        def whole(values):
            known = jnp.where(jnp.isnan(values), 0.0, values)  # where this branch is not taken
            white = solve_triangular(
                self.root, jnp.concatenate([self.C, known.T], axis=1), lower=True
            )
            n = self.C.shape[1]
            volume = jnp.log(jnp.abs(jnp.diag(self.root))).sum()
            scale = -volume - 0.5 * m * math.log(2 * math.pi)
            matrix = jnp.broadcast_to(white[:, :n], (T, m, n))
            return Rows(matrix, white[:, n:].T, jnp.broadcast_to(scale, (T,)))

        def in_part(values):
            return jax.vmap(lambda y: reading_rows(self.C, y, self.root))(values)

        return jax.lax.cond(jnp.isnan(values).any(), in_part, whole, values)

    def expect(self, state: Float[Array, "n"]) -> Float[Array, "m"]:
        """Expected reading."""
        return self.C @ state + self.offset

    def near(self, state: Float[Array, "n"]) -> tuple[Array, Array]:
        """Matrix and noise covariance: the same everywhere."""
        del state
        return self.C, self.R


@pytree("R", "root", static=("function", "noise", "outputs"))
@dataclass(frozen=True, init=False, eq=False)
class CallableSensor:
    """``y = function(x) + N(0, noise)``, with ``noise`` a covariance or a function ``R(x)``.

    ``function`` and a callable ``noise`` are jax functions of the state ``(n,)``, to ``(m,)`` and
    ``(m, m)``; they are linearised wherever a query needs it.
    """

    function: Callable[[Array], Array]
    noise: Callable[[Array], Array] | None
    R: Float[Array, "m m"] | None
    root: Float[Array, "m m"] | None
    outputs: int

    linear = False

    def __init__(self, function: Callable, noise: Any, outputs: int) -> None:
        outputs = whole("outputs", outputs, 1)
        varies = callable(noise)
        R = None if varies else covariance("noise", noise, outputs, definite=True)
        root = None if R is None else root_of(noise, R)
        noise = noise if varies else None
        store(self, function=function, noise=noise, R=R, root=root, outputs=outputs)

    def fits(self, dim: int) -> str | None:
        """What is wrong with it for a state of ``dim`` coordinates."""
        state = jax.ShapeDtypeStruct((dim,), jnp.result_type(float))
        wanted = {"function": (self.outputs,), "noise": (self.outputs, self.outputs)}
        for part, shape in wanted.items():
            function = getattr(self, part)
            if function is None:
                continue
            try:
                found = tuple(jax.eval_shape(function, state).shape)
            except Exception as error:  # whatever a user's function raises  # noqa: BLE001
                reason = str(error).splitlines()[0]
                return f"{part} fails on a state of {dim} ({type(error).__name__}: {reason})"
            if found != shape:
                return f"{part} returns the shape {found}, but outputs={self.outputs} needs {shape}"
        return None

    def gather(self, name: str, observations: Sequence[Any]) -> Readings:
        """Readings ``(T, m)``; a number counts as a vector of one."""
        return gather_vectors(name, observations, self.outputs)

    def rows(self, readings: Readings, states: Float[Array, "T n"]) -> Rows:
        """First-order expansion at ``states``."""

        def at(y, state):
            slope = jax.jacfwd(self.function)(state)
            return reading_rows(
                slope, y - self.function(state) + slope @ state, self.noise_root(state)
            )

        return jax.vmap(at)(_told_only(readings), states)

    def covariance(self, state: Float[Array, "n"]) -> Float[Array, "m m"]:
        """Covariance of the noise at ``state``."""
        if self.noise is not None:
            return self.noise(state)
        assert self.R is not None
        return self.R

    def noise_root(self, state: Float[Array, "n"]) -> Float[Array, "m m"]:
        """A root of that covariance."""
        if self.noise is not None:
            return jnp.linalg.cholesky(self.noise(state))
        assert self.root is not None
        return self.root

    def expect(self, state: Float[Array, "n"]) -> Float[Array, "m"]:
        """Expected reading."""
        return self.function(state)

    def near(self, state: Float[Array, "n"]) -> tuple[Array, Array]:
        """Matrix and noise covariance at ``state``."""
        return jax.jacfwd(self.function)(state), self.covariance(state)


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
        if _stacked(observations):
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
        eta = np.zeros((len(told), *found[0].eta.shape))
        precision = np.zeros((len(told), *found[0].precision.shape))
        eta[told] = np.stack([message.eta for message in found])
        precision[told] = np.stack([message.precision for message in found])
        return Readings(Gaussian.of(*_floats(eta, precision)), told)

    def rows(self, readings: Readings, states: Float[Array, "T n"]) -> Rows:
        """The same everywhere: ``states`` is looked at for its shape alone."""
        T, n = states.shape
        if readings.values is None:
            zero = jnp.zeros((T, n), states.dtype)
            return Rows(jnp.zeros((T, n, n), states.dtype), zero, zero[:, 0])
        messages = readings.values
        if not isinstance(messages, Gaussian):
            messages = jax.vmap(self.encode)(messages)
        told = readings.told
        eta = jnp.where(told[:, None], messages.eta, 0.0)
        precision = jnp.where(told[:, None, None], messages.precision, 0.0)
        return message_rows(Gaussian.of(eta, precision))

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

    ``decode(state)``, where given, is the observation that a state leads to.
    """

    encode: Callable[[Any], Gaussian]  # type: ignore[assignment]
    decode: Callable[[Array], Any] | None = None

    def __post_init__(self) -> None:
        if not callable(self.encode) or not (self.decode is None or callable(self.decode)):
            raise ValueError(
                "encode and decode must be functions: encode(observation) -> Gaussian, "
                "decode(state) -> observation"
            )


def gather_vectors(name: str, observations: Any, size: int) -> Readings:
    """Readings ``(T, size)``, NaN where missing; ValueError where one has another size."""
    if _stacked(observations):
        values = observations if observations.ndim > 1 else observations[:, None]
        if values.shape[1:] != (size,):
            raise ValueError(
                f"observations of {name!r} have the shape {values.shape}, but must be (T, {size})"
            )
        if isinstance(values, np.ndarray):
            _check_finite(name, values)
        array: Any = jnp if isinstance(values, jax.Array) else np
        return Readings(_floats(values)[0], ~array.isnan(values).all(1))
    values: Any = np.full((len(observations), size), np.nan)
    for index, value in enumerate(observations):
        if value is None:
            continue
        vector = np.atleast_1d(np.asarray(value, np.float64))
        if vector.shape != (size,):
            raise ValueError(
                f"observation {index} of {name!r} has the shape {vector.shape}, but must be "
                f"({size},): leave out coordinates by NaN, all of it by None"
            )
        values[index] = vector
    _check_finite(name, values)
    return Readings(_floats(values)[0], ~np.isnan(values).all(1))


def _told_only(readings: Readings) -> Float[Array, "T m"]:
    return jnp.where(readings.told[:, None], readings.values, jnp.nan)


def is_missing(value: Any) -> bool:
    """Whether an observation is None, or has a NaN where an encoder would meet it."""
    if value is None:
        return True
    if is_traced(value):
        return False
    array = np.asarray(value) if not isinstance(value, dict | Gaussian) else None
    return array is not None and array.dtype.kind == "f" and bool(np.isnan(array).any())


def _check_finite(name: str, values: np.ndarray) -> None:
    if values.dtype.kind not in "fiub":
        raise ValueError(f"observations of {name!r} are {values.dtype}, but must be numbers")
    if np.isinf(values).any():
        index = int(np.argwhere(np.isinf(values))[0][0])
        raise ValueError(
            f"observation {index} of {name!r} is infinite: nothing follows from it; give NaN or "
            "None where it is missing"
        )


def _stacked(observations: Sequence[Any]) -> bool:
    numeric = isinstance(observations, np.ndarray) and observations.dtype != object
    return numeric or isinstance(observations, jax.Array)


def _along(told: np.ndarray, values: Any) -> np.ndarray:
    return told.reshape(-1, *(1,) * (values.ndim - 1))


def _stack(name: str, observations: list[Any]) -> Any:
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
    shape, dtype = np.shape(example), jax.dtypes.canonicalize_dtype(example.dtype)
    try:
        return _traceable_at(encode, shape, dtype)
    except TypeError:  # a method of a pytree, whose arrays cannot be hashed: made for jax
        return True


@lru_cache(maxsize=256)
def _traceable_at(encode: Callable, shape: tuple[int, ...], dtype: Any) -> bool:
    try:
        found = jax.eval_shape(encode, jax.ShapeDtypeStruct(shape, dtype))
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError, TypeError, ValueError):
        return False
    return isinstance(found, Gaussian)


def _floats(*arrays: Any) -> tuple[Any, ...]:
    float_ = jnp.result_type(float)
    return tuple(
        x.astype(float_) if isinstance(x, jax.Array) else np.asarray(x, float_) for x in arrays
    )
