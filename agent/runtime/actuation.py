"""Actuation: one command a tick, from the plan made for it if that comes in time."""

from ...transport.clock import NS_PER_MS, Clock, now_ns
from ...transport.messages import Command, Goal, Header, Plan
from .arbiter import Arbiter, Verdict
from .process import Child

_LONGEST_LEAD = 0.1  # of a period: the plan may need the rest of a short one


def main(child: Child) -> None:
    """Settle each tick as soon as its plan is there, and a lead before its deadline at the latest.

    In lockstep there are no deadlines: it waits for the plan. Ticks that went by while this process
    was held up are left out.
    """
    runtime = child.launch.settings.runtime
    arbiter = Arbiter(child.launch.body, runtime.older_plan_ticks)

    clock = child.start()
    lead_ns = min(
        round(runtime.command_lead_ms * NS_PER_MS), round(_LONGEST_LEAD * clock.period_ns)
    )
    while True:
        arbiter.go_on_from(clock.tick_at(now_ns()) + 1)
        _await_plan(child, clock, arbiter, lead_ns)
        decision = arbiter.settle()
        command = Command(decision.control, decision.origin, decision.frame_stamp_ns)
        child.publish("command", command, decision.tick, arbiter.epoch)
        child.tick = decision.tick - 1


def _await_plan(child: Child, clock: Clock, arbiter: Arbiter, lead_ns: int) -> None:
    """Take in goals and plans until the plan for the next tick is there, usable or not."""
    for header, message, _ in child.messages(clock.deadline_ns(arbiter.tick, lead_ns)):
        if isinstance(message, Goal):
            if message.image.shape != child.launch.body.frame_shape:
                continue  # inference takes no such goal, and plans for the one before
            arbiter.new_goal(header.epoch)
        elif isinstance(message, Plan):
            _offer(child, arbiter, header, message)
            if header.tick + 1 == arbiter.tick:
                return


def _offer(child: Child, arbiter: Arbiter, header: Header, plan: Plan) -> None:
    verdict = arbiter.offer(header.tick, header.stamp_ns, header.epoch, plan.controls)
    child.counters.late_plans += verdict is Verdict.LATE
    child.counters.stale_plans += verdict is Verdict.STALE
    child.counters.invalid_plans += verdict is Verdict.INVALID
