"""Joint models some of whose blocks are discrete: the queries, to each kind of block by itself.

Nothing ties a discrete block to a continuous one but what both observe and do, which is given: the
posterior is the product of theirs. A discrete block brings its own inference; see
:class:`jopa_agent.agent.discrete.block.DiscreteBlock`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .check import whole
from .data import CONTROL, Trajectory
from .learn_query import LearnReport
from .plan_query import Plan
from .posterior import Posterior
from .stream import Filtering

if TYPE_CHECKING:
    from .joint import JointModel

ACTION = "action"
"""The key of the actions, whole numbers ``(T-1,)``, among observations."""


@dataclass(frozen=True)
class MixedPosterior:
    """``beliefs`` by block, Gaussian or categorical, stacked over time; ``evidence`` is the log
    evidence of all observations, ``free_energy`` its negative; ``continuous``: the posterior of the
    other blocks, where there are any."""

    beliefs: dict[str, Any]
    evidence: Any
    free_energy: Any
    continuous: Posterior | None


@dataclass(frozen=True)
class MixedFiltering:
    """The state of a stream: ``states`` by discrete block, and that of the ``continuous`` ones."""

    states: dict[str, Any]
    continuous: Filtering | None
    fresh: bool
    evidence: float = 0.0

    @property
    def free_energy(self) -> float:
        """Negative log evidence of the newest observation."""
        return -self.evidence

    def beliefs(self, blocks: tuple[Any, ...]) -> dict[str, Any]:
        """Beliefs by block."""
        rest = tuple(block for block in blocks if not is_discrete(block))
        found = self.continuous.beliefs(rest) if self.continuous else {}
        return found | self.states


@dataclass(frozen=True)
class MixedPlan:
    """``plans`` by discrete block: the posterior of its policies; and that of the controls."""

    plans: dict[str, Any]
    continuous: Plan | None

    @property
    def actions(self) -> dict[str, Any]:
        """The actions ``(H,)`` of the likeliest policy, by discrete block."""
        return {name: plan.actions for name, plan in self.plans.items()}


@dataclass(frozen=True)
class MixedReport:
    """``free_energy`` before each iteration, by discrete block; the report of the others."""

    free_energy: dict[str, np.ndarray]
    continuous: LearnReport | None


class Parts(NamedTuple):
    """A trajectory, by kind: its ``length``, observations by discrete block, actions, and what is
    left for the continuous blocks."""

    length: int
    told: dict[str, Any]
    actions: np.ndarray
    rest: dict[str, Any]


def is_discrete(block: Any) -> bool:
    """Whether ``block`` is one of a few states."""
    return getattr(block, "is_discrete", False)


def parts(model: "JointModel", observations: Any, controls: Any = None, ahead: int = 0) -> Parts:
    """A trajectory taken apart; ValueError where its parts do not fit together.

    ``ahead`` steps follow without observation.
    """
    if not isinstance(observations, Mapping):
        raise ValueError(
            f"observations are {type(observations).__name__}: give a dict of block name to the "
            "sequence of what was observed"
        )
    names = [block.name for block in model.blocks]
    unknown = set(observations) - {*names, CONTROL, ACTION}
    if unknown:
        raise ValueError(f"observations of {sorted(unknown)}, but the model's blocks are {names}")
    given = {name: value for name, value in observations.items() if value is not None}
    lengths = {name: len(value) + (name in (CONTROL, ACTION)) for name, value in given.items()}
    if controls is not None:
        lengths["controls"] = len(controls) + 1
    if not lengths or min(lengths.values()) == 0 or len(set(lengths.values())) > 1:
        raise ValueError(
            f"sequences of the lengths {lengths} (controls and actions count as one more): all "
            "have to be equal, of 1 or more; mark what is missing by None"
        )
    length = next(iter(lengths.values()))
    told, counts = {}, set()
    for block in model.discrete:
        sequence = observations.get(block.name)
        given = None if sequence is None else [*sequence, *[None] * ahead]
        told[block.name] = block.told(given, length + ahead)
        counts.add(block.model.actions)
    actions = checked_actions(observations.get(ACTION), length - 1, min(counts))
    left = {k: v for k, v in observations.items() if k != ACTION and k not in told}
    return Parts(length, told, actions, left)


def checked_actions(actions: Any, count: int, kinds: int) -> np.ndarray:
    """Actions ``(count,)``, from 0 to ``kinds - 1``; ValueError where they are none."""
    if actions is None:
        if count and kinds > 1:
            raise ValueError(
                f"actions are missing: give 'action', {count} whole numbers from 0 to {kinds - 1}"
            )
        return np.zeros(count, np.int32)
    array = np.asarray(actions).reshape(-1)
    if array.shape != (count,) or (count and array.dtype.kind not in "iu"):
        raise ValueError(
            f"actions have the shape {np.shape(actions)} and the type {array.dtype}: give {count} "
            "whole numbers, one between two steps"
        )
    if count and not ((array >= 0) & (array < kinds)).all():
        raise ValueError(f"actions go from {array.min()} to {array.max()}: give 0 ... {kinds - 1}")
    return array.astype(np.int32)


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
