"""Keeping score from the streams."""

import itertools
import json
import random

import numpy as np
import pytest
from jopa_agent.agent.evaluation.score import score
from jopa_agent.agent.runtime.scorekeeper import Scorekeeper
from jopa_agent.configs.settings import settings_from
from jopa_agent.envs import Goal
from jopa_agent.transport import messages
from jopa_agent.transport.messages import FIRST_EPOCH, Header, Health, Origin, State

PERIOD_S, MS = 0.05, 1_000_000
LAST = 300
IMAGE = np.zeros((4, 4, 1), np.uint8)


def f32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def angle(tick: int) -> float:
    return 3.0 * max(0.0, 1 - tick / 60) + 0.01


def keeper(scored: bool = True) -> Scorekeeper:
    goal = Goal("upright", IMAGE, angle=0.0, holding_effort=0.0)
    return Scorekeeper(settings_from({"run": {"score": scored, "seed": 5}}), goal, PERIOD_S)


def stream(scored: bool = True, epoch: int = FIRST_EPOCH) -> list[tuple[Header, messages.Message]]:
    """A run: frame k at 50 k ms, its command 10 ms later, late (from an older plan) at tick 7."""
    sequence = itertools.count()

    def header(tick: int, ms: float) -> Header:
        late_goal = epoch if tick > 100 else FIRST_EPOCH
        return Header(1, next(sequence), int((1000 + ms) * MS), tick, late_goal)

    run: list[tuple[Header, messages.Message]] = []
    for tick in range(LAST + 1):
        now = header(tick, 50 * tick)
        run.append((now, messages.Frame(IMAGE, f32(tick), 0, 0)))
        run.append((now, messages.Plan(f32(tick + 1)[:, None], 0, 0.5, 2.0, -float(tick))))
        planned = f32(0, 0)[None]
        mean, std, pose = f32(tick, 0), f32(1, 2), f32(0)
        belief = messages.Belief(mean, std, planned, planned, pose, tick / 10, 0.5)
        run.append((now, belief))
        origin = Origin.OLDER_PLAN if tick + 1 == 7 else Origin.PLAN
        delay = 44 if tick + 1 == 7 else 10
        command = messages.Command(f32(tick + 1), origin, now.stamp_ns)
        run.append((header(tick + 1, 50 * tick + delay), command))
        if scored:
            run.append((now, messages.Truth(np.array([angle(tick), 0.0]), -1.0)))
    return run


def health(**counts: int) -> Health:
    zero = dict.fromkeys(
        ("missed_deadlines", "late_plans", "stale_plans", "invalid_plans"), 0
    ) | dict.fromkeys(("dropped_frames", "malformed"), 0)
    return Health(state=State.STOPPED, note="", lateness_ms=0.0, **(zero | counts))


@pytest.fixture(params=["in order", "shuffled"])
def order(request: pytest.FixtureRequest) -> str:
    return request.param


def take(into: Scorekeeper, run: list, order: str) -> Scorekeeper:
    for header, message in run if order == "in order" else random.Random(0).sample(run, len(run)):
        into.take(header, message)
    return into


def test_the_summary_is_that_of_the_true_angles(order: str) -> None:
    summary = take(keeper(), stream(), order).summary([])
    expected = score(np.array([angle(tick) for tick in range(LAST + 1)]), 0.0, PERIOD_S, 0.1)
    assert summary.ticks == LAST
    assert (summary.reached, summary.held) == (True, True)
    assert summary.steps_to_reach == expected.steps_to_reach
    assert summary.mean_error == pytest.approx(expected.mean_error, rel=1e-12)
    assert summary.final_error == pytest.approx(0.01, rel=1e-9)
    assert summary.max_error_last_10s == pytest.approx(expected.max_error_last_10s, rel=1e-12)
    assert summary.final_distance == pytest.approx(LAST / 10)
    assert (summary.goal, summary.goals, summary.seed) == ("upright", 1, 5)


def test_the_latency_is_that_of_commands_from_the_frames_plan(order: str) -> None:
    summary = take(keeper(), stream(), order).summary([])
    assert summary.frame_to_command_ms.p50 == pytest.approx(10)
    assert summary.frame_to_command_ms.p99 == pytest.approx(10)  # the one from an older plan: 44
    assert (summary.filter_ms.p50, summary.plan_ms.p99) == (0.5, 2.0)


def test_the_record_has_a_row_for_each_frame(order: str) -> None:
    record = take(keeper(), stream(), order).record()
    ticks = np.arange(LAST + 1)
    np.testing.assert_array_equal(record.ticks, ticks)
    np.testing.assert_allclose(record.time_s, ticks * PERIOD_S)
    np.testing.assert_array_equal(record.control[:, 0], ticks)
    np.testing.assert_array_equal(record.mean[:, 0], ticks)
    assert record.std.shape == (LAST + 1, 2)
    np.testing.assert_array_equal(record.free_energy, -ticks)
    assert record.error_rad is not None
    np.testing.assert_allclose(
        record.error_rad, [angle(tick) for tick in range(LAST + 1)], rtol=1e-12
    )
    assert record.origin[7] == Origin.OLDER_PLAN
    assert (np.delete(record.origin, [0, 7]) == Origin.PLAN).all()


def test_without_the_truth_nothing_is_scored() -> None:
    kept = take(keeper(scored=False), stream(scored=False), "in order")
    summary = kept.summary([])
    assert (summary.reached, summary.held, summary.steps_to_reach) == (None, None, None)
    assert (summary.mean_error, summary.final_error, summary.max_error_last_10s) == (None,) * 3
    assert kept.record().error_rad is None
    assert kept.complete()


def test_a_goal_that_was_changed_on_the_way_is_not_scored() -> None:
    kept = take(keeper(), stream(epoch=FIRST_EPOCH + 2), "in order")
    assert kept.summary([]).goals == 3
    assert kept.summary([]).reached is None
    assert kept.record().error_rad is None


def test_a_run_is_complete_when_all_of_its_last_frame_is_there() -> None:
    kept = keeper()
    assert not kept.begun
    assert not kept.complete()
    *but_last, last = stream()
    take(kept, but_last, "in order")
    assert kept.begun
    assert not kept.complete()
    kept.take(*last)
    assert kept.complete()


def test_a_run_that_is_cut_off_is_scored_as_far_as_it_is_known() -> None:
    run = [(header, message) for header, message in stream() if header.tick < 100]
    kept = take(keeper(), run, "in order")
    kept.take(Header(1, 0, 0, tick=100), messages.Frame(IMAGE, f32(0), 0, 0))
    summary = kept.summary([])
    assert summary.ticks == 100
    assert summary.final_error == pytest.approx(0.01, rel=1e-9)


def test_counts_are_summed_over_the_processes_and_fit_json() -> None:
    healths = [health(malformed=1), health(late_plans=3, malformed=1)]
    summary = take(keeper(), stream(), "in order").summary(healths)
    figures = json.loads(json.dumps(summary.as_dict()))
    assert (figures["late_plans"], figures["malformed"]) == (3, 2)
    assert figures["frame_to_command_ms"] == {"p50": 10.0, "p99": 10.0}
    assert figures["restarts"] == 0
