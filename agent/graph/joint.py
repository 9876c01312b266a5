"""The joint model: blocks and couplings on one factor graph, and the four queries to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import mixed
from .adapt import adapt
from .block import Block
from .check import in_default_floats, pytree, replaced, store, whole
from .check_model import check_blocks, check_couplings, listed
from .coupling import LinearCoupling
from .data import CONTROL, Trajectory, bucket, checked_controls, gather, joint_prior, length_of
from .filter import filter_along
from .gaussian import Belief
from .inference import Inference, check_inference
from .learn_query import learn
from .mixed_answers import is_discrete
from .plan_query import plan
from .posterior import Posterior, trim
from .precise import compiled
from .rows import no_rows, stack_rows
from .smooth_query import smooth_data
from .stream import Filtering, advance, begin
from .system import Data, JointTransition, System, all_linear


@pytree("blocks", "couplings", static=("inference",))
@dataclass(frozen=True, init=False, eq=False)
class JointModel:
    """Blocks side by side, tied by couplings, driven by one control vector ``u`` ``(p,)``.

    The joint state is the blocks' states in their order. A block takes all of the control, or
    none of it. The model is immutable: :meth:`learn` returns a new one. It is a pytree, so that it
    passes through ``jit``, ``vmap`` and ``grad``.

    A block can be discrete. Beliefs about it are categorical, and what was done stands among the
    observations under ``"action"``, whole numbers ``(T-1,)``. Queries to such a model return what
    :mod:`.mixed_answers` has, and are not for ``jit`` as a whole.
    """

    blocks: tuple[Any, ...]  # of Blocks, and DiscreteBlocks
    couplings: tuple[LinearCoupling, ...]
    inference: Inference

    def __init__(
        self,
        blocks: Sequence[Block],
        couplings: Sequence[LinearCoupling] = (),
        inference: Inference | None = None,
    ) -> None:
        blocks = listed("blocks", blocks, Block)
        couplings = listed("couplings", couplings, LinearCoupling)
        inference = Inference() if inference is None else inference
        check_blocks(blocks)
        check_couplings(couplings, blocks)
        check_inference(inference)
        store(self, blocks=blocks, couplings=couplings, inference=inference)

    @property
    def dim(self) -> int:
        """Number of coordinates of the joint state, of those blocks that have any."""
        return sum(block.dim for block in self.blocks if not is_discrete(block))

    @property
    def controls(self) -> int:
        """Number of controls."""
        rest = [block for block in self.blocks if not is_discrete(block)]
        return max((block.transition.controls for block in rest), default=0)

    @property
    def discrete(self) -> tuple[Any, ...]:
        """The blocks that are one of a few states."""
        return tuple(block for block in self.blocks if is_discrete(block))

    @property
    def continuous(self) -> "JointModel | None":
        """The model of all other blocks; None where there are none."""
        rest = tuple(block for block in self.blocks if not is_discrete(block))
        return self.replaced(blocks=rest) if rest else None

    @property
    def linear(self) -> bool:
        """Whether one pass of smoothing is exact."""
        parts = [block.transition for block in self.blocks]
        sensors = [sensor for block in self.blocks for sensor in block.sensors.values()]
        return all_linear(parts, sensors, self.inference)

    def block(self, name: str) -> Block:
        """The block of this name; ValueError where there is none."""
        for block in self.blocks:
            if block.name == name:
                return block
        raise ValueError(f"no block {name!r}: there are {[block.name for block in self.blocks]}")

    def under(self, inference: Inference) -> "JointModel":
        """The same model with other choices of inference."""
        return JointModel(self.blocks, self.couplings, inference)

    def system(self) -> System:
        """All factors on the joint state; ValueError where a block is discrete."""
        if self.discrete:
            raise ValueError(
                f"block {self.discrete[0].name!r} is discrete: it has no Gaussian factors; ask "
                "for the system of .continuous"
            )
        starts, sensors, places, start = {}, [], [], 0
        for block in self.blocks:
            starts[block.name] = start
            for sensor in block.sensors.values():
                sensors.append(sensor)
                places.append((start, block.dim))
            start += block.dim
        links = [c.rows(starts[c.source], starts[c.target], self.dim) for c in self.couplings]
        return in_default_floats(
            System(
                JointTransition(tuple(block.transition for block in self.blocks)),
                tuple(sensors),
                stack_rows(*links) if links else no_rows(self.dim),
                joint_prior(self.blocks, None),
                tuple(places),
            )
        )

    def learn(
        self,
        trajectories: Sequence[Trajectory],
        iterations: int = 50,
        em_rounds: int = 1,
        mode: str = "joint",
        forgetting: float = 1.0,
        m_step: Mapping[str, Any] | None = None,
    ) -> "tuple[JointModel, Any]":
        """Learn the transitions' parameters, and refine learned encoders between rounds.

        A trajectory is a dict: block name to a length-T sequence of raw observations (None or NaN
        where missing, or a :class:`Gaussian` message about the block's state), and
        ``"control"`` to ``(T-1, p)``. Each of ``em_rounds`` is ``iterations`` of variational
        message passing; before every further round, encoders that can be refined are. ``mode``
        is ``"joint"``, all trajectories at once, or ``"per_trajectory"``, one after the other,
        where each posterior, its precision times ``forgetting``, is the prior of the next.
        ``m_step`` are keywords of the encoders' ``refined``, such as ``{"steps": 200}``. Returns
        the new model and a :class:`LearnReport`.
        Raises ValueError for what cannot be learned from.
        """
        if self.discrete:
            options = {"em_rounds": em_rounds, "mode": mode, "forgetting": forgetting}
            return mixed.learn(self, trajectories, iterations, options | {"m_step": m_step})
        return learn(self, trajectories, iterations, em_rounds, mode, forgetting, m_step)

    def smooth(
        self,
        observations: Trajectory,
        controls: Any = None,
        n_predict: int = 0,
        predict_controls: Any = None,
        prior: Any = None,
        predict_actions: Any = None,
    ) -> Any:
        """Beliefs about every state, from all observations, and ``n_predict`` steps beyond them.

        ``controls`` ``(T-1, p)`` may also stand in ``observations`` under ``"control"``;
        ``predict_controls`` ``(n_predict, p)`` are those of the steps beyond, zero where not
        given; ``predict_actions`` ``(n_predict,)`` are those of discrete blocks. ``prior`` is the
        belief about the first state before its observation, joint or by block. Returns a
        :class:`Posterior`. Raises ValueError for arguments that do not fit.
        """
        if self.discrete:
            return mixed.smooth(
                self, observations, controls, n_predict, predict_controls, predict_actions, prior
            )
        length, controls = self.checked(observations, controls)
        n_predict = whole("n_predict", n_predict, 0)
        if predict_controls is None:
            predict_controls = np.zeros((n_predict, self.controls))
        ahead = checked_controls(predict_controls, n_predict + 1, self.controls, "predict_controls")
        if n_predict:
            array: Any = jnp if isinstance(controls, jax.Array) else np
            controls = array.concatenate([controls, ahead])
        length += n_predict
        data = gather(self.blocks, observations, controls, bucket(length), n_predict)
        smoothed = _smooth(self, data, joint_prior(self.blocks, prior))
        joint = trim(smoothed.states, length)
        return Posterior(joint, smoothed.evidence, -smoothed.evidence, self.blocks)

    def filter(self, observations: Trajectory, controls: Any = None, prior: Any = None) -> Any:
        """Beliefs about every state, each from the observations up to it.

        Arguments as of :meth:`smooth`; the evidence is given per step.
        """
        if self.discrete:
            return mixed.filter_mixed(self, observations, controls, prior)
        length, controls = self.checked(observations, controls)
        data = gather(self.blocks, observations, controls, bucket(length))
        filtered = _filter(self, data, joint_prior(self.blocks, prior))
        belief, evidence = trim((filtered.belief, filtered.evidence), length)
        return Posterior(belief, evidence, -evidence, self.blocks)

    def start(self, prior: Any = None) -> Any:
        """The state of a stream before its first observation, a :class:`Filtering`."""
        if self.discrete:
            return mixed.start(self, prior)
        return begin(self, joint_prior(self.blocks, prior))

    def step(self, state: Any, observation: Trajectory | None = None, control: Any = None) -> Any:
        """The stream one step later: through ``control`` ``(p,)``, then ``observation``.

        ``observation`` is a dict of block name to one raw observation; what is not in it is
        missing. At the first step there is no ``control``. Compiled once for all steps. Raises
        ValueError for arguments that do not fit.
        """
        if self.discrete:
            return mixed.step(self, state, observation, control)
        return advance(self, state, observation, control)

    def adapt(
        self,
        state: Filtering,
        observation: Trajectory | None = None,
        control: Any = None,
        forgetting: float = 1.0,
    ) -> "tuple[JointModel, Filtering]":
        """:meth:`step`, and learning from that one transition; returns the new model too.

        The posterior of the parameters becomes the prior of the next step, with ``forgetting``
        times its certainty: below 1 the model follows a system that changes.
        """
        if self.discrete:
            raise ValueError(
                f"block {self.discrete[0].name!r} is discrete: it learns from trajectories; call "
                "learn, or adapt the model in .continuous"
            )
        return adapt(self, state, observation, control, forgetting)

    def plan(
        self,
        observations: Trajectory,
        prior: Any = None,
        prior_u: Any = None,
        control_limits: Any = None,
        iterations: int = 20,
        hypotheses: int = 1,
        seed: int = 0,
    ) -> Any:
        """Infer the controls under which ``observations``, among them goals at any steps, are seen.

        ``observations`` are of ``H + 1`` steps. ``prior_u`` is the belief about each control
        ``(p,)``, or stacked ``(H, p)``, by default standard normal; ``control_limits``
        ``(low, high)`` truncate it. Where a pass is not exact, ``iterations`` are made from each
        of ``hypotheses``: the prior's mean, and random controls drawn with ``seed``. Returns a
        :class:`Plan`. Raises ValueError for arguments that do not fit.
        """
        if self.discrete:
            options = {"prior_u": prior_u, "control_limits": control_limits, "seed": seed}
            options |= {"iterations": iterations, "hypotheses": hypotheses}
            return mixed.plan(self, observations, prior, options)
        return plan(
            self, observations, prior, prior_u, control_limits, iterations, hypotheses, seed
        )

    def checked(self, observations: Trajectory, controls: Any = None) -> tuple[int, Any]:
        """Number of steps and controls of a trajectory; ValueError where they do not fit."""
        among = observations.get(CONTROL) if isinstance(observations, Mapping) else None
        if among is not None and controls is not None:
            raise ValueError(
                "controls are given twice, as an argument and as 'control' among observations: one "
                "would be left out; give one of them"
            )
        controls = among if controls is None else controls
        length = length_of(self.blocks, observations, controls)
        return length, checked_controls(controls, length, self.controls)

    def replaced(self, **fields: Any) -> "JointModel":
        """The same model with other blocks, which have been checked."""
        return replaced(self, **fields)


@compiled
def _smooth(model: JointModel, data: Data, prior: Belief):
    return smooth_data(model.system(), data, model.inference, in_default_floats(prior))[0]


@compiled
def _filter(model: JointModel, data: Data, prior: Belief):
    return filter_along(model.system(), model.inference, data, in_default_floats(prior))
