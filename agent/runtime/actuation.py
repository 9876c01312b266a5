"""Actuation: one command a tick, from the plan made for it if that comes in time."""

from ...transport.clock import NS_PER_MS, Clock, now_ns
from ...transport.messages import Command, Do, Goal, Header, Message, Order, Pace, Plan
from .arbiter import Arbiter, Decision, Verdict
from .process import Child

_LONGEST_LEAD = 0.1  # of a period: the plan may need the rest of a short one


def main(child: Child) -> None:
    """Settle each tick as soon as its plan is there, and a lead before its deadline at the latest.

    Where there are no deadlines, in lockstep and during a pause, it waits for the plan. Ticks that
    went by while this process was held up are left out.
    """
    runtime = child.launch.settings.runtime
    desk = Desk(child, Arbiter(child.launch.body, runtime.older_plan_ticks))
    arbiter = desk.arbiter

    desk.clock = child.start()
    lead_ns = min(
        round(runtime.command_lead_ms * NS_PER_MS), round(_LONGEST_LEAD * desk.clock.period_ns)
    )
    while True:
        arbiter.go_on_from(desk.clock.tick_at(now_ns()) + 1)
        desk.await_plan(lead_ns)
        decision = arbiter.settle()
        desk.command(decision)
        child.tick = decision.tick - 1


class Desk:
    """Where plans, goals, orders and the pace of the run come in, and commands go out."""

    def __init__(self, child: Child, arbiter: Arbiter) -> None:
        self.arbiter = arbiter
        self.clock = child.clock
        self._child = child
        self._realtime = child.launch.settings.run.clock == "realtime"
        self._paused = False

    def command(self, decision: Decision) -> None:
        """Tell the body what was decided."""
        command = Command(decision.control, decision.origin, decision.frame_stamp_ns)
        self._child.publish("command", command, decision.tick, self.arbiter.epoch)

    def await_plan(self, lead_ns: int) -> None:
        """Take in what comes until the plan for the next tick is there, usable or not, or it is a
        lead before its deadline, which may be moved meanwhile."""
        while True:
            deadline_ns = self.clock.deadline_ns(self.arbiter.tick, lead_ns)
            for header, message, _ in self._child.messages(deadline_ns):
                self._take(header, message)
                if isinstance(message, Plan) and header.tick + 1 == self.arbiter.tick:
                    return
                if isinstance(message, Pace):
                    break
            else:
                return

    def _take(self, header: Header, message: Message) -> None:
        match message:
            case Goal(image=image) if image.shape == self._child.launch.body.frame_shape:
                self.arbiter.new_goal(header.epoch)  # of another shape inference takes none
            case Order(what=Do.PLANNER, value=value):
                self.arbiter.obeys = value > 0
            case Pace():
                self._paused = message.paused
                realtime = self._realtime and not message.paused
                self.clock = Clock(message.t0_ns, message.period_ns, realtime)
            case Plan():
                self._offer(header, message)
        if self._paused and self.arbiter.outdated:
            # It has not been played yet, and must not be any more. Streams come in any order: the
            # goal may have been heard of before the pause.
            self.command(self.arbiter.revoke())

    def _offer(self, header: Header, plan: Plan) -> None:
        verdict = self.arbiter.offer(header.tick, header.stamp_ns, header.epoch, plan.controls)
        counters = self._child.counters
        counters.late_plans += verdict is Verdict.LATE
        counters.stale_plans += verdict is Verdict.STALE
        counters.invalid_plans += verdict is Verdict.INVALID
