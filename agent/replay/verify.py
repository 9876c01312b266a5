"""Feeds recorded frames through inference again, and compares what comes of them."""

from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...transport.messages import FIRST_EPOCH, Belief, Frame, Goal, Header, Plan
from ..jax_setup import set_up_jax
from ..mind import Mind, Step, load_mind
from .run import RecordedRun

_LATE = 100  # ticks that the recording of one stream may be behind that of another
_OF_BELIEF = ("mean", "std", "planned_mean", "planned_std", "goal")


@dataclass(frozen=True)
class Difference:
    """The first place where a recording and its repetition differ: by how much at most, in units of
    what differs."""

    tick: int
    what: str
    size: float


@dataclass
class Verification:
    """How many plans and beliefs were compared, the first that is not equal to the bit, and the
    largest difference of all, and of the beliefs alone; ``skipped`` are those made from what was
    not recorded."""

    compared: int = 0
    skipped: int = 0
    first: Difference | None = None
    largest: float = 0.0
    believed: float = 0.0


def verify(run: RecordedRun, model: Path | None = None) -> Verification:
    """Repeat ``run`` with the model that it used, or another ``model``.

    A process that took the place of another began anew, and so does the repetition. Raises
    ``ValueError`` where the model cannot be used.
    """
    set_up_jax()
    launch = run.launch
    mind = load_mind(model or launch.model, launch.settings)
    repeated = _Repetition(mind, launch.settings.run.seed, launch.goal, launch.settings.run.learn)
    found = Verification()
    frames: dict[int, Frame] = {}
    plans: deque[tuple[Header, Plan]] = deque()
    beliefs: dict[int, Belief] = {}
    steps: dict[int, Step] = {}

    def compare_plans(newest: int) -> None:
        """Make again what its frame is there for; a frame that is long in coming was lost."""
        while plans and (plans[0][0].tick in frames or plans[0][0].tick < newest - _LATE):
            header, plan = plans.popleft()
            step = repeated.step(header, frames.get(header.tick))
            if step is None:
                found.skipped += 1
            else:
                found.compared += 1
                steps[header.tick] = step
                _compare(found, header.tick, step, plan, ("controls",))
        for tick in steps.keys() & beliefs.keys():
            _compare(found, tick, steps.pop(tick), beliefs.pop(tick), _OF_BELIEF)
        for kept in (frames, beliefs, steps):
            for tick in [tick for tick in kept if tick < newest - 2 * _LATE]:
                del kept[tick]

    newest = 0
    for recorded in run:  # each stream in its order, but one may be ahead of another
        tick = recorded.header.tick
        newest = max(newest, tick)
        match recorded.message:
            case Frame() as frame:
                frames[tick] = frame
            case Goal(image=image):
                repeated.goals[recorded.header.epoch] = image
            case Plan() as plan:
                plans.append((recorded.header, plan))
            case Belief() as belief:
                beliefs[tick] = belief
        compare_plans(newest)
    compare_plans(newest + 2 * _LATE)
    return found


class _Repetition:
    """Inference as the recorded process did it."""

    def __init__(self, mind: Mind, seed: int, goal: np.ndarray, learn: bool) -> None:
        self.goals: dict[int, np.ndarray] = {}
        self._mind, self._seed, self._first_goal, self._learn = mind, seed, goal, learn
        self._whole = False
        self._sequence = -1
        self._epoch, self._episode = FIRST_EPOCH, None

    def step(self, header: Header, frame: Frame | None) -> Step | None:
        """What the plan under ``header`` was made from, made again; None where that is unknown."""
        if header.sequence <= self._sequence or self._sequence < 0:
            self._begin(header)
        self._sequence = header.sequence
        if frame is None or not self._whole:
            self._whole = False
            return None
        for epoch in range(self._epoch + 1, header.epoch + 1):
            if epoch in self.goals:
                self._mind.set_goal(self.goals[epoch])
                self._epoch = epoch
        if self._episode not in (None, frame.episode):
            self._mind.begin_episode()
        self._episode = frame.episode
        step = self._mind.step(frame.image, frame.control)
        if self._learn:
            self._mind.learn()
        return step

    def _begin(self, header: Header) -> None:
        """A process has begun to plan: this one knows all that it knew if it is there from then."""
        self._whole = header.sequence == 0
        self._mind.set_goal(self._first_goal)
        self._mind.reset(self._seed)
        self._epoch, self._episode = FIRST_EPOCH, None


def _compare(
    found: Verification, tick: int, step: Step, message: Plan | Belief, names: tuple[str, ...]
) -> None:
    for name in names:
        theirs = getattr(message, name)
        ours = np.asarray(getattr(step, name), theirs.dtype)
        if ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes():
            continue
        same_shape = ours.shape == theirs.shape
        size = float(np.abs(ours - theirs).max()) if same_shape else float("inf")
        found.largest = max(found.largest, size)
        if name in ("mean", "std"):
            found.believed = max(found.believed, size)
        if found.first is None or tick < found.first.tick:
            found.first = Difference(tick, name, size)
