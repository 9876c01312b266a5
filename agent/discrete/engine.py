"""Queries to a discrete model, answered by pymdp's agent: filter, smooth, learn, plan.

Observations are distributions ``(N, T, o)``, as an encoder gives them; actions are ``(N, T-1)``.
"""

import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .extra import pymdp
from .model import DiscreteModel

_PATIENT = 16.0  # precision of policies: sharp, yet equal ones share


class Filtered(NamedTuple):
    """Beliefs from the observations up to each step, those predicted for it from the steps before,
    and the free energy of each observation, given those before it."""

    beliefs: Float[Array, "N T k"]
    predicted: Float[Array, "N T k"]
    free_energy: Float[Array, "N T"]


class Policies(NamedTuple):
    """All sequences of actions, how likely each is to be taken, and its expected free energy."""

    actions: Int[Array, "P H"]
    probability: Float[Array, "N P"]
    expected_free_energy: Float[Array, "N P"]


def agent_of(
    model: DiscreteModel,
    batch: int = 1,
    preference: Float[Array, "o"] | None = None,
    horizon: int = 1,
    learns: bool = False,
) -> Any:
    """pymdp's agent with this model: ``batch`` of them side by side.

    ``preference`` are logarithms of how much each observation is wished for. With ``learns`` it
    updates what the model has Dirichlet counts of.
    """

    def stacked(value: Array | None) -> list[Array] | None:
        return None if value is None else [jnp.broadcast_to(value, (batch, *value.shape))]

    counts = model.likelihood_counts, model.transition_counts
    with warnings.catch_warnings():  # its policies are arrays, and meant to be static
        warnings.filterwarnings("ignore", "A JAX array is being set as static")
        return pymdp().Agent(
            A=stacked(model.likelihood),
            B=stacked(model.transition),
            C=stacked(jnp.zeros(model.observations) if preference is None else preference),
            D=stacked(model.prior),
            pA=stacked(counts[0]) if learns else None,
            pB=stacked(counts[1]) if learns else None,
            A_dependencies=[[0]],
            B_dependencies=[[0]],
            num_controls=[model.actions],
            batch_size=batch,
            policy_len=horizon,
            gamma=_PATIENT,
            categorical_obs=True,
            inference_algo="exact",
            num_iter=1,
            action_selection="deterministic",
            sampling_mode="full",
            learn_A=learns and counts[0] is not None,
            learn_B=learns and counts[1] is not None,
        )


def filtered(
    model: DiscreteModel,
    observations: Float[Array, "N T o"],
    actions: Int[Array, "N T-1"],
    seen: Bool[Array, "N T"] | None = None,
    start: Float[Array, "N k"] | None = None,
) -> Filtered:
    """Beliefs along trajectories; where ``seen`` is false, the observation is missing.

    ``start`` is the belief before the first observation, by default the model's prior.
    """
    count, length, _ = observations.shape
    agent = agent_of(model, count)
    seen = jnp.ones((count, length), bool) if seen is None else seen
    start = jnp.broadcast_to(model.prior, (count, model.states)) if start is None else start
    actions = jnp.asarray(actions, jnp.int32)
    last = jnp.zeros((count, 1), jnp.int32)  # after the last step nothing is predicted

    def step(prior, told):
        observation, action, there = told
        belief, free_energy = updated(agent, prior, observation, there)
        return moved(agent, belief, action), (belief, prior, free_energy)

    along = (observations, jnp.concatenate([actions, last], axis=1), seen)
    _, found = jax.lax.scan(step, start, jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), along))
    return Filtered(*(jnp.swapaxes(x, 0, 1) for x in found))


def updated(
    agent: Any,
    prior: Float[Array, "N k"],
    observation: Float[Array, "N o"],
    seen: Bool[Array, "N"] | None = None,
) -> tuple[Float[Array, "N k"], Float[Array, "N"]]:
    """The belief after one observation, and its variational free energy: the same belief, and
    none, where it is not ``seen``."""
    beliefs, info = agent.infer_states([observation], empirical_prior=[prior], return_info=True)
    belief, free_energy = beliefs[0][:, -1], info["vfe"]
    if seen is None:
        return belief, free_energy
    return jnp.where(seen[:, None], belief, prior), jnp.where(seen, free_energy, 0.0)


def moved(agent: Any, belief: Float[Array, "N k"], action: Int[Array, "N"]) -> Float[Array, "N k"]:
    """The belief about the next state."""
    return agent.update_empirical_prior(action[:, None], [belief[:, None]])[0]


def alone(model: DiscreteModel, observations: Float[Array, "N T o"]) -> Float[Array, "N T"]:
    """Free energy of each observation under the prior, as if there were none before it."""
    count, length, _ = observations.shape
    agent = agent_of(model, count * length)
    flat = observations.reshape(count * length, -1)
    return updated(agent, agent.D[0], flat)[1].reshape(count, length)


def smoothed(
    model: DiscreteModel,
    beliefs: Float[Array, "N T k"],
    actions: Int[Array, "N T-1"],
) -> tuple[Float[Array, "N T k"], Float[Array, "N T-1 k k"]]:
    """Beliefs from all observations, from filtered ones, and the joint ones of next state and
    state."""

    def one(belief, action):
        told, joint = pymdp("inference").smoothing_exact(
            [belief], [model.transition], action[:, None]
        )
        return told[0], joint[0]

    return jax.vmap(one)(beliefs, actions)


def learned(
    model: DiscreteModel,
    observations: Float[Array, "N T o"],
    actions: Int[Array, "N T-1"],
    beliefs: Float[Array, "N T k"],
    seen: Bool[Array, "N T"] | None = None,
) -> DiscreteModel:
    """The model after Dirichlet updates of its counts by filtered ``beliefs`` along trajectories.

    Each trajectory is counted by an agent of its own; counts add up. An observation that is not
    ``seen`` counts for none.
    """
    if seen is not None:
        observations = jnp.where(seen[..., None], observations, 0.0)
    count = observations.shape[0]
    agent = agent_of(model, count, learns=True)
    after = agent.infer_parameters(
        [beliefs], [observations], actions[..., None], beliefs_B=[beliefs]
    )

    def pooled(before: Array | None, each: list[Array] | None) -> Array | None:
        return before if before is None or each is None else before + (each[0] - before).sum(axis=0)

    likelihood = pooled(model.likelihood_counts, after.pA)
    transition = pooled(model.transition_counts, after.pB)
    return DiscreteModel(
        model.likelihood if likelihood is None else likelihood / likelihood.sum(axis=0),
        model.transition if transition is None else transition / transition.sum(axis=0),
        model.prior,
        likelihood,
        transition,
    )


def policies(agent: Any, belief: Float[Array, "N k"]) -> Policies:
    """How an agent with a preference and a horizon would act from here on."""
    probability, negative = agent.infer_policies([belief[:, None]])
    return Policies(agent.policies.policy_arr[..., 0], probability, -negative)


def chosen_action(agent: Any, found: Policies) -> Int[Array, "N"]:
    """The first action of the likeliest policy."""
    return agent.sample_action(found.probability)[:, 0]
