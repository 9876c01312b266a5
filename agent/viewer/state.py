"""What the window knows: updated by messages and choices, drawn by others, bounded in memory."""

import math
from dataclasses import dataclass

import numpy as np

from ...transport.clock import NS_PER_S
from ...transport.messages import (
    FIRST_EPOCH,
    Belief,
    Command,
    Frame,
    Goal,
    Header,
    Imagined,
    Message,
    Offer,
    Order,
    Pace,
    Peer,
    Plan,
    Push,
    Status,
)
from .gallery import Gallery, Recent, Thumbnail, on_offer
from .history import History
from .recovery import Pushes
from .switches import Switches
from .timings import Timings
from .trace import Trace

WINDOW_S = 20.0  # of everything that is shown over time
_IMAGINED_BY_S = 3.0  # from the first tick
_RECENT_EVERY_S = 1.0
_DIVERSE, _RECENT = 8, 5
_PEERS = 32

Groups = tuple[tuple[str, tuple[Thumbnail, ...]], ...]


@dataclass(frozen=True, eq=False)
class LatentView:
    """``trail`` (m, 2) oldest first; ``now``, ``std``, ``goal`` (2,); the plan's beliefs (H, 2).

    ``low`` and ``high`` (2,) bound what has been seen and planned so far, so that axes keep still.
    """

    trail: np.ndarray
    now: np.ndarray
    std: np.ndarray
    goal: np.ndarray
    planned_mean: np.ndarray
    planned_std: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Asked:
    """A goal that was asked for in words, under an epoch, and not answered yet."""

    text: str
    epoch: int
    until_ns: int


