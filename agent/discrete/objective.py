"""What an encoder is trained for, without labels: that the agent finds its frames likely.

An encoder makes the observations whose free energy it is judged by: by itself that would only ask
for sharp ones, of which the agent makes too much. So each frame's free energy is counted less that
of the frame alone, under the prior: the difference is how much less surprising a frame is, given
those before it. Where inference is exact, its sum over a trajectory is minus the logarithm of
``p(o_1 ... o_T) / Π p(o_t)``; of all encoders those have the least of it on average whose message
is proportional to the states' true likelihoods (a bound on the mutual information of past and
present: van den Oord, Li and Vinyals, 2018).

The divergence of an observation from its prediction weighs much at first: it keeps the encoder
undecided until the moves have told the states apart, where a sharp one would stay in the first
optimum that it finds.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..encoders.categorical import CategoricalEncoder
from . import engine
from .model import DiscreteModel


class Terms(NamedTuple):
    """Means over frames, in nats: variational free energy of each frame given those before it,
    that of the frame alone, and the divergence of observations from their prediction."""

    free_energy: Float[Array, ""]
    alone: Float[Array, ""]
    divergence: Float[Array, ""]

    def loss(self, consistency: Float[Array, ""] | float) -> Float[Array, ""]:
        """The objective, with that weight of the divergence."""
        return self.free_energy - self.alone + consistency * self.divergence


def terms(
    encoder: CategoricalEncoder,
    model: DiscreteModel,
    emissions: Float[Array, "N T d"],
    actions: Int[Array, "N T-1"],
) -> Terms:
    """The terms of some trajectories; gradients go through the agent's inference."""
    observations = encoder(emissions)
    found = engine.filtered(model, observations, actions)
    expected = jnp.einsum("ok,ntk->nto", model.likelihood, found.predicted[:, 1:])
    later = observations[:, 1:]
    divergence = (later * (jnp.log(later) - jnp.log(expected))).sum(axis=-1)
    return Terms(
        found.free_energy.mean(), engine.alone(model, observations).mean(), divergence.mean()
    )
