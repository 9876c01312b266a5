"""A block: one slice of the state, with its transition and its observations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from .check import default_float, is_traced, pytree, replaced, store
from .factor import Transition
from .gaussian import Belief

_WIDE = 10.0


@pytree("transition", "observe", "prior", static=("name",))
@dataclass(frozen=True, init=False, eq=False)
class Block:
    """One slice of the state.

    ``transition`` is its dynamics; ``observe`` a sensor, a dict of sensors by name, or None;
    ``prior`` the belief about its first state, by default of standard deviation 10 around zero.
    """

    name: str
    transition: Any  # a Transition
    observe: dict[str, Any]  # of Sensors
    prior: Belief

    def __init__(
        self,
        name: str,
        transition: Transition,
        observe: Any = None,
        prior: Belief | None = None,
    ) -> None:
        if not isinstance(name, str) or not name or name == "control":
            raise ValueError(
                f"name is {name!r}: give a text that is not 'control', the key of the controls"
            )
        for attribute in ("dim", "controls", "local"):
            if not hasattr(transition, attribute):
                raise ValueError(
                    f"transition of block {name!r} is {type(transition).__name__}: give a "
                    "transition factor such as LearnedLinear or KnownPhysics"
                )
        n = transition.dim
        if n == 0:
            raise ValueError(
                f"transition of block {name!r} has no coordinates: there is no state to infer; "
                "give matrices of at least 1 row"
            )
        observe = {} if observe is None else observe
        sensors = dict(sorted(observe.items())) if isinstance(observe, Mapping) else {"": observe}
        for key, sensor in sensors.items():
            _check_sensor(name, key, sensor, n)
        prior = Belief.of(jnp.zeros(n), _WIDE * jnp.eye(n)) if prior is None else prior
        if not isinstance(prior, Belief) or prior.mean.shape != (n,):
            raise ValueError(
                f"prior of block {name!r} must be a Belief about the {n} coordinates of its state"
            )
        _check_noise(f"transition of block {name!r}", transition, prior)
        for key, sensor in sensors.items():
            _check_noise(_place(name, key), sensor, prior)
        store(self, name=name, transition=transition, observe=sensors, prior=prior)

    @property
    def dim(self) -> int:
        """Number of state coordinates."""
        return self.transition.dim

    @property
    def sensors(self) -> dict[str, Any]:
        """Sensors by name; a single one may have the name ``""``."""
        return self.observe

    def replaced(self, **fields: Any) -> "Block":
        """The same block with another transition or other sensors, which have been checked."""
        return replaced(self, **fields)

    def key(self, sensor: str) -> str:
        """How a sensor is called in messages."""
        return f"{self.name}.{sensor}" if sensor else self.name


def _check_sensor(block: str, key: str, sensor: Any, dim: int) -> None:
    where = _place(block, key)
    for attribute in ("gather", "rows", "fits"):
        if not hasattr(sensor, attribute):
            raise ValueError(
                f"{where} is {type(sensor).__name__}: give a sensor such as Frozen(encode), "
                "FixedSensor or CallableSensor"
            )
    wrong = sensor.fits(dim)
    if wrong:
        raise ValueError(f"{where} does not fit a state of {dim} coordinates: {wrong}")


def _check_noise(where: str, part: Any, prior: Belief) -> None:
    """What a user's function of the state returns, looked at where a query begins."""
    check = getattr(part, "check_noise", None)
    if check is None or is_traced(prior.mean):
        return
    try:
        check(jnp.asarray(prior.mean, default_float()))
    except ValueError as error:
        raise ValueError(f"{where}, at the mean of the block's prior: {error}") from None


def _place(block: str, key: str) -> str:
    return f"observe of block {block!r}" + (f", sensor {key!r}," if key else "")
