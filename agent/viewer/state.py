"""What the window knows: updated by messages and clicks, drawn by others, bounded in memory."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from ...transport.clock import NS_PER_MS, NS_PER_S
from ...transport.messages import (
    FIRST_EPOCH,
    Belief,
    Command,
    Frame,
    Goal,
    Header,
    Message,
    Origin,
    Plan,
)
from .gallery import Gallery, Recent, Thumbnail
from .trace import Trace

WINDOW_S = 20.0  # of everything that is shown over time
_RECENT_EVERY_S = 1.0
_DIVERSE, _RECENT = 6, 5
OFFERED = 1 + _DIVERSE + _RECENT  # frames to choose a goal from, at most
_RATE_FRAMES = 40
_TIMINGS = 200


@dataclass(frozen=True)
class LatentView:
    """``trail`` (m, 2) oldest first; ``now``, ``std``, ``goal`` (2,); the plan's beliefs (H, 2).

    ``low`` and ``high`` (2,) bound what has been seen so far, so that the axes keep still.
    """

    trail: np.ndarray
    now: np.ndarray
    std: np.ndarray
    goal: np.ndarray
    planned_mean: np.ndarray
    planned_std: np.ndarray
    low: np.ndarray
    high: np.ndarray


class ViewerState:
    """Everything that is drawn; times are seconds of the body, tick times period."""

    def __init__(
        self,
        body: str,
        period_s: float,
        control_low: np.ndarray,
        control_high: np.ndarray,
        goal: Thumbnail,
    ) -> None:
        self.body = body
        self.control_low, self.control_high = control_low, control_high
        self.goal, self.epoch = goal, FIRST_EPOCH
        self.tick = -1
        self.stamp_ns: int | None = None
        self.image: np.ndarray | None = None
        self.belief: Belief | None = None
        self.plan: Plan | None = None
        self.distances = Trace(WINDOW_S)
        self.controls = Trace(WINDOW_S)
        self.trail = Trace(WINDOW_S)
        self.latency_ms: deque[float] = deque(maxlen=_TIMINGS)
        self.filter_ms: deque[float] = deque(maxlen=_TIMINGS)
        self.plan_ms: deque[float] = deque(maxlen=_TIMINGS)
        self.older_plans = self.safe_controls = 0
        self._period_s = period_s
        self._first_goal = goal
        self._reached_epoch = FIRST_EPOCH  # the newest that a belief has carried
        self._arrivals: deque[tuple[int, int]] = deque(maxlen=_RATE_FRAMES)
        self._recent = Recent(_RECENT, max(1, round(_RECENT_EVERY_S / period_s)))
        self._gallery = Gallery(_DIVERSE)
        self._low, self._high = np.full(2, np.inf), np.full(2, -np.inf)

    @property
    def now_s(self) -> float:
        return max(self.tick, 0) * self._period_s

    def take(self, header: Header, message: Message) -> None:
        """Learn from one message of any stream."""
        match message:
            case Frame():
                self._take_frame(header, message)
            case Belief():
                self._take_belief(header, message)
            case Plan():
                self.plan = message
                self.filter_ms.append(message.filter_ms)
                self.plan_ms.append(message.plan_ms)
            case Command():
                self._take_command(header, message)
            case Goal() if message.image.shape == self.goal.image.shape:
                self._take_goal(header, message)

    def choose(self, goal: Thumbnail) -> None:
        """Make ``goal`` the new goal, under the next epoch."""
        self.goal = goal
        self.epoch += 1

    def unanswered_goal(self) -> tuple[int, Goal] | None:
        """Epoch and goal to publish again, until beliefs carry that epoch."""
        if self._reached_epoch >= self.epoch:
            return None
        return self.epoch, Goal(image=self.goal.image, name=self.goal.name)

    def offered(self) -> tuple[tuple[Thumbnail, ...], ...]:
        """Frames to choose a goal from: the run's own goal, different ones, recent ones."""
        return (self._first_goal,), self._gallery.thumbnails(), self._recent.thumbnails()

    def rate_hz(self) -> float | None:
        """Ticks per second over the last frames; None before there are two."""
        if len(self._arrivals) < 2:
            return None
        (first_ns, first_tick), (last_ns, last_tick) = self._arrivals[0], self._arrivals[-1]
        duration_ns = last_ns - first_ns
        return (last_tick - first_tick) * NS_PER_S / duration_ns if duration_ns > 0 else None

    def latent_view(self) -> LatentView | None:
        """The belief in its first two coordinates; None before there is one."""
        if self.belief is None:
            return None
        belief = self.belief
        return LatentView(
            trail=self.trail.values(),
            now=belief.mean[:2],
            std=belief.std[:2],
            goal=belief.goal[:2],
            planned_mean=belief.planned_mean[:, :2],
            planned_std=belief.planned_std[:, :2],
            low=self._low,
            high=self._high,
        )

    def _take_goal(self, header: Header, goal: Goal) -> None:
        """Another's goal; of two for one epoch that counts which was sent round."""
        mine = np.array_equal(goal.image, self.goal.image)
        if header.epoch > self.epoch or (header.epoch == self.epoch and not mine):
            self.goal, self.epoch = Thumbnail(goal.image, goal.name), header.epoch

    def _take_frame(self, header: Header, frame: Frame) -> None:
        self.tick, self.stamp_ns, self.image = header.tick, header.stamp_ns, frame.image
        self._arrivals.append((header.stamp_ns, header.tick))
        self.controls.add(self.now_s, frame.control)
        thumbnail = Thumbnail(frame.image, f"frame {header.tick}")
        self._recent.take(header.tick, thumbnail)
        self._gallery.take(thumbnail)

    def _take_belief(self, header: Header, belief: Belief) -> None:
        self.belief = belief
        self._reached_epoch = max(self._reached_epoch, header.epoch)
        self.epoch = max(self.epoch, header.epoch)
        seconds = header.tick * self._period_s
        self.distances.add(seconds, np.array([belief.distance]))
        self.trail.add(seconds, belief.mean[:2])
        for point in (belief.mean[:2], belief.goal[:2]):
            self._low, self._high = np.minimum(self._low, point), np.maximum(self._high, point)

    def _take_command(self, header: Header, command: Command) -> None:
        if command.origin is Origin.PLAN:
            self.latency_ms.append((header.stamp_ns - command.frame_stamp_ns) / NS_PER_MS)
        elif command.origin is Origin.OLDER_PLAN:
            self.older_plans += 1
        else:
            self.safe_controls += 1
