"""The mind of a discrete agent: frame and applied control in, categorical belief and plan out.

The same interface as :class:`..mind.Mind`, so that the same processes run it. A state is a vector
of probabilities, the belief's mean; its standard deviations are those of the indicators of the
states. An action is a control, evenly spaced from -1 to 1.
"""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from ...configs.sections import Discrete
from ...configs.settings import Settings, SettingsError
from ..encoders.spot import place_of_spot
from ..graph.check import replaced
from ..mind import Step
from . import engine
from .checkpoint import Trained, load_trained
from .model import DiscreteModel

_TRUST = 100.0  # transitions that a known B counts as, where it goes on being learned


class DiscreteMind:
    """Filters frames, infers a policy, and may go on learning how actions move the state."""

    def __init__(
        self, trained: Trained, settings: Discrete, frame_shape: tuple[int, int, int]
    ) -> None:
        self._trained, self._frame_shape = trained, frame_shape
        self._told = jax.jit(partial(_told, trained.view))
        self._wish = jax.jit(_wish)
        self._update = jax.jit(_update)
        self._plan = jax.jit(partial(_plan, settings))
        self._learned = jax.jit(_learned)
        self._first_model = _with_counts(trained.model)
        self._goal: np.ndarray | None = None
        self.reset(0)

    @property
    def late(self) -> int:
        """No reading of a remote sensor is taken in, and none is late."""
        return 0

    def reset(self, seed: int) -> None:
        """Begin an episode, and forget what was learned since the training; the goal stays."""
        del seed  # nothing is drawn
        self._model = self._first_model
        self.begin_episode()

    def begin_episode(self) -> None:
        """Forget the belief: the body begins anew."""
        self._belief: Array | None = None
        self._lesson: tuple[Any, Any, Any] | None = None

    def set_goal(self, image: np.ndarray) -> bool:
        """Prefer the state that ``image`` shows; any state can be returned to, and so be held."""
        observation, _ = self._told(self._trained.encoder, image)
        self._goal = np.asarray(self._wish(self._trained.model, observation))
        return True

    def can_hold(self, image: np.ndarray) -> bool:
        """Any state can be returned to."""
        del image
        return True

    def imagine(self) -> None:
        """Nothing: probabilities of states have no picture."""

    def compile(self) -> None:
        """Compile all that :meth:`step` and :meth:`learn` need; belief and goal are forgotten."""
        dark = np.zeros(self._frame_shape, np.uint8)
        self.set_goal(dark)
        for _ in range(2):
            self.step(dark, np.zeros(1))
            self.learn()
        self._goal = None
        self.reset(0)

    def hear(self, sensor: str, value: np.ndarray, stamp_ns: int) -> None:
        """Readings of remote sensors say nothing here: they are passed over."""

    def step(self, image: np.ndarray | None, applied: np.ndarray, stamp_ns: int = 0) -> Step:
        """Take in a frame, before which the control ``applied`` ``(1,)`` was given, and plan.

        Without an image, or with one without a spot, the belief is what the moves lead to. At the
        first frame of an episode ``applied`` is not used. Raises ``ValueError`` where no goal has
        been set.
        """
        del stamp_ns
        if self._goal is None:
            raise ValueError("no goal to plan for: call set_goal before step")
        began = time.perf_counter_ns()
        frame = np.zeros(self._frame_shape, np.uint8) if image is None else image
        observation, seen = self._told(self._trained.encoder, frame)
        action = _action_of(applied, self._model.actions)
        first = self._belief is None
        before = self._model.prior if self._belief is None else self._belief
        belief, surprise = jax.block_until_ready(
            self._update(self._model, before, action, observation, seen, first)
        )
        filtered = time.perf_counter_ns()
        actions, planned, free_energy = jax.block_until_ready(
            self._plan(self._model, belief, self._goal)
        )
        done = time.perf_counter_ns()
        self._belief = belief
        if not first:
            self._lesson = before, action, observation
        mean, planned = np.asarray(belief), np.asarray(planned)
        controls = 2 * np.asarray(actions) / (self._model.actions - 1) - 1
        return Step(
            mean=mean,
            std=_deviation(mean),
            goal=self._goal,
            controls=controls[:, None].astype(np.float32),
            planned_mean=planned,
            planned_std=_deviation(planned),
            free_energy=float(free_energy),
            distance=float(1 - mean @ self._goal),
            surprise=float(surprise),
            filter_ns=filtered - began,
            plan_ns=done - filtered,
        )

    def learn(self) -> None:
        """Count the last transition, and what was seen after it."""
        if self._lesson is not None:
            self._model = jax.block_until_ready(self._learned(self._model, *self._lesson))
            self._lesson = None


