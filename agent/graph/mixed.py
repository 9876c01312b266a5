"""Joint models some of whose blocks are discrete: the queries, to each kind of block by itself.

Nothing ties a discrete block to a continuous one but what both observe and do, which is given: the
posterior is the product of theirs. A discrete block brings its own inference; see
:class:`jopa_agent.agent.discrete.block.DiscreteBlock`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .check import whole
from .data import CONTROL, Trajectory
from .mixed_answers import MixedFiltering, MixedPlan, MixedPosterior, MixedReport
from .mixed_data import ACTION, checked_actions, parts

if TYPE_CHECKING:
    from .joint import JointModel


def smooth(
    model: "JointModel",
    observations: Trajectory,
    controls: Any,
    n_predict: int,
    predict_controls: Any,
    predict_actions: Any,
    prior: Any,
) -> MixedPosterior:
    """See :meth:`JointModel.smooth`."""
    n_predict = whole("n_predict", n_predict, 0)
    found = parts(model, observations, controls, n_predict)
    kinds = min(block.model.actions for block in model.discrete)
    later = checked_actions(predict_actions, n_predict, kinds)
    actions = np.concatenate([found.actions, later])
    own, others = _priors(model, prior)
    beliefs, evidence = {}, 0.0
    for block in model.discrete:
        told = block.smooth(found.told[block.name], actions, own.get(block.name))
        beliefs[block.name] = told.belief
        evidence -= told.free_energy.sum()
    rest = model.continuous
    if rest is None:
        return MixedPosterior(beliefs, evidence, -evidence, None)
    posterior = rest.smooth(found.rest, controls, n_predict, predict_controls, others)
    total = evidence + posterior.evidence
    return MixedPosterior(posterior.beliefs | beliefs, total, -total, posterior)


def filter_mixed(
    model: "JointModel", observations: Trajectory, controls: Any, prior: Any
) -> MixedPosterior:
    """See :meth:`JointModel.filter`."""
    found = parts(model, observations, controls)
    own, others = _priors(model, prior)
    beliefs, evidence = {}, np.zeros(found.length)
    for block in model.discrete:
        told = block.filter(found.told[block.name], found.actions, own.get(block.name))
        beliefs[block.name] = told.belief
        evidence = evidence - told.free_energy
    rest = model.continuous
    if rest is None:
        return MixedPosterior(beliefs, evidence, -evidence, None)
    posterior = rest.filter(found.rest, controls, others)
    total = evidence + posterior.evidence
    return MixedPosterior(posterior.beliefs | beliefs, total, -total, posterior)


def start(model: "JointModel", prior: Any) -> MixedFiltering:
    """See :meth:`JointModel.start`."""
    own, others = _priors(model, prior)
    rest = model.continuous
    states = {
        block.name: block.filter(block.told(None, 1), np.zeros(0, np.int32), own.get(block.name))
        .belief
        for block in model.discrete
    }  # fmt: skip
    states = {name: type(belief)(belief.probability[0]) for name, belief in states.items()}
    return MixedFiltering(states, rest.start(others) if rest else None, True)


def step(
    model: "JointModel", state: MixedFiltering, observation: Trajectory | None, control: Any
) -> MixedFiltering:
    """See :meth:`JointModel.step`; the action is under ``"action"`` in ``observation``."""
    if not isinstance(state, MixedFiltering):
        raise ValueError(f"state is {type(state).__name__}: give what start or step returned")
    given = dict(observation or {})
    action = given.pop(ACTION, None)
    if state.fresh and action is not None:
        raise ValueError("action is given at the first step of a stream: it led there from nowhere")
    unknown = set(given) - {block.name for block in model.blocks}
    if unknown:
        raise ValueError(f"observation of {sorted(unknown)}, which are no blocks of this model")
    states, evidence = {}, 0.0
    for block in model.discrete:
        seen, before = [given.pop(block.name, None)], state.states[block.name]
        moves = 0 if state.fresh else 1
        actions = None if action is None else [action]
        actions = checked_actions(actions, moves, block.model.actions)
        told = block.told([None] * moves + seen, moves + 1)
        found = block.filter(told, actions, before)
        states[block.name] = type(before)(found.belief.probability[-1])
        evidence -= float(found.free_energy[-1])
    rest, continuous = model.continuous, None
    if rest is not None:
        continuous = rest.step(state.continuous, given, control)
        evidence += float(continuous.evidence)
    return MixedFiltering(states, continuous, False, evidence)


def plan(
    model: "JointModel", observations: Trajectory, prior: Any, options: Mapping[str, Any]
) -> MixedPlan:
    """See :meth:`JointModel.plan`; what a discrete block is to see is preferred at its step."""
    given = dict(observations) if isinstance(observations, Mapping) else observations
    if isinstance(given, dict) and ACTION in given:
        raise ValueError("'action' among what shall be seen: actions are what a plan infers")
    told = {name: value for name, value in given.items() if name != CONTROL}
    length = max((len(value) for value in told.values()), default=0)
    if length < 2:
        raise ValueError("a plan needs 2 steps or more: the first, and those that are planned for")
    blank = [0] * (length - 1)
    found = parts(model, told | {ACTION: blank})
    own, others = _priors(model, prior)
    plans = {
        block.name: block.plan(found.told[block.name], own.get(block.name))
        for block in model.discrete
    }
    rest = model.continuous
    return MixedPlan(plans, rest.plan(found.rest, others, **options) if rest else None)


def learn(
    model: "JointModel", trajectories: Sequence[Trajectory], iterations: int, options: dict
) -> "tuple[JointModel, MixedReport]":
    """See :meth:`JointModel.learn`; of a discrete block, what it has Dirichlet counts of."""
    iterations = whole("iterations", iterations, 1)
    found = [parts(model, trajectory) for trajectory in trajectories]
    if not found:
        raise ValueError("trajectories are empty: give at least one")
    blocks, energies, report = {}, {}, None
    for block in model.discrete:
        told = [(each.told[block.name], each.actions) for each in found]
        blocks[block.name], energies[block.name] = block.learned(told, iterations)
    rest = model.continuous
    if rest is not None:
        rest, report = rest.learn([each.rest for each in found], iterations, **options)
        blocks |= {block.name: block for block in rest.blocks}
    after = tuple(blocks[block.name] for block in model.blocks)
    return model.replaced(blocks=after), MixedReport(energies, report)


def _priors(model: "JointModel", prior: Any) -> tuple[dict[str, Any], Any]:
    """Priors of the discrete blocks, and those of the others."""
    if prior is None:
        return {}, None
    if not isinstance(prior, Mapping):
        raise ValueError(f"prior is {type(prior).__name__}: give a dict of beliefs by block")
    names = {block.name for block in model.discrete}
    return (
        {name: value for name, value in prior.items() if name in names},
        {name: value for name, value in prior.items() if name not in names},
    )
