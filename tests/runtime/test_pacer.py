"""When the next step is due, as a person orders it."""

import pytest
from jopa_agent.agent.runtime.pacer import Pacer
from jopa_agent.transport.clock import Clock
from jopa_agent.transport.messages import Do

PERIOD_NS, T0_NS = 50, 1000


def pacer(realtime: bool = True) -> Pacer:
    return Pacer(Clock(T0_NS, PERIOD_NS, realtime), PERIOD_NS)


def test_ticks_do_not_go_by_during_a_pause():
    paced = pacer()
    assert paced.order(Do.PAUSE, 0.0, 4, 1170)
    assert paced.paused
    assert paced.deadline_ns(4) is None
    assert paced.tick_at(9999) == -1
    assert not paced.order(Do.PAUSE, 0.0, 4, 2000)
    assert paced.order(Do.RESUME, 0.0, 4, 5000)
    assert paced.deadline_ns(4) == 5050
    assert paced.deadline_ns(5) == 5100
    assert paced.tick_at(5050) == 4
    assert not paced.order(Do.RESUME, 0.0, 4, 5000)


def test_a_single_step_is_made_at_once_and_no_more():
    paced = pacer()
    paced.order(Do.PAUSE, 0.0, 4, 1170)
    assert paced.order(Do.STEP, 0.0, 4, 5000)
    assert paced.deadline_ns(4) == 5000
    assert paced.stepped(4)
    assert paced.paused
    assert paced.deadline_ns(5) is None
    assert not paced.stepped(5)


def test_a_step_that_is_ordered_while_it_runs_is_the_last():
    paced = pacer()
    assert paced.order(Do.STEP, 0.0, 4, 1170)
    assert paced.deadline_ns(4) == 1200
    assert not paced.stepped(3)
    assert paced.stepped(6)  # ticks were left out
    assert paced.paused


def test_another_speed_leaves_the_next_deadline_where_it_is():
    paced = pacer()
    assert paced.order(Do.SPEED, 0.5, 4, 1170)
    assert (paced.deadline_ns(4), paced.deadline_ns(5)) == (1200, 1300)
    assert paced.pace().speed == 0.5
    assert not paced.order(Do.SPEED, 0.5, 4, 1170)
    paced.order(Do.PAUSE, 0.0, 5, 1210)
    paced.order(Do.SPEED, 2.0, 5, 1210)
    paced.order(Do.RESUME, 0.0, 5, 3000)
    assert (paced.deadline_ns(5), paced.deadline_ns(6)) == (3025, 3050)


@pytest.mark.parametrize("speed", [0.0, -1.0, 0.05, 5.0, 1e300])
def test_speeds_that_nobody_can_want_change_nothing(speed: float):
    paced = pacer()
    assert not paced.order(Do.SPEED, speed, 4, 1170)
    assert paced.speed == 1.0


def test_a_successor_knows_the_speed_by_the_clock():
    paced = Pacer(Clock(T0_NS, 100, True), PERIOD_NS)
    assert paced.speed == 0.5
    paced.order(Do.SPEED, 1.0, 1, 1050)
    assert paced.clock.period_ns == PERIOD_NS


def test_in_lockstep_there_are_pauses_but_no_deadlines():
    paced = pacer(realtime=False)
    assert paced.order(Do.PAUSE, 0.0, 4, 1170)
    assert paced.order(Do.STEP, 0.0, 4, 5000)
    assert paced.deadline_ns(4) is None
    assert not paced.paused
    assert paced.stepped(4)
    assert paced.paused
