"""The generative model of a discrete agent: a few hidden states, and what they show."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..graph.check import floats, is_traced, pytree, store

_ROUNDING = 1e-4  # by which probabilities may miss a sum of 1


@pytree("likelihood", "transition", "prior", "likelihood_counts", "transition_counts")
@dataclass(frozen=True, init=False, eq=False)
class DiscreteModel:
    """``o_t ~ likelihood[:, s_t]``, ``s_{t+1} ~ transition[:, s_t, a_t]``, ``s_1 ~ prior``.

    The A, B and D of the discrete literature; the counts are the concentrations of their Dirichlet
    densities, of which the matrices are the means, or None where a matrix is known.
    """

    likelihood: Float[Array, "o k"]
    transition: Float[Array, "k k u"]
    prior: Float[Array, "k"]
    likelihood_counts: Float[Array, "o k"] | None
    transition_counts: Float[Array, "k k u"] | None

    def __init__(
        self,
        likelihood: Any,
        transition: Any,
        prior: Any = None,
        likelihood_counts: Any = None,
        transition_counts: Any = None,
    ) -> None:
        """ValueError in one line for matrices that are no probabilities, or do not fit together."""
        likelihood = _probabilities("likelihood", likelihood, 2)
        transition = _probabilities("transition", transition, 3)
        states = transition.shape[0]
        if transition.shape[1] != states:
            raise ValueError(
                f"transition has the shape {transition.shape}: its first two axes are the next "
                "state and the state; give (k, k, u)"
            )
        if likelihood.shape[1] != states:
            raise ValueError(
                f"likelihood has the shape {likelihood.shape}, but the transition has {states} "
                f"states: give (o, {states})"
            )
        prior = jnp.ones(states) / states if prior is None else _probabilities("prior", prior, 1)
        if prior.shape != (states,):
            raise ValueError(f"prior has the shape {prior.shape}: {states} states need ({states},)")
        store(
            self,
            likelihood=likelihood,
            transition=transition,
            prior=prior,
            likelihood_counts=_counts("likelihood_counts", likelihood_counts, likelihood),
            transition_counts=_counts("transition_counts", transition_counts, transition),
        )

    @property
    def states(self) -> int:
        """Number of hidden states."""
        return self.transition.shape[0]

    @property
    def observations(self) -> int:
        """Number of observations."""
        return self.likelihood.shape[0]

    @property
    def actions(self) -> int:
        """Number of actions."""
        return self.transition.shape[2]


def self_showing(states: int, error: float) -> Float[np.ndarray, "k k"]:
    """A likelihood under which each state shows itself, but for a small probability of ``error``,
    shared by all others."""
    off = error / (states - 1)
    return np.full((states, states), off) + (1 - error - off) * np.eye(states)


def _probabilities(name: str, value: Any, axes: int) -> Array:
    array = floats(name, value)
    if array.ndim != axes:
        raise ValueError(f"{name} has {array.ndim} axes: {axes} are needed")
    if is_traced(array):
        return array
    values = np.asarray(array, np.float64)
    sums = values.sum(axis=0)
    if (values < 0).any() or (np.abs(sums - 1) > _ROUNDING).any():
        raise ValueError(
            f"{name} is no probability: along its first axis the entries have to be at least 0 and "
            f"to sum to 1, but the smallest is {values.min():.3g} and the sums are "
            f"{sums.min():.4g} ... {sums.max():.4g}; divide by the sums"
        )
    return array


def _counts(name: str, value: Any, matrix: Array) -> Array | None:
    if value is None:
        return None
    array = floats(name, value)
    if array.shape != matrix.shape:
        raise ValueError(f"{name} has the shape {array.shape}: give {matrix.shape}")
    if not is_traced(array) and not (np.asarray(array) > 0).all():
        raise ValueError(f"{name} is not positive: no Dirichlet density has such concentrations")
    return array
