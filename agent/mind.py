"""The agent's mind: observation and applied control in, belief and plan out.

The inference process, the evaluation and a notebook run this same object; what it infers is a
pure function of model, settings, goal, and the sequence of frames and applied controls.
"""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from ..configs.sections import Online, Planner
from .graph.filter import predict
from .graph.gaussian import Belief
from .graph.lessons import anew, no_lessons
from .graph.linearise import transition_near
from .graph.motion import start_belief
from .graph.square_root import free_root
from .imagine import Imagination, imagine, moments_ahead
from .lesson import learned
from .model import INFERENCE, Model
from .observe import observe
from .planner import Intent, Outcome, Wish, no_intent, plan, wish_against, wish_at, wish_for
from .senses.factors import Sense
from .senses.places import places_of
from .senses.recall import Recall
from .senses.ticks import Look


@dataclass(frozen=True)
class Step:
    """What one frame, that of tick k, led to.

    ``mean``, ``std`` ``(n,)``: belief about the state. ``goal`` ``(d,)``: the pose wished for.
    ``controls`` ``(H, p)``: torques for ticks k+1 ... k+H, and ``planned_mean``, ``planned_std``
    ``(H, n)`` the beliefs that they lead to. ``distance``: from the believed pose to the goal.
    ``surprise``: root mean square of the frame's prediction error, in sigmas.
    """

    mean: np.ndarray
    std: np.ndarray
    goal: np.ndarray
    controls: np.ndarray
    planned_mean: np.ndarray
    planned_std: np.ndarray
    free_energy: float
    distance: float
    surprise: float
    filter_ns: int
    plan_ns: int


