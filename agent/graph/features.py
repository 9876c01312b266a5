"""Features of state and control: what the last layer of a nonlinear transition is linear in."""

import math
import operator
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .check import is_traced, pytree, shape_line, store, vector, whole

Powers = tuple[tuple[int, ...], ...]


@pytree("scale", static=("powers", "reach"))
@dataclass(frozen=True)
class PolynomialFeatures:
    """Monomials of scaled inputs.

    ``scale`` ``(inputs,)`` divides the inputs; ``powers`` lists for each monomial the indices of
    the inputs that it multiplies, as :func:`polynomial_powers` orders them. Beyond ``reach``
    scales an input counts as if it were at ``reach``, or a polynomial would run away with a state
    that is far from all data.

    Raises ValueError where ``scale`` or ``reach`` is not positive, or ``scale`` has no entry for
    an input that is multiplied, or a monomial's prefix is not listed.
    """

    scale: Float[Array, "inputs"]
    powers: Powers
    reach: float = math.inf

    def __post_init__(self) -> None:
        powers = _checked_powers(self.powers)
        store(self, scale=_checked_scale(self.scale, powers), powers=powers)
        if isinstance(self.reach, bool | str) or not self.reach > 0:
            raise ValueError(
                f"reach is {self.reach!r}: every input would count as one number; give one above 0"
            )

    @property
    def count(self) -> int:
        """Number of features."""
        return len(self.powers)

    def __call__(self, inputs: Float[Array, "inputs"]) -> Float[Array, "features"]:
        """Each monomial is its prefix times one more input: one gather and product a degree."""
        scaled = jnp.clip(inputs / self.scale, -self.reach, self.reach)
        values = jnp.ones((1,), scaled.dtype)
        for parents, factors in _levels(self.powers):
            values = jnp.concatenate([values, values[parents] * scaled[factors]])
        return values


def polynomial_powers(states: int, controls: int, degree: int, control_degree: int) -> Powers:
    """Monomials up to ``degree`` in the states; each control times those up to ``control_degree``.

    Inputs are numbered with the states first. The list is ordered by degree and holds every
    prefix of each of its members. Raises ValueError for a number that is negative.
    """
    states, controls = whole("states", states, 0), whole("controls", controls, 0)
    degree = whole("degree", degree, 0)
    control_degree = whole("control_degree", control_degree, 0)
    powers = [
        power
        for total in range(degree + 1)
        for power in combinations_with_replacement(range(states), total)
    ]
    powers += [
        (states + control, *power)
        for control in range(controls)
        for total in range(control_degree + 1)
        for power in combinations_with_replacement(range(states), total)
    ]
    return tuple(sorted(powers, key=len))


def _checked_scale(scale: Any, powers: Powers) -> Float[Array, "inputs"]:
    array = vector("scale", scale)
    inputs = 1 + max((index for power in powers for index in power), default=-1)
    if array.shape[0] < inputs:
        raise ValueError(shape_line("scale", array.shape, (inputs,)))
    values = None if is_traced(array) else np.asarray(array)
    if values is not None and not (values > 0).all():
        place = int(np.argmin(values > 0))
        raise ValueError(
            f"scale[{place}] is {values[place]:g}: it divides an input; give one above 0"
        )
    return array


def _checked_powers(powers: Any) -> Powers:
    try:
        found = tuple(tuple(operator.index(index) for index in power) for power in powers)
    except TypeError:
        found = ()
    listed = set(found)
    for power in found:
        if any(index < 0 for index in power) or (power and power[:-1] not in listed):
            raise ValueError(
                f"powers hold {power}, but not its prefix {power[:-1]}, or an index below 0: it is "
                "that prefix times one more input; give the list of polynomial_powers"
            )
    if not found or found[0]:
        raise ValueError(
            f"powers are {powers!r}: every monomial starts from the empty one; give the list of "
            "polynomial_powers"
        )
    return found


def _levels(powers: Powers) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each degree: positions of the prefixes, and the inputs that multiply them."""
    position = {power: index for index, power in enumerate(powers)}
    levels = []
    for degree in range(1, len(powers[-1]) + 1):
        group = [power for power in powers if len(power) == degree]
        parents = np.array([position[power[:-1]] for power in group])
        levels.append((parents, np.array([power[-1] for power in group])))
    return levels