class ViewerState:
    """Everything that is drawn; times are seconds of the body, tick times period."""

    def __init__(
        self,
        body: str,
        period_s: float,
        control_low: np.ndarray,
        control_high: np.ndarray,
        goal: Thumbnail,
        switches: Switches | None = None,
    ) -> None:
        self.body, self.period_s = body, period_s
        self.control_low, self.control_high = control_low, control_high
        self.goal, self.epoch = goal, FIRST_EPOCH
        self.asked: Asked | None = None
        self.history = History(goal)
        self.switches = switches or Switches()
        self.tick = self.plan_tick = self.imagined_tick = -1
        self.command_tick = 0  # the first is that of the step after the first frame
        self.stamp_ns: int | None = None
        self.image: np.ndarray | None = None
        self.belief: Belief | None = None
        self.plan: Plan | None = None
        self.imagined: Imagined | None = None
        self.offer: tuple[Thumbnail, ...] = ()
        self.processes: dict[str, Status] = {}
        self.peers: dict[str, Peer] = {}
        self.timings = Timings()
        self.pushes = Pushes()
        self.distances = Trace(WINDOW_S)
        self.controls = Trace(WINDOW_S)
        self.energies = Trace(WINDOW_S)
        self.surprises = Trace(WINDOW_S)
        self.trail = Trace(WINDOW_S)
        self._first_goal = goal
        self._chosen_epoch = FIRST_EPOCH  # the newest that was chosen in this window
        self._reached_epoch = FIRST_EPOCH  # the newest that a belief has carried
        self._episode: int | None = None
        self._recent = Recent(_RECENT, max(1, round(_RECENT_EVERY_S / period_s)))
        self._gallery = Gallery(_DIVERSE)
        self._latent: LatentView | None = None
        self._low, self._high = np.full(2, np.inf), np.full(2, -np.inf)

    @property
    def now_s(self) -> float:
        return max(self.tick, 0) * self.period_s

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """``(height, width, channels)`` of the camera's frames, and of goals."""
        return self._first_goal.image.shape

    @property
    def awaits_command(self) -> bool:
        """Whether no command has come yet for the step after the newest frame."""
        return self.command_tick <= self.tick

    @property
    def next_frame_ns(self) -> float:
        """When the next frame is to be taken, by the clock of whoever takes it; never in a pause,
        nor before there is one."""
        if self.stamp_ns is None or self.switches.paused:
            return math.inf
        return self.stamp_ns + self.period_s * NS_PER_S / self.switches.speed

    @property
    def draws_nothing(self) -> bool:
        """Whether the agent is at work, and has not shown what it imagines: not all can."""
        return self.imagined is None and self.now_s > _IMAGINED_BY_S

    def take(self, header: Header, message: Message) -> None:
        """Learn from one message of any stream."""
        match message:
            case Frame():
                self._take_frame(header, message)
            case Belief():
                self._take_belief(header, message)
            case Plan():
                self.plan, self.plan_tick = message, header.tick
                self.timings.take_plan(header, message)
                self.energies.add(header.tick * self.period_s, np.array([message.free_energy]))
            case Command():
                self.command_tick = header.tick
                self.timings.take_command(header, message, self.switches.planner)
            case Goal() if message.image.shape == self.frame_shape:
                self._take_goal(header, message)
            case Imagined():
                self.imagined, self.imagined_tick = message, header.tick
            case Offer() if message.images.shape[1:] == self.frame_shape:
                self.offer = on_offer(message, self.offer)
            case Order() | Pace():
                self.switches.take(message)
            case Push():
                self.pushes.push(self.now_s)
            case Status():
                self.processes[message.process] = message
            case Peer() if message.name in self.peers or len(self.peers) < _PEERS:
                self.peers[message.name] = message

    def choose(self, goal: Thumbnail) -> None:
        """Make ``goal`` the new goal, under the next epoch."""
        self.history.add(goal)
        self.goal, self.asked = goal, None
        self.epoch += 1
        self._chosen_epoch = self.epoch

    def ask(self, text: str, until_ns: int) -> Asked:
        """A goal is asked for in words, under the next epoch: it comes as a message, or not."""
        self.epoch += 1
        self.asked = Asked(text, self.epoch, until_ns)
        return self.asked

    def unanswered_goal(self) -> tuple[int, Goal] | None:
        """Epoch and goal to publish again, until beliefs carry that epoch."""
        if self._reached_epoch >= self.epoch or self._chosen_epoch != self.epoch:
            return None
        return self.epoch, Goal(image=self.goal.image, name=self.goal.name)

    def offered(self) -> Groups:
        """Frames to choose a goal from, in groups with captions: those on offer or, where there is
        no offer, the run's own goal and frames that were seen; and recent ones."""
        recent = "recent", self._recent.thumbnails()
        if self.offer:
            return ("goals: click one to go there; ↷ can only be passed", self.offer), recent
        seen = "seen, unlike each other: click one to go there", self._gallery.thumbnails()
        return ("first goal", (self._first_goal,)), seen, recent

    def can_be_held(self, goal: Thumbnail) -> bool | None:
        """What is known of ``goal`` by itself, or by its picture among those on offer."""
        if goal.can_be_held is not None:
            return goal.can_be_held
        alike = (each for each in self.offer if np.array_equal(each.image, goal.image))
        return next((each.can_be_held for each in alike), None)

    def tour_goals(self) -> tuple[Thumbnail, ...]:
        """What a tour visits: all goals that can be held, as far as anyone has said."""
        *groups, _ = self.offered()
        return tuple(each for _, group in groups for each in group if each.can_be_held is not False)

    def latent_view(self) -> LatentView | None:
        """The belief in its first two coordinates; None before there is one."""
        if self._latent is None and self.belief is not None:
            belief = self.belief
            self._latent = LatentView(
                trail=self.trail.values().reshape(-1, 2),
                now=_two(belief.mean),
                std=_two(belief.std),
                goal=_two(belief.goal),
                planned_mean=_two(belief.planned_mean),
                planned_std=_two(belief.planned_std),
                low=self._low,
                high=self._high,
            )
        return self._latent

    def _take_goal(self, header: Header, goal: Goal) -> None:
        """Another's goal; of two for one epoch that counts which was sent round."""
        mine = np.array_equal(goal.image, self.goal.image)
        if header.epoch > self.epoch or (header.epoch == self.epoch and not mine):
            self.goal, self.epoch = Thumbnail(goal.image, goal.name), header.epoch
            self.history.add(self.goal)
        if self.asked and header.epoch >= self.asked.epoch:
            self.asked = None

    def _take_frame(self, header: Header, frame: Frame) -> None:
        self.timings.take_frame(header, begins=frame.episode != self._episode)
        self.tick, self.stamp_ns, self.image = header.tick, header.stamp_ns, frame.image
        if self._episode not in (None, frame.episode):
            self.trail, self._latent = Trace(WINDOW_S), None
        self._episode = frame.episode
        self.controls.add(self.now_s, frame.control)
        thumbnail = Thumbnail(frame.image, f"frame {header.tick}")
        self._recent.take(header.tick, thumbnail)
        if not self.offer:
            self._gallery.take(thumbnail)

    def _take_belief(self, header: Header, belief: Belief) -> None:
        self.belief, self._latent = belief, None
        self._reached_epoch = max(self._reached_epoch, header.epoch)
        self.epoch = max(self.epoch, header.epoch)
        seconds = header.tick * self.period_s
        self.distances.add(seconds, np.array([belief.distance]))
        self.surprises.add(seconds, np.array([belief.surprise]))
        self.trail.add(seconds, _two(belief.mean))
        points = np.vstack([_two(belief.mean), _two(belief.goal), _two(belief.planned_mean)])
        self._low = np.minimum(self._low, points.min(0))
        self._high = np.maximum(self._high, points.max(0))
        self.pushes.look(self.distances.seconds(), self.distances.values())


def _two(values: np.ndarray) -> np.ndarray:
    """The first two of ``values`` along the last axis; a missing second one is 0."""
    if values.shape[-1] >= 2:
        return values[..., :2]
    return np.concatenate([values, np.zeros_like(values)], axis=-1)
