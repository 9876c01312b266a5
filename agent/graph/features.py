"""Features of state and control: what the last layer of a nonlinear transition is linear in."""

import math
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Powers = tuple[tuple[int, ...], ...]


@partial(jax.tree_util.register_dataclass, data_fields=["scale"], meta_fields=["powers", "reach"])
@dataclass(frozen=True)
class PolynomialFeatures:
    """Monomials of scaled inputs.

    ``scale`` ``(inputs,)`` divides the inputs; ``powers`` lists for each monomial the indices of
    the inputs that it multiplies, as :func:`polynomial_powers` orders them. Beyond ``reach``
    scales an input counts as if it were at ``reach``, or a polynomial would run away with a state
    that is far from all data.
    """

    scale: Float[Array, "inputs"]
    powers: Powers
    reach: float = math.inf

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
    prefix of each of its members.
    """
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


def _levels(powers: Powers) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each degree: positions of the prefixes, and the inputs that multiply them."""
    position = {power: index for index, power in enumerate(powers)}
    levels = []
    for degree in range(1, len(powers[-1]) + 1):
        group = [power for power in powers if len(power) == degree]
        parents = np.array([position[power[:-1]] for power in group])
        levels.append((parents, np.array([power[-1] for power in group])))
    return levels