def load_mind(
    folder: Path, settings: Settings, factors: Mapping[str, Path] | None = None
) -> DiscreteMind:
    """The mind with the model in ``folder``.

    Raises ``ValueError`` in one line where the model, or the ``settings``, do not fit.
    """
    del factors
    check_settings(settings)
    size = settings.body.camera_size_px
    return DiscreteMind(load_trained(folder), settings.discrete, (size, size, 1))


def check_settings(settings: Settings) -> None:
    """Raise :class:`SettingsError` for what discrete agents cannot do."""
    body = settings.body
    for name in ("frame_delay", "command_delay"):
        if ticks := getattr(body, name):
            raise SettingsError(
                f"body.{name} = {ticks}: discrete agents do not plan through delays; leave it out"
            )
    if settings.sensors:
        raise SettingsError(
            f"sensors {', '.join(settings.sensors)}: discrete agents infer from the camera alone; "
            "leave them out"
        )


def _told(
    view: float, encoder, frame: UInt8[Array, "height width channels"]
) -> tuple[Float[Array, "o"], Bool[Array, ""]]:
    """What the encoder makes of a frame, and whether there is anything to see."""
    place, seen = place_of_spot(frame, view)
    return encoder(place), seen


def _wish(model: DiscreteModel, observation: Float[Array, "o"]) -> Float[Array, "k"]:
    """The belief about the state that a goal's picture shows."""
    agent = engine.agent_of(model)
    return engine.updated(agent, model.prior[None], observation[None])[0][0]


def _update(
    model: DiscreteModel,
    before: Float[Array, "k"],
    action: Int[Array, ""],
    observation: Float[Array, "o"],
    seen: Bool[Array, ""],
    first: Bool[Array, ""],
) -> tuple[Float[Array, "k"], Float[Array, ""]]:
    """The belief after a frame, and how unlikely that was: as a number so many sigmas off is."""
    agent = engine.agent_of(model)
    prior = jnp.where(first, before, engine.moved(agent, before[None], action[None])[0])
    belief, _ = engine.updated(agent, prior[None], observation[None], seen[None])
    likely = (observation * (model.likelihood @ prior)).sum()
    surprise = jnp.sqrt(jnp.maximum(-2 * jnp.log(likely), 0.0))
    return belief[0], jnp.where(seen, surprise, 0.0)


def _plan(
    settings: Discrete,
    model: DiscreteModel,
    belief: Float[Array, "k"],
    goal: Float[Array, "k"],
) -> tuple[Int[Array, "H"], Float[Array, "H k"], Float[Array, ""]]:
    """The actions of the likeliest policy, the beliefs that they lead to, and its expected free
    energy."""
    preference = settings.preference * (model.likelihood @ goal)
    agent = engine.agent_of(model, 1, preference, settings.horizon)
    found = engine.policies(agent, belief[None])
    best = found.probability[0].argmax()
    actions = found.actions[best]

    def advance(state, action):
        state = engine.moved(agent, state, action[None])
        return state, state[0]

    _, planned = jax.lax.scan(advance, belief[None], actions)
    return actions, planned, found.expected_free_energy[0, best]


def _learned(
    model: DiscreteModel,
    before: Float[Array, "k"],
    action: Int[Array, ""],
    observation: Float[Array, "o"],
) -> DiscreteModel:
    """The model after pymdp's Dirichlet update by one transition."""
    blank = jnp.full_like(observation, 1 / observation.shape[0])
    seen = jnp.stack([blank, observation])[None]
    actions = action[None, None]
    there = jnp.array([[False, True]])
    beliefs = engine.filtered(model, seen, actions, there, before[None]).beliefs
    return engine.learned(model, seen, actions, beliefs)


def _with_counts(model: DiscreteModel) -> DiscreteModel:
    """``model`` with counts of transitions, which learning begins with."""
    if model.transition_counts is not None:
        return replaced(model, likelihood_counts=None)
    return replaced(model, transition_counts=_TRUST * model.transition, likelihood_counts=None)


def _action_of(control: np.ndarray, actions: int) -> np.int32:
    """The action that a control stands for: the nearest."""
    place = (float(np.clip(control[0], -1, 1)) + 1) / 2 * (actions - 1)
    return np.int32(np.rint(place))


def _deviation(probability: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(probability * (1 - probability), 0.0)).astype(np.float32)
