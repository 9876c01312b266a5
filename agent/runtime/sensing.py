"""Sensing: steps the body with the commands that arrive, and publishes what the camera sees."""

import math

import numpy as np

from ...transport.clock import NS_PER_MS, Clock, now_ns
from ...transport.messages import Command, Frame, Origin, Truth
from ..bodies import body_for
from .process import Child
from .timeline import LATE_FRACTION


def main(child: Child) -> None:
    """Publish a frame; then, tick by tick, step at the deadline and publish the frame after it.

    Ticks that went by while this process was held up are left out, not made up for. In the place of
    another process it begins a new episode: the body that the other moved is gone with it.
    """
    settings, spec = child.launch.settings, child.launch.body
    child.report("preparing the body")
    body = body_for(settings)
    image = body.reset(settings.run.seed, settings.run.start)
    last_tick = round(settings.run.duration_s / spec.period_s) or math.inf
    control = np.zeros_like(spec.safe_control)

    clock = child.start()
    for _ in child.messages(clock.t0_ns):
        pass
    applied_ns = captured_ns = now_ns()
    tick = max(child.first_tick, clock.tick_at(captured_ns)) if child.generation else 0
    while True:
        child.tick = tick
        frame = Frame(image, control, applied_ns, child.generation)
        child.publish("frame", frame, tick, stamp_ns=captured_ns)
        if child.publishes("truth"):
            truth = body.truth()
            message = Truth(truth.state, truth.reward)
            child.publish("truth", message, tick, stamp_ns=captured_ns)
        if tick >= last_tick:
            child.done("the time is up")
        tick += 1
        command = _await_command(child, clock, tick)
        present = clock.tick_at(now_ns())
        if present > tick:
            tick, command = present, None
        _judge(child, clock, tick, command)
        control = spec.safe_control if command is None else command.control
        applied_ns = now_ns()
        image, captured_ns = body.step(control), now_ns()


def _await_command(child: Child, clock: Clock, tick: int) -> Command | None:
    """The newest command for ``tick`` at its deadline; in lockstep the first, when it comes.

    Whoever has sent it: the body is given nothing beyond its limits.
    """
    command, body = None, child.launch.body
    for header, message, _ in child.messages(clock.deadline_ns(tick)):
        if isinstance(message, Command) and header.tick == tick:
            if not body.allows(message.control):
                child.counters.invalid_plans += 1
                continue
            command = message
            if not clock.realtime:
                break
    return command


def _judge(child: Child, clock: Clock, tick: int, command: Command | None) -> None:
    """Count a tick once if its step begins late, or without a command from the plan made for it."""
    late_ns = clock.lateness_ns(tick, now_ns())
    fresh = command is not None and command.origin is Origin.PLAN
    if late_ns > LATE_FRACTION * clock.period_ns or not fresh:
        child.counters.missed_deadlines += 1
    child.counters.lateness_ms = max(child.counters.lateness_ms, late_ns / NS_PER_MS)
