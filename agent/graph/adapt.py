"""Learning as observations come in: one step of filtering, and of learning with forgetting."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .check import is_traced
from .check_query import known_forgetting
from .data import Trajectory
from .gaussian import Belief
from .learn import expected_statistics
from .learn_query import adopt, carried
from .pairs import pairs_of
from .precise import compiled
from .smooth_query import smooth_data
from .stream import Filtering, Given, advance, one_control, rows_of, single
from .system import Data, JointTransition

if TYPE_CHECKING:
    from .joint import JointModel


def adapt(
    model: "JointModel",
    state: Filtering,
    observation: Trajectory | None,
    control: Any,
    forgetting: float,
) -> "tuple[JointModel, Filtering]":
    """See :meth:`JointModel.adapt`."""
    forgetting = known_forgetting(forgetting)
    after = advance(model, state, observation, control)
    if not is_traced(state.fresh) and bool(state.fresh):
        return model, after
    given = single(model, observation or {})
    control = one_control(model.controls, state, control)
    transition = _adapt(model, state.joint, control, given, jnp.asarray(forgetting))
    return adopt(model, transition.parts), after


@compiled
def _adapt(
    model: "JointModel",
    before: Belief,
    control: Float[Array, "p"],
    given: Given,
    forgetting: Float[Array, ""],
) -> JointTransition:
    """The transitions after one more: the state before it is smoothed by the new observation."""
    system, float_ = model.system(), before.mean.dtype
    given = jax.tree.map(lambda x: jnp.concatenate([jnp.zeros_like(x), x]), given)
    live = jnp.ones(2, float_)
    rows = rows_of(given, live, system.transition.dim)
    data = Data(given.readings, rows, control[None].astype(float_), live, live)
    inference = replace(model.inference, parameters="variational", scan="sequential")
    smoothed, chain = smooth_data(system, data, inference, before)
    statistics = expected_statistics(system, data, pairs_of(chain, smoothed))
    priors = [getattr(part, "prior", None) for part in system.transition.parts]
    known = carried(system, priors, forgetting).transition.parts
    parts = tuple(
        part if told is None else part.learned(told).from_prior(prior)
        for part, told, prior in zip(known, statistics, priors, strict=True)
    )
    return JointTransition(parts)