class Mind:
    """Filters frames and plans controls with one model, which may go on learning."""

    def __init__(
        self,
        model: Model,
        planner: Planner,
        seed: int,
        delay: tuple[int, int] = (0, 0),
        online: Online | None = None,
        senses: Mapping[str, Sense] | None = None,
    ) -> None:
        """``delay``: ticks by which frames arrive late, and by which controls act late;
        ``online``: how :meth:`learn` learns; ``senses``: what readings of remote sensors say."""
        self._model = self._trained = model
        self._frames_late, self._late = delay[0], sum(delay)
        self._wish_for = jax.jit(partial(wish_for, planner))
        self._observe = jax.jit(observe)
        self._planner, self._online = planner, online or Online()
        self._wish_at = jax.jit(partial(wish_at, planner))
        self._imagine = jax.jit(imagine)
        self._moments_ahead = moments_ahead(planner.horizon)
        self._no_intent = no_intent(model, planner.horizon)
        nowhere = jnp.zeros(model.transition.outputs)
        self._no_belief = start_belief(model.transition, nowhere)
        self._wish = self._first_wish = None
        self._recall = None
        if senses:
            self._recall = Recall(
                senses, places_of(model), self._no_belief, self._observe, self._frames_late
            )
        self.reset(seed)

    @property
    def late(self) -> int:
        """Readings since the reset that were too old for any belief that was still there."""
        return 0 if self._recall is None else self._recall.late

    def reset(self, seed: int) -> None:
        """Begin an episode, and forget what was learned since the training; the goal stays.

        ``seed`` is that of the guesses that planning starts from.
        """
        self._seed = seed
        self._key = jax.random.key(seed)
        self._wish = self._first_wish
        self._model, self._lessons = self._trained, no_lessons(self._trained.transition)
        self.begin_episode()
        if self._recall:
            self._recall.late = 0

    def begin_episode(self) -> None:
        """Forget belief, plan, and what was heard: the body begins anew."""
        self._tick = 0
        if self._recall:
            self._recall.clear()
        self._belief, self._intent = self._no_belief, self._no_intent
        self._lesson: tuple[Belief, np.ndarray, np.ndarray, np.bool_, Array, Belief] | None = None
        self._learned_at = 0
        still = np.zeros(self._model.control_low.shape, np.float32)
        self._handed_over = deque([still] * (self._late + 1), self._late + 1)
        self._frames: deque[np.ndarray | None] = deque(maxlen=self._model.encoder.window)

    def set_goal(self, image: np.ndarray) -> bool:
        """Wish for what ``image`` shows; returns whether it can be held, as the model sees it.

        What is planned is changed from the next frame on, beginning with the plan so far.
        """
        self._first_wish = self._wish_for(self._trained, image)
        self._wish = self._wish_at(self._model, self._first_wish.state)
        self._intent = replace(self._intent, arrival=self._no_intent.arrival)
        return bool(self._wish.can_be_held)

    def can_hold(self, image: np.ndarray) -> bool:
        """Whether what ``image`` shows can be held, as the model sees it."""
        return bool(self._wish_for(self._trained, image).can_be_held)

    def imagine(self) -> Imagination:
        """Pictures of what the last step has led to."""
        ahead = self._moments_ahead
        pictures = self._imagine(self._model, self._belief, self._ahead_mean[ahead - 1])
        believed, spread, future = (np.asarray(each) for each in pictures)
        return Imagination(believed, spread, future, ahead)

    def compile(self) -> None:
        """Compile all that :meth:`step` needs; belief, plan and goal are forgotten."""
        pixels = self._model.frame_shape
        self.set_goal(np.zeros(pixels, np.uint8))
        for _ in range(2):
            self.step(np.zeros(pixels, np.uint8), np.zeros(self._model.control_low.shape))
            self.learn()
            self.imagine()
        if self._recall:
            self._recall.compile()
        self._wish = self._first_wish = None
        self.reset(self._seed)

    def hear(self, sensor: str, value: np.ndarray, stamp_ns: int) -> None:
        """Take in what a remote ``sensor`` measured at ``stamp_ns``, on the clock of the frames.

        ``value`` is a vector or, of a camera, a picture. It counts from the next step on, as if it
        had come in time, by the senses that there are (:class:`Recall`); whatever is of none of
        them, of another shape or not finite is passed over.
        """
        if self._recall:
            self._recall.hear(sensor, value, stamp_ns)

    def step(self, image: np.ndarray | None, applied: np.ndarray, stamp_ns: int = 0) -> Step:
        """Take in the frame ``image``, before which the control ``applied`` (p,) was handed to the
        body, and plan; None where the frame was lost. ``stamp_ns``, the frame's moment, tells what
        was heard before it.

        At the first frame of an episode ``applied`` is not used. With a delay, the frame is that
        of some ticks ago, and the first control of the plan will act some ticks later: the belief
        is about the frame's moment, and the plan goes on from what the controls under way lead to.
        Raises ``ValueError`` where no goal has been set.
        """
        if self._wish is None:
            raise ValueError("no goal to plan for: call set_goal before step")
        began = time.perf_counter_ns()
        first = np.bool_(self._tick <= self._frames_late)
        if self._tick:
            self._handed_over.append(np.asarray(applied, np.float32))
        seen, view = self._view(image)
        if self._recall is None:
            before = self._no_belief if first else self._belief
            belief, surprise = self._observe(
                self._model, before, view, self._handed_over[0], first, seen
            )
        else:
            look = Look(self._model, view, self._handed_over[0], bool(first), bool(seen))
            before, belief, surprise, first = self._recall.step(look, stamp_ns)
        belief, surprise = jax.block_until_ready((belief, surprise))
        filtered = time.perf_counter_ns()
        key = jax.random.fold_in(self._key, self._tick)
        under_way = np.array(self._handed_over, np.float32)[1:]
        outcome = jax.block_until_ready(
            _plan(self._planner, self._model, self._wish, belief, self._intent, key, under_way)
        )
        planned = time.perf_counter_ns()
        lesson = (before, self._handed_over[0], view, seen, surprise, belief)
        self._lesson = None if first else lesson
        self._belief, self._intent = belief, outcome.intent
        self._ahead_mean = np.asarray(outcome.ahead_mean)
        self._tick += 1
        d = self._model.transition.outputs
        mean, goal = np.asarray(belief.mean), np.asarray(self._wish.state)[:d]
        return Step(
            mean=mean,
            std=np.asarray(belief.std),
            goal=goal,
            controls=np.asarray(outcome.controls),
            planned_mean=self._ahead_mean,
            planned_std=np.asarray(outcome.ahead_std),
            free_energy=float(outcome.energy),
            distance=float(np.linalg.norm(mean[:d] - goal)),
            surprise=float(surprise),
            filter_ns=filtered - began,
            plan_ns=planned - filtered,
        )

    def _view(self, image: np.ndarray | None) -> tuple[np.bool_, np.ndarray]:
        """What the encoder looks at, and whether all of it was seen."""
        if self._tick == 0:
            self._frames.extend([image] * self._model.encoder.window)
        else:
            self._frames.append(image)
        blank = np.zeros(self._model.frame_shape, np.uint8)
        frames = [blank if frame is None else frame for frame in self._frames]
        view = frames[0] if len(frames) == 1 else np.concatenate(frames, axis=-1)
        return np.bool_(all(frame is not None for frame in self._frames)), view

    def learn(self) -> None:
        """Learn from the last step, where its frame was seen.

        To be called between two steps, when nothing waits for a plan.
        """
        if self._lesson is None or self._wish is None:
            return
        if self._learned_at != self._tick - 1:
            self._lessons = anew(self._lessons)
        self._model, self._lessons, self._belief = jax.block_until_ready(
            _learned(self._online, self._trained, self._lessons, *self._lesson)
        )
        if self._recall:
            self._recall.correct(self._belief)
        self._wish = self._wish_at(self._model, self._wish.state)
        self._lesson, self._learned_at = None, self._tick


# Compiled once for all minds with the same settings.
_learned = jax.jit(learned, static_argnames="online")


@partial(jax.jit, static_argnames="planner")
def _plan(
    planner: Planner,
    model: Model,
    wish: Wish,
    belief: Belief,
    intent: Intent,
    key: Key[Array, ""],
    under_way: Float[Array, "D p"],
) -> Outcome:
    """Plan from where the controls that are ``under_way`` lead to."""
    for control in under_way:
        local = transition_near(model.system().transition, belief, control, INFERENCE)
        told = predict(belief, local, control).belief
        belief = Belief.of(told.mean, free_root(told.root))
    return plan(planner, model, wish_against(model, wish, belief), belief, intent, key)
