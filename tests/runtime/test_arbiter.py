"""Actuation's decisions: which control is played at a tick."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jopa_agent.agent.runtime.arbiter import Arbiter, Verdict
from jopa_agent.envs import BodySpec
from jopa_agent.transport.messages import FIRST_EPOCH, Origin

LOW, HIGH, SAFE = (np.array([value], np.float32) for value in (-2.0, 2.0, 0.25))
STAMP = 77
BODY = BodySpec("arm", 0.05, LOW, HIGH, SAFE, (4, 4, 1))


def arbiter() -> Arbiter:
    return Arbiter(BODY, older_plan_ticks=2)


def controls(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


def offer(to: Arbiter, frame: int, *values: float, epoch: int = FIRST_EPOCH) -> Verdict:
    return to.offer(frame, STAMP + frame, epoch, controls(*values))


def settled(by: Arbiter) -> tuple[int, float, Origin]:
    decision = by.settle()
    return decision.tick, float(decision.control[0]), decision.origin


def test_without_a_plan_the_safe_control_is_played() -> None:
    judge = arbiter()
    assert settled(judge) == (1, 0.25, Origin.SAFE)
    assert settled(judge) == (2, 0.25, Origin.SAFE)
    assert judge.settle().frame_stamp_ns == 0


def test_the_plan_made_for_the_tick_is_played() -> None:
    judge = arbiter()
    assert offer(judge, 0, 0.5, 0.6) is Verdict.ACCEPTED
    decision = judge.settle()
    assert (decision.tick, decision.origin, decision.frame_stamp_ns) == (1, Origin.PLAN, STAMP)
    np.testing.assert_array_equal(decision.control, controls(0.5)[0])
    assert offer(judge, 1, 0.7, 0.8) is Verdict.ACCEPTED
    assert settled(judge) == (2, np.float32(0.7), Origin.PLAN)


def test_an_older_plan_serves_as_far_as_it_reaches() -> None:
    judge = arbiter()
    offer(judge, 0, 0.5, 1.0, 1.5)
    assert [settled(judge) for _ in range(4)] == [
        (1, 0.5, Origin.PLAN),
        (2, 1.0, Origin.OLDER_PLAN),
        (3, 1.5, Origin.OLDER_PLAN),
        (4, 0.25, Origin.SAFE),
    ]


def test_a_late_plan_serves_the_ticks_after() -> None:
    judge = arbiter()
    assert settled(judge) == (1, 0.25, Origin.SAFE)
    assert offer(judge, 0, 0.5, 1.0) is Verdict.LATE
    assert settled(judge) == (2, 1.0, Origin.OLDER_PLAN)


def test_a_late_plan_does_not_replace_a_newer_one() -> None:
    judge = arbiter()
    settled(judge)
    offer(judge, 1, 1.0, 1.5)
    assert offer(judge, 0, 0.5, 0.5, 0.5) is Verdict.LATE
    assert settled(judge) == (2, 1.0, Origin.PLAN)


def test_a_new_goal_drops_the_plan_of_the_old_one() -> None:
    judge = arbiter()
    offer(judge, 0, 0.5, 1.0, 1.5)
    settled(judge)
    judge.new_goal(FIRST_EPOCH + 1)
    assert settled(judge) == (2, 0.25, Origin.SAFE)
    assert offer(judge, 2, 0.5) is Verdict.STALE
    assert settled(judge) == (3, 0.25, Origin.SAFE)
    assert offer(judge, 3, 0.5, epoch=FIRST_EPOCH + 1) is Verdict.ACCEPTED
    assert settled(judge) == (4, 0.5, Origin.PLAN)


def test_what_was_settled_for_an_old_goal_is_outdated_until_it_is_revoked() -> None:
    judge = arbiter()
    offer(judge, 0, 0.5)
    settled(judge)
    assert not judge.outdated
    offer(judge, 1, 1.0, epoch=FIRST_EPOCH + 1)
    assert judge.outdated
    revoked = judge.revoke()
    assert (revoked.tick, revoked.control[0], revoked.origin) == (1, 0.25, Origin.SAFE)
    assert not judge.outdated
    assert settled(judge) == (2, 1.0, Origin.PLAN)


def test_a_plan_may_tell_of_a_new_goal_first() -> None:
    judge = arbiter()
    offer(judge, 0, 0.5, epoch=FIRST_EPOCH + 1)
    assert judge.epoch == FIRST_EPOCH + 1
    judge.new_goal(FIRST_EPOCH + 1)  # heard again: it is the goal of the plan in hand
    judge.new_goal(FIRST_EPOCH)
    assert settled(judge) == (1, 0.5, Origin.PLAN)


def test_ticks_that_went_by_unseen_are_given_up() -> None:
    judge = arbiter()
    assert offer(judge, 6, 0.5) is Verdict.ACCEPTED
    assert settled(judge) == (7, 0.5, Origin.PLAN)


@pytest.mark.parametrize("fault", [np.nan, np.inf, -np.inf, 2.001, -2.001])
def test_a_plan_with_a_forbidden_control_is_refused_whole(fault: float) -> None:
    judge = arbiter()
    assert offer(judge, 0, 0.5, fault) is Verdict.INVALID
    assert settled(judge) == (1, 0.25, Origin.SAFE)


def test_the_limits_themselves_may_be_played() -> None:
    judge = arbiter()
    assert offer(judge, 0, -2.0, 2.0) is Verdict.ACCEPTED


def test_a_plan_for_another_body_is_refused() -> None:
    judge = arbiter()
    assert judge.offer(0, 0, FIRST_EPOCH, np.zeros((3, 2), np.float32)) is Verdict.INVALID
    assert judge.offer(0, 0, FIRST_EPOCH, np.zeros(3, np.float32)) is Verdict.INVALID


def test_a_safe_control_outside_the_limits_is_refused() -> None:
    with pytest.raises(ValueError, match="outside the limits"):
        Arbiter(replace(BODY, safe_control=np.array([3.0], np.float32)), 1)


offers = st.tuples(
    st.integers(0, 12),
    st.integers(FIRST_EPOCH, FIRST_EPOCH + 2),
    st.lists(st.floats(-3, 3, width=32) | st.just(np.nan), min_size=1, max_size=4),
)
goals = st.integers(FIRST_EPOCH, FIRST_EPOCH + 2)


@given(st.lists(st.none() | goals | offers, max_size=40))
def test_whatever_comes_each_tick_is_settled_once_within_limits(events: list) -> None:
    judge, last_tick, last_epoch, plans = arbiter(), 0, FIRST_EPOCH, {}
    for event in events:
        if isinstance(event, int):
            judge.new_goal(event)
        elif event is not None:
            frame, epoch, values = event
            if offer(judge, frame, *values, epoch=epoch) in (Verdict.ACCEPTED, Verdict.LATE):
                plans.setdefault((STAMP + frame, judge.epoch), []).append(controls(*values))
        else:
            decision = judge.settle()
            assert decision.tick > last_tick
            assert (decision.control >= LOW).all()
            assert (decision.control <= HIGH).all()
            if decision.origin is not Origin.SAFE:
                frame = decision.frame_stamp_ns - STAMP
                ahead = decision.tick - frame - 1
                assert (decision.origin is Origin.PLAN) == (ahead == 0)
                candidates = plans[(decision.frame_stamp_ns, judge.epoch)]
                assert any(
                    (plan[ahead : ahead + 1] == decision.control).any() for plan in candidates
                )
            last_tick = decision.tick
        assert judge.epoch >= last_epoch
        last_epoch = judge.epoch
