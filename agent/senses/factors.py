"""What the readings of remote sensors say about the state: observation factors, one a sensor."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float, UInt8

from ...configs.sections import Sensor
from ...configs.settings import SettingsError
from ..graph.check import covariance, matrix, pytree, vector
from ..graph.features import PolynomialFeatures
from ..graph.layer import Layer, layer_of
from ..graph.square_root import exact_lower_root
from ..model import Model
from ..pose_sensor import PoseSensor
from ..store.errors import ModelError
from .factor_file import digest_of, load_factor


@pytree("matrix", "offset", "root")
@dataclass(frozen=True)
class Linear:
    """A declared sensor: ``reading = matrix x + offset + root ε``, ``ε ~ N(0, I)``.

    ``matrix`` ``(m, n)``, ``offset`` ``(m,)``, ``root`` ``(m, m)``.
    """

    matrix: Float[Array, "m n"]
    offset: Float[Array, "m"]
    root: Float[Array, "m m"]

    capacity = 8  # readings in one compiled call

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a reading."""
        return (self.root.shape[0],)

    dtype = np.float32

    def heard(self, value: Float[Array, "m"], state: Float[Array, "n"]):
        """The factor near ``state``, and the reading that it is about."""
        del state
        return self, value

    def expect(self, state: Float[Array, "n"]) -> Float[Array, "m"]:
        """Expected reading at the ``state`` of its own moment."""
        return self.matrix @ state + self.offset

    def noise_root(self, state: Float[Array, "n"]) -> Float[Array, "m m"]:
        """Root of the covariance of its noise there."""
        del state
        return self.root


@pytree("features", "layer")
@dataclass(frozen=True)
class Taught:
    """A sensor whose factor was learned: ``reading = W φ(p, v) + ε``.

    ``layer`` is the posterior of ``W`` ``(m, k)`` and of ε's covariance. The noise is that of the
    predictive Student t, wider where φ ``(k,)`` has not been seen.
    """

    features: PolynomialFeatures
    layer: Layer

    capacity = 8
    dtype = np.float32

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a reading."""
        return (self.layer.mean.shape[0],)

    def heard(self, value: Float[Array, "m"], state: Float[Array, "n"]):
        """The factor near ``state``, and the reading that it is about."""
        del state
        return self, value

    def expect(self, state: Float[Array, "n"]) -> Float[Array, "m"]:
        """Expected reading at the ``state`` of its own moment."""
        return self.layer.mean @ self._phi(state)

    def noise_root(self, state: Float[Array, "n"]) -> Float[Array, "m m"]:
        """Root of the covariance of its noise there."""
        return self.layer.noise(self._phi(state), "predictive")

    def _phi(self, state):
        return self.features(state[: self.features.scale.shape[0]])


@pytree("sensor", static=("shape",))
@dataclass(frozen=True)
class Sight:
    """A remote camera that sees what the agent's own does: its message is that of the model."""

    sensor: PoseSensor
    shape: tuple[int, int, int]

    capacity = 1
    dtype = np.uint8

    def heard(self, value: UInt8[Array, "height width channels"], state: Float[Array, "n"]):
        """The message near ``state`` as a reading of the pose."""
        message = self.sensor.messages(value[None], state[None])
        corner = jnp.linalg.cholesky(message.precision[0])
        d = corner.shape[0]
        one = jnp.eye(d, state.shape[0], dtype=state.dtype)
        inverse = solve_triangular(corner, one[:, :d], lower=True)
        pose = inverse.T @ (inverse @ message.eta[0])
        return Linear(one, jnp.zeros(d), jnp.linalg.cholesky(inverse.T @ inverse)), pose


Sense = Linear | Taught | Sight


def senses_of(
    sensors: Mapping[str, Sensor], model: Model, factors: Mapping[str, Path] | None = None
) -> dict[str, Sense]:
    """The senses of the ``sensors`` that are declared; one that says nothing has none.

    ``factors`` says where a copy of a sensor's factor file lies. Raises ``ValueError`` in one line
    for a matrix, an offset or a covariance that does not fit, and for a factor file that
    is missing, damaged, or made for another sensor or another model.
    """
    copies = factors or {}
    found = {name: _sense(name, each, model, copies.get(name)) for name, each in sensors.items()}
    return {name: sense for name, sense in found.items() if sense is not None}


