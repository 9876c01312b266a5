"""Feeds recorded frames through inference again, and compares what comes of them."""

from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...transport.messages import (
    FIRST_EPOCH,
    Belief,
    Do,
    Frame,
    Fused,
    Goal,
    Header,
    Order,
    Plan,
    Reading,
    Sighting,
)
from ..jax_setup import set_up_jax
from ..kinds import Mind, load_mind
from ..mind import Step
from ..runs.launch import Launch
from ..runs.recorded import RecordedRun
from ..switch import Switch

_LATE = 100  # ticks that the recording of one stream may be behind that of another
_NEEDED = ("frame", "goal", "plan", "belief", "order")
_OF_SENSORS = ("fused", "reading", "sighting")
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
    set_up_jax(one_thread=True)
    launch = run.launch
    mind = load_mind(model or launch.model, launch.settings, launch.factors)
    repeated = _Repetition(mind, launch)
    reports_fused = bool(launch.settings.sensors)
    found = Verification()
    frames: dict[int, Frame] = {}
    plans: deque[tuple[Header, Plan]] = deque()
    beliefs: dict[int, Belief] = {}
    fused: dict[int, Fused] = {}
    steps: dict[int, Step] = {}

    def ready(tick: int) -> bool:
        """Whether all is there that the plan of ``tick`` was made from."""
        return tick in frames and (not reports_fused or repeated.knows(fused.get(tick)))

    def compare_plans(newest: int) -> None:
        """Make again what its frame is there for; a frame that is long in coming was lost."""
        while plans and (ready(plans[0][0].tick) or plans[0][0].tick < newest - _LATE):
            header, plan = plans.popleft()
            step = repeated.step(header, frames.get(header.tick), fused.get(header.tick))
            if step is None:
                found.skipped += 1
            else:
                found.compared += 1
                steps[header.tick] = step
                _compare(found, header.tick, step, plan, ("controls",))
        for tick in steps.keys() & beliefs.keys():
            _compare(found, tick, steps.pop(tick), beliefs.pop(tick), _OF_BELIEF)
        for kept in (frames, beliefs, fused, steps):
            for tick in [tick for tick in kept if tick < newest - 2 * _LATE]:
                del kept[tick]

    newest = 0
    # Each stream is in its order, but one may be ahead of another.
    for recorded in run.messages(_NEEDED + _OF_SENSORS * reports_fused):
        tick = recorded.header.tick
        newest = max(newest, tick)
        match recorded.message:
            case Frame() as frame:
                frames[tick] = frame
            case Goal(image=image):
                if image.shape == launch.goal.shape:
                    repeated.goals.setdefault(recorded.header.epoch, image)
            case Plan() as plan:
                plans.append((recorded.header, plan))
            case Belief() as belief:
                beliefs[tick] = belief
            case Fused() as told:
                fused[tick] = told
            case Order(what=Do.LEARN, value=value):
                repeated.learning.turn(tick, value > 0)
            case Reading() | Sighting() as message:
                repeated.readings[type(message), recorded.header.sequence] = (
                    recorded.header.stamp_ns,
                    message,
                )
        compare_plans(newest)
    compare_plans(newest + 2 * _LATE)
    return found


class _Repetition:
    """Inference as the recorded process did it."""

    def __init__(self, mind: Mind, launch: Launch) -> None:
        self.goals: dict[int, np.ndarray] = {}
        self.readings: dict[tuple[type, int], tuple[int, Reading | Sighting]] = {}
        self._mind, self._first_goal, self._run = mind, launch.goal, launch.settings.run
        self.learning = Switch(self._run.learn)
        self._whole = False
        self._sequence = -1
        self._epoch, self._episode = FIRST_EPOCH, None

    def knows(self, fused: Fused | None) -> bool:
        """Whether the last of the readings is there that were heard before a frame."""
        if fused is None:
            return False
        last = ((Reading, fused.last_reading), (Sighting, fused.last_sighting))
        return all(number < 0 or (kind, number) in self.readings for kind, number in last)

    def step(self, header: Header, frame: Frame | None, fused: Fused | None) -> Step | None:
        """What the plan under ``header`` was made from, made again; None where that is unknown."""
        if header.sequence <= self._sequence or self._sequence < 0:
            self._begin(header)
        elif header.sequence > self._sequence + 1:  # what was between was not recorded
            self._whole = False
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
        if fused:
            self._hear(fused)
        step = self._mind.step(
            frame.image if self._run.camera else None, frame.control, header.stamp_ns
        )
        if self.learning.on_at(header.tick):
            self._mind.learn()
        return step

    def _hear(self, fused: Fused) -> None:
        """What was heard before a frame; Readings are handed over before sightings are."""
        spans = (
            (Reading, fused.first_reading, fused.last_reading),
            (Sighting, fused.first_sighting, fused.last_sighting),
        )
        for kind, first, last in spans:
            for number in range(max(first, 0), last + 1):
                if (kind, number) in self.readings:
                    stamp_ns, message = self.readings.pop((kind, number))
                    value = message.value if isinstance(message, Reading) else message.image
                    self._mind.hear(message.sensor, value, stamp_ns)

    def _begin(self, header: Header) -> None:
        """A process has begun to plan: this one knows all that it knew if it is there from then."""
        self._whole = header.sequence == 0
        self._mind.set_goal(self._first_goal)
        self._mind.reset(self._run.seed)
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
