"""A discrete block of a joint model: one of a few states, with pymdp as the engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ..graph.check import default_float, pytree, replaced, store, whole
from . import engine
from .extra import pymdp
from .model import DiscreteModel


@pytree("probability")
@dataclass(frozen=True)
class Categorical:
    """A belief about one of a few states: ``probability`` ``(k,)``, or stacked ``(T, k)``."""

    probability: Float[Array, "*t k"]


@pytree("actions", "policies", "probability", "expected_free_energy", "belief")
@dataclass(frozen=True)
class DiscretePlan:
    """The posterior of policies of ``H`` actions: all of them ``(P, H)``, their ``probability`` and
    ``expected_free_energy`` ``(P,)``; the ``actions`` ``(H,)`` of the likeliest, and the ``belief``
    along it, of ``H+1`` states."""

    actions: Int[Array, "H"]
    policies: Int[Array, "P H"]
    probability: Float[Array, "P"]
    expected_free_energy: Float[Array, "P"]
    belief: Categorical


class Told(NamedTuple):
    """Observations of one trajectory, as distributions, and where there are any."""

    observations: Float[Array, "T o"]
    seen: Bool[Array, "T"]


class Found(NamedTuple):
    """Beliefs about the states of one trajectory, and the free energy of each observation."""

    belief: Categorical
    free_energy: Float[Array, "T"]


@pytree("model", "encode", static=("name", "preference"))
@dataclass(frozen=True, init=False, eq=False)
class DiscreteBlock:
    """A slice of the state that is one of ``k`` categories.

    ``model`` has likelihood, transition and prior, and Dirichlet counts of what is to be learned;
    ``observe`` is an encoder, from a raw observation to a distribution over the model's
    observations. Without one, observations are such distributions ``(o,)``, or their numbers.
    ``preference`` is how many nats a plan's goal is preferred by.
    """

    is_discrete = True
    name: str
    model: DiscreteModel
    encode: Any
    preference: float

    def __init__(
        self, name: str, model: DiscreteModel, observe: Any = None, preference: float = 8.0
    ) -> None:
        pymdp()
        if not isinstance(name, str) or not name or name in ("control", "action"):
            raise ValueError(
                f"name is {name!r}: give a text that is neither 'control' nor 'action', the keys "
                "of what is done"
            )
        if not isinstance(model, DiscreteModel):
            raise ValueError(
                f"model of block {name!r} is {type(model).__name__}: give a DiscreteModel"
            )
        if observe is not None and not callable(observe):
            raise ValueError(
                f"observe of block {name!r} is {type(observe).__name__}: give an encoder, a "
                "function from a raw observation to a distribution"
            )
        if not preference > 0:
            raise ValueError(f"preference of block {name!r} is {preference}: give nats above 0")
        store(self, name=name, model=model, encode=observe, preference=float(preference))

    def told(self, sequence: Sequence[Any] | None, length: int) -> Told:
        """What the observations of ``length`` steps say; None, or NaN in one, where missing.

        ValueError for what is no observation of this block.
        """
        size = self.model.observations
        rows = [self._one(i, value) for i, value in enumerate(sequence or [None] * length)]
        blank = jnp.full(size, 1 / size, default_float())
        seen = jnp.array([row is not None for row in rows])
        return Told(jnp.stack([blank if row is None else row for row in rows]), seen)

    def filter(self, told: Told, actions: Int[np.ndarray, "T-1"], prior: Any = None) -> Found:
        """Beliefs, each from the observations up to it."""
        found = _filter(self.model, *told, actions, self._start(prior))
        return Found(Categorical(found.beliefs[0]), found.free_energy[0])

    def smooth(self, told: Told, actions: Int[np.ndarray, "T-1"], prior: Any = None) -> Found:
        """Beliefs from all observations."""
        filtered = self.filter(told, actions, prior)
        belief = _smooth(self.model, filtered.belief.probability, actions)
        return Found(Categorical(belief), filtered.free_energy)

    def plan(self, told: Told, prior: Any = None) -> DiscretePlan:
        """The posterior of policies under which what is told for the steps after the first is
        seen; what is told for the first updates the belief."""
        return DiscretePlan(*_plan(self.model, *told, self._start(prior), self.preference))

    def learned(
        self, trajectories: Sequence[tuple[Told, Int[np.ndarray, "T-1"]]], iterations: int
    ) -> tuple["DiscreteBlock", np.ndarray]:
        """The block after as many rounds of beliefs and Dirichlet counts, and the free energy of
        all trajectories before each.

        Counts are taken anew in each round, on top of those of the block; ValueError where it has
        none.
        """
        if self.model.likelihood_counts is None and self.model.transition_counts is None:
            raise ValueError(
                f"block {self.name!r} has no counts: nothing of it can be learned; give its "
                "DiscreteModel likelihood_counts or transition_counts"
            )
        model, energies = self.model, []
        for _ in range(iterations):
            counted, energy = self.model, 0.0
            for told, actions in trajectories:
                one, more = _count(model, counted, *told, actions)
                counted, energy = one, energy + float(more)
            model = counted
            energies.append(energy)
        return self.replaced(model=model), np.array(energies)

    def replaced(self, **fields: Any) -> "DiscreteBlock":
        """The same block with another model."""
        return replaced(self, **fields)

    def _start(self, prior: Any) -> Float[Array, "k"]:
        if prior is None:
            return self.model.prior
        value = prior.probability if isinstance(prior, Categorical) else prior
        array = jnp.asarray(value, default_float())
        if array.shape != (self.model.states,):
            raise ValueError(
                f"prior of {self.name!r} has the shape {array.shape}: give probabilities of its "
                f"{self.model.states} states"
            )
        return array

    def _one(self, place: int, value: Any) -> Float[Array, "o"] | None:
        where = f"observation {place} of {self.name!r}"
        if value is None:
            return None
        if isinstance(value, Categorical):
            value, encode = value.probability, None
        else:
            encode = self.encode
        if encode is None and isinstance(value, int | np.integer):
            number = whole(where, value, 0)
            if number >= self.model.observations:
                raise ValueError(
                    f"{where} is {number}: there are the observations 0 ... "
                    f"{self.model.observations - 1}"
                )
            return jax.nn.one_hot(number, self.model.observations, dtype=default_float())
        try:
            array = np.asarray(value, float)
        except (TypeError, ValueError):
            raise ValueError(f"{where} is {type(value).__name__}: give numbers") from None
        if np.isnan(array).any():
            return None
        shown = jnp.asarray(array, default_float())
        shown = shown if encode is None else encode(shown)
        if shown.shape != (self.model.observations,) or abs(float(shown.sum()) - 1) > 1e-3:
            raise ValueError(
                f"{where} has the shape {shown.shape} and the sum {float(shown.sum()):.3g}: give a "
                f"distribution over {self.model.observations} observations, or the block an encoder"
            )
        return shown


@jax.jit
def _filter(model, observations, seen, actions, start):
    return engine.filtered(model, observations[None], actions[None], seen[None], start[None])


@jax.jit
def _smooth(model, beliefs, actions):
    return engine.smoothed(model, beliefs[None], actions[None])[0][0]


@jax.jit
def _plan(model, observations, seen, start, preference):
    """The first observation updates the belief; each later one is preferred at its step."""
    wishes = jnp.where(seen[1:, None], preference * observations[1:], 0.0)
    agent = engine.agent_of(model, 1, wishes, wishes.shape[0])
    belief, _ = engine.updated(agent, start[None], observations[:1], seen[:1])
    found = engine.policies(agent, belief)
    actions = found.actions[found.probability[0].argmax()]

    def advance(state, action):
        state = engine.moved(agent, state, action[None])
        return state, state[0]

    _, ahead = jax.lax.scan(advance, belief, actions)
    path = Categorical(jnp.concatenate([belief, ahead]))
    return actions, found.actions, found.probability[0], found.expected_free_energy[0], path


@jax.jit
def _count(model, counted, observations, seen, actions):
    """``counted`` with the counts of one more trajectory, as ``model`` sees it, and its free
    energy."""
    found = engine.filtered(model, observations[None], actions[None], seen[None])
    seeing = DiscreteModel(
        model.likelihood,
        model.transition,
        model.prior,
        counted.likelihood_counts,
        counted.transition_counts,
    )
    after = engine.learned(seeing, observations[None], actions[None], found.beliefs, seen[None])
    return after, found.free_energy.sum()
