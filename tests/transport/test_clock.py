"""Deadlines of the ticks."""

from hypothesis import given
from hypothesis import strategies as st
from jopa_agent.transport.clock import Clock

NS = st.integers(0, 10**18)


@given(NS, st.integers(1, 10**10), st.integers(0, 10**6), st.integers(0, 10**8))
def test_deadlines_are_absolute(t0: int, period: int, tick: int, lead: int) -> None:
    clock = Clock(t0, period, realtime=True)
    assert clock.deadline_ns(tick) == t0 + tick * period
    assert clock.deadline_ns(tick, lead) == t0 + tick * period - lead


@given(NS, st.integers(1, 10**10), st.integers(0, 10**6), st.integers(-(10**12), 10**12))
def test_lateness_counts_from_the_deadline(t0: int, period: int, tick: int, after: int) -> None:
    clock = Clock(t0, period, realtime=True)
    assert clock.lateness_ns(tick, t0 + tick * period + after) == max(0, after)


def test_lockstep_has_no_deadlines() -> None:
    clock = Clock(0, 50, realtime=False)
    assert clock.deadline_ns(3) is None
    assert clock.lateness_ns(3, 10**18) == 0
