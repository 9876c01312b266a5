"""Sensing: steps the body with the commands that arrive, and publishes what the camera sees."""

import math

import numpy as np

from ...envs import Body, Draggable, GoalError, picture_at
from ...transport.clock import NS_PER_MS, NS_PER_S, now_ns
from ...transport.messages import Command, Do, Frame, Goal, Header, Order, Origin, Push, Truth
from ..bodies import body_for
from .pacer import Pacer
from .process import Child
from .timeline import LATE_FRACTION

_EPISODES = 2**16  # that one process may begin
_PUSHED_TICKS = 2  # that a push lasts unless another comes


def main(child: Child) -> None:
    """Publish a frame; then, tick by tick, step at the deadline and publish the frame after it.

    Ticks that went by while this process was held up are left out, not made up for. In the place of
    another process it begins a new episode: the body that the other moved is gone with it.
    """
    child.report("preparing the body")
    stage = Stage(child, body_for(child.launch.settings))
    settings, spec = child.launch.settings, child.launch.body
    last_tick = round(settings.run.duration_s / spec.period_s) or math.inf
    stage.begin()
    while True:
        stage.show()
        if stage.tick >= last_tick:
            child.done("the time is up")
        stage.step(stage.await_command())


class Stage:
    """The body on its stage: ``tick`` is that of its last step."""

    def __init__(self, child: Child, body: Body) -> None:
        self.tick = 0
        self._child, self._body = child, body
        self._spec, self._run = child.launch.body, child.launch.settings.run
        self._image = body.reset(self._run.seed, self._run.start)
        self._control = np.zeros_like(self._spec.safe_control)
        self._episode = child.generation * _EPISODES
        self._reset_wanted, self._planned = False, True
        self._push: tuple[Push, int] | None = None

    def begin(self) -> None:
        """Wait for the first tick, whose picture is there already."""
        child = self._child
        clock = child.start()
        self._pacer = Pacer(clock, round(NS_PER_S / self._run.rate_hz))
        for received in child.messages(clock.t0_ns):
            self._heed(received.header, received.message)
        self._applied_ns = self._captured_ns = now_ns()
        if child.generation:
            self.tick = max(child.first_tick, clock.tick_at(self._captured_ns))
            self._publish_pace()

    def show(self) -> None:
        """Publish what the camera saw after the last step."""
        child, stamp_ns = self._child, self._captured_ns
        child.tick = self.tick
        frame = Frame(self._image, self._control, self._applied_ns, self._episode)
        child.publish("frame", frame, self.tick, stamp_ns=stamp_ns)
        if child.publishes("truth"):
            truth = self._body.truth()
            message = Truth(truth.state, truth.reward)
            child.publish("truth", message, self.tick, stamp_ns=stamp_ns)

    def await_command(self) -> Command | None:
        """The newest command for the next tick at its deadline; in lockstep the first, when it
        comes. Orders are heeded meanwhile, and may set another deadline.

        Whoever has sent it: the body is given nothing beyond its limits.
        """
        self.tick += 1
        command = None
        while not self._may_go_on(command):
            for header, message, _ in self._child.messages(self._pacer.deadline_ns(self.tick)):
                if isinstance(message, Command) and header.tick == self.tick:
                    if self._spec.allows(message.control):
                        command = message
                    else:
                        self._child.counters.invalid_plans += 1
                elif self._heed(header, message):
                    break  # there may be another deadline now
                if self._may_go_on(command):
                    break
            else:
                break  # it is time
        present = self._pacer.tick_at(now_ns())
        if present > self.tick:
            self.tick, command = present, None
        return command

    def step(self, command: Command | None) -> None:
        """Make the step that is due, with the safe control where there is no ``command``; or let
        the body begin anew."""
        self._judge(command)
        self._applied_ns = now_ns()
        if self._reset_wanted:
            self._reset_wanted = False
            self._episode += 1
            self._control = np.zeros_like(self._spec.safe_control)
            self._image = self._body.reset(self._run.seed, self._run.start)
        else:
            self._control = self._spec.safe_control if command is None else command.control
            self._be_pushed()
            self._image = self._body.step(self._control)
        self._captured_ns = now_ns()
        if self._pacer.stepped(self.tick):
            self._publish_pace()

    def _may_go_on(self, command: Command | None) -> bool:
        """Whether there is nothing to wait for, although no deadline has passed."""
        due_now = not self._pacer.clock.realtime and not self._pacer.paused
        return due_now and command is not None

    def _heed(self, header: Header, message: object) -> bool:
        """Act on what a person orders; returns whether the pace has changed."""
        match message:
            case Push() if self._spec.draggable:
                self._push = message, self.tick + _PUSHED_TICKS
            case Order(what=Do.GOAL, text=text):
                self._publish_goal(text, header.epoch)
            case Order(what=Do.PLANNER, value=value):
                self._planned = value > 0
            case Order(what=Do.RESET):
                self._reset_wanted = True
                return self._pacer.paused and self._order(Do.STEP, 0.0)
            case Order(what=what, value=value):
                return self._order(what, value)
        return False

    def _order(self, what: Do, value: float) -> bool:
        changed = self._pacer.order(what, value, self.tick, now_ns())
        if changed:
            self._publish_pace()
        return changed

    def _publish_pace(self) -> None:
        self._child.publish("pace", self._pacer.pace(), self.tick)

    def _publish_goal(self, text: str, epoch: int) -> None:
        """Show what an angle looks like, as the goal of ``epoch``."""
        try:
            image = picture_at(text, self._body)
        except GoalError as error:
            self._child.note(str(error))
            return
        self._child.publish("goal", Goal(image, text), epoch=epoch)

    def _be_pushed(self) -> None:
        if self._push and isinstance(self._body, Draggable):
            push, until_tick = self._push
            if self.tick <= until_tick:
                self._body.drag(push.place, push.force)
            else:
                self._push = None

    def _judge(self, command: Command | None) -> None:
        """Count a tick once if its step begins late, or without a command from the plan made for
        it, unless a person wants none."""
        clock = self._pacer.clock
        late_ns = clock.lateness_ns(self.tick, now_ns())
        fresh = command is not None and command.origin is Origin.PLAN
        if late_ns > LATE_FRACTION * clock.period_ns or (self._planned and not fresh):
            self._child.counters.missed_deadlines += 1
        lateness_ms = late_ns / NS_PER_MS
        self._child.counters.lateness_ms = max(self._child.counters.lateness_ms, lateness_ms)
