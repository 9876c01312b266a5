"""When each frame was captured, planned for, and when its control acted."""

import numpy as np
import pytest
from jopa_agent.agent.runtime.timeline import Timeline
from jopa_agent.transport.clock import NS_PER_MS, Clock
from jopa_agent.transport.messages import Command, Do, Frame, Header, Order, Origin, Pace, Plan

PERIOD_MS = 50
T0_MS = 1000
IMAGE, CONTROL = np.zeros((2, 2, 1), np.uint8), np.zeros(1, np.float32)


def ns(ms: float) -> int:
    return int(ms * NS_PER_MS)


class Run:
    """A run tick by tick; everything takes as long as it is said to."""

    def __init__(self, realtime: bool = True) -> None:
        self.timeline = Timeline()
        self.timeline.begin(Clock(ns(T0_MS), ns(PERIOD_MS), realtime))

    def frame(self, tick: int, late_ms: float = 0.0, render_ms: float = 1.0) -> None:
        applied = T0_MS + tick * PERIOD_MS + late_ms
        header = Header(1, 0, ns(applied + render_ms), tick)
        self.timeline.take(header, Frame(IMAGE, CONTROL, ns(applied), 0))

    def plan(self, tick: int, wire_ms: float = 2.0) -> None:
        received = T0_MS + tick * PERIOD_MS + 1 + wire_ms
        header = Header(2, 0, 0, tick)
        self.timeline.take(header, Plan(CONTROL[None], ns(received), 3.0, 4.0, 0.0))

    def command(self, tick: int, origin: Origin = Origin.PLAN, settle_ms: float = 5.0) -> None:
        sent = T0_MS + (tick - 1) * PERIOD_MS + 1 + 2 + 3 + 4 + settle_ms
        self.timeline.take(Header(3, 0, ns(sent), tick), Command(CONTROL, origin, 0))


def test_the_parts_of_the_way_add_up() -> None:
    run = Run()
    for tick in range(4):
        run.frame(tick)
        run.plan(tick)
        run.command(tick + 1)
    stages = run.timeline.stages()
    expected = {"wire": 2, "filter": 3, "plan": 4, "settle": 5, "hold": 35, "total": 49}
    for name, values in stages._asdict().items():
        np.testing.assert_allclose(values, np.full(3, expected[name]), atol=1e-3)
    assert len(run.timeline.stages(last=2).total) == 2
    assert run.timeline.rhythm() == pytest.approx((1.0, 0.0))
    np.testing.assert_allclose(run.timeline.frame_to_command_ms(), np.full(3, 14), atol=1e-3)
    assert sum(run.timeline.misses().values()) == 0


def test_each_miss_has_its_cause() -> None:
    run = Run()
    run.frame(0)
    for tick, miss in enumerate(["late step", "no command", "no plan", "late plan", "no frame"], 1):
        if miss != "no plan":
            run.plan(tick - 1)
        if miss != "no command":
            old = miss in ("no plan", "late plan")
            run.command(tick, Origin.OLDER_PLAN if old else Origin.PLAN)
        if miss != "no frame":
            run.frame(tick, late_ms=6.0 if miss == "late step" else 0.0)
    run.frame(6)
    run.plan(5)
    run.command(6)
    assert run.timeline.misses() == {
        "no frame": 1, "late step": 1, "no command": 1, "no plan": 1, "late plan": 1,
    }  # fmt: skip
    assert sum(run.timeline.misses(last=1).values()) == 0
    # what was not gone to its end has no duration
    assert np.isnan(run.timeline.stages().total).tolist() == [False, True, True, True, True, True]


def test_the_rhythm_is_in_periods() -> None:
    run = Run()
    for tick, late_ms in enumerate([0.0, 0.0, 5.0, 0.0, 5.0]):
        run.frame(tick, late_ms)
    # 1.1, 0.9 and 1.1 periods after the first step
    assert run.timeline.rhythm() == pytest.approx((3.1 / 3, np.std([1.1, 0.9, 1.1])))


def test_in_lockstep_no_step_is_late() -> None:
    run = Run(realtime=False)
    run.frame(0)
    run.plan(0)
    run.command(1)
    run.frame(1, late_ms=1000.0)
    assert np.isnan(run.timeline.rhythm().mean)
    assert sum(run.timeline.misses().values()) == 0


@pytest.mark.parametrize("frames", [0, 1])
def test_before_the_first_step_there_is_nothing(frames: int) -> None:
    run = Run()
    for tick in range(frames):
        run.frame(tick)
    assert len(run.timeline.stages().total) == 0
    assert sum(run.timeline.misses().values()) == 0


def test_a_pause_and_another_speed_move_the_deadlines() -> None:
    run = Run()
    for tick in range(3):
        run.frame(tick)
        run.plan(tick)
        run.command(tick + 1)
    # from tick 3 on a second later, and half as fast
    pace = Pace(ns(T0_MS + 1000 - 3 * PERIOD_MS), ns(2 * PERIOD_MS), False, 0.5)
    run.timeline.take(Header(1, 0, 0, 3), pace)
    for tick in range(3, 6):
        applied = ns(T0_MS + 1000 - 3 * PERIOD_MS) + tick * ns(2 * PERIOD_MS)
        run.timeline.take(Header(1, 0, applied + 1, tick), Frame(IMAGE, CONTROL, applied, 0))
        run.plan(tick)
        run.command(tick + 1)
    assert sum(run.timeline.misses().values()) == 0
    assert run.timeline.rhythm() == pytest.approx((1.0, 0.0))
    # what lasted through the pause is no latency
    assert np.isnan(run.timeline.stages().total).tolist() == [False, False, True, False, False]


def test_a_tick_misses_nothing_while_nobody_wants_a_plan() -> None:
    run = Run()
    for tick in range(6):
        run.frame(tick)
        run.plan(tick)
        run.command(tick + 1, Origin.SAFE if tick in (1, 2) else Origin.PLAN)
    assert run.timeline.misses()["late plan"] == 2
    for tick, wanted in ((1, 0.0), (3, 1.0)):
        stamp = ns(T0_MS + tick * PERIOD_MS)
        run.timeline.take(Header(4, 0, stamp), Order(Do.PLANNER, wanted, ""))
    assert sum(run.timeline.misses().values()) == 0