def _sense(name: str, sensor: Sensor, model: Model, copy: Path | None) -> Sense | None:
    place = f"sensors.{name}"
    given = [key for key in ("matrix", "offset", "covariance", "factor") if getattr(sensor, key)]
    if sensor.kind == "frame":
        return _sight(place, model, given)
    if sensor.factor:
        if len(given) > 1:
            raise SettingsError(
                f"{place} has a factor and {given[0]}, too: they say the same; leave one out"
            )
        return _taught(name, sensor, model, copy)
    if sensor.matrix:
        return _linear(place, sensor, model)
    if given:
        raise SettingsError(
            f"{place} has {given[0]} but no matrix: it would say nothing; give a matrix"
        )
    return None


def _sight(place: str, model: Model, given: list[str]) -> Sight:
    if given:
        raise SettingsError(
            f"{place} sends pictures, and has {given[0]}: the model's encoder reads them; leave "
            "it out"
        )
    if model.encoder.window > 1:
        raise ModelError(
            f"{place} sends pictures, but the model's encoder looks at {model.encoder.window} "
            "in a row: choose a model whose encoder looks at one"
        )
    return Sight(model.sensor, model.frame_shape)


def _linear(place: str, sensor: Sensor, model: Model) -> Linear:
    m, n = sensor.size, model.transition.dim
    rows, columns = len(sensor.matrix), {len(row) for row in sensor.matrix}
    if rows != m or len(columns) != 1 or not 1 <= min(columns) <= n:
        found = f"{rows} rows of {', '.join(map(str, sorted(columns)))}"
        raise SettingsError(
            f"{place}.matrix has {found} numbers: a reading of {m} about a state of {n} takes {m} "
            f"rows of 1 to {n}"
        )
    if not sensor.covariance:
        raise SettingsError(
            f"{place}.covariance is missing: how far the matrix is to be trusted is not known; "
            f"give {m} rows of {m} numbers"
        )
    width = min(columns)

    def checked(key: str, check: Any, *details: Any) -> Array:
        try:
            return check(f"{place}.{key}", getattr(sensor, key), *details)
        except (TypeError, ValueError) as error:
            reason = (str(error).splitlines() or [""])[0]
            raise SettingsError(
                reason if place in reason else f"{place}.{key}: {reason}: give {m} numbers in a row"
            ) from None

    known = checked("matrix", matrix, (m, width))
    offset = checked("offset", vector, m) if sensor.offset else jnp.zeros(m)
    checked("covariance", covariance, m, True)
    root = exact_lower_root(np.asarray(sensor.covariance))
    return Linear(jnp.pad(known, ((0, 0), (0, n - width))), offset, jnp.asarray(root, known.dtype))


def _taught(name: str, sensor: Sensor, model: Model, copy: Path | None) -> Taught:
    file = sensor.factor
    try:
        factor = load_factor(copy or Path(file), file)
    except ModelError as error:
        raise ModelError(f"sensors.{name}.factor cannot be used: {error}") from None
    again = "teach it again with 'jopa-agent calibrate'"
    inputs = 2 * model.transition.outputs
    size, poses = factor.posterior.mean.shape[0], factor.features.scale.shape[0]
    if size != sensor.size:
        raise ModelError(
            f"factor file {file!r} is about readings of {size}, but sensors.{name}.size is "
            f"{sensor.size}: correct the size, or {again}"
        )
    if sensor.units and factor.units and sensor.units != factor.units:
        raise ModelError(
            f"factor file {file!r} is about {factor.units!r}, but sensors.{name}.units is "
            f"{sensor.units!r}: correct the units, or {again}"
        )
    if factor.digest != digest_of(model) or poses != inputs:
        raise ModelError(
            f"factor file {file!r} was taught with another model, whose poses mean something "
            f"else: {again}"
        )
    return Taught(factor.features, layer_of(factor.posterior))
