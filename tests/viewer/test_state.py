"""What the window knows of a run."""

import gc
import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from jopa_agent.agent.viewer.gallery import Thumbnail
from jopa_agent.agent.viewer.state import ViewerState
from jopa_agent.agent.viewer.timings import LATE, LEFT_OUT, NONE_YET, OFF, OLDER, percentiles
from jopa_agent.transport.messages import (
    Belief,
    Command,
    Do,
    Frame,
    Goal,
    Header,
    Imagined,
    Order,
    Origin,
    Pace,
)

from .conftest import PERIOD_NS, Feed, messages_of, offer, peers, picture, statuses


def test_the_newest_frame_and_belief_are_shown(state: ViewerState, feed: Feed):
    feed(range(30))
    assert state.tick == 29
    assert state.image is not None
    np.testing.assert_array_equal(state.image, picture(29))
    view = state.latent_view()
    assert view is not None
    np.testing.assert_allclose(view.now, [np.cos(2.9), np.sin(2.9)], rtol=1e-6)
    assert state.now_s == pytest.approx(29 * 0.05)


def test_rate_and_latency_are_those_of_the_stamps(state: ViewerState, feed: Feed):
    assert state.timings.rate_hz() is None
    feed(range(30))
    assert state.timings.rate_hz() == pytest.approx(20.0)
    assert set(state.timings.latency_ms) == {6.0}
    assert percentiles(state.timings.latency_ms) == (6.0, 6.0)
    assert percentiles([]) is None


def test_ticks_without_a_fresh_plan_are_counted_by_their_cause(state: ViewerState, feed: Feed):
    def command(origin: Origin, epoch: int = 1) -> None:
        state.take(Header(3, 0, 10, 1, epoch), Command(np.zeros(1, np.float32), origin, 0))

    command(Origin.SAFE)
    command(Origin.OLDER_PLAN)
    feed(range(3))
    command(Origin.SAFE)
    command(Origin.SAFE)
    command(Origin.SAFE, epoch=2)
    state.take(Header(0, 0, 0), Order(Do.PLANNER, 0.0, ""))
    command(Origin.SAFE)
    feed(range(5, 6))
    counts = {NONE_YET: 2, OLDER: 1, LATE: 2, OFF: 1, LEFT_OUT: 2}
    assert dict(state.timings.missed) == counts
    assert len(state.timings.latency_ms) == 4


def test_a_body_that_begins_anew_has_left_no_frame_out(state: ViewerState, feed: Feed):
    feed(range(3))
    frame = Frame(picture(0), np.zeros(1, np.float32), 0, episode=1)
    state.take(Header(1, 0, 10**9, 40, 1), frame)
    assert state.timings.missed[LEFT_OUT] == 0
    assert len(state.trail.values()) == 0


def test_switches_follow_orders_of_whoever_gave_them(state: ViewerState):
    def take(message: Order | Pace) -> None:
        state.take(Header(0, 0, 0), message)

    take(Order(Do.PLANNER, 0.0, ""))
    take(Order(Do.LEARN, 1.0, ""))
    take(Order(Do.RECORD, 0.0, ""))
    take(Order(Do.PAUSE, 0.0, ""))  # is told by the run's pace
    switches = state.switches
    assert (switches.planner, switches.learn, switches.record) == (False, True, False)
    assert (switches.paused, switches.speed) == (False, 1.0)
    take(Pace(0, 1, True, 0.25))
    assert (switches.paused, switches.speed) == (True, 0.25)


def test_processes_and_peers_are_known_by_name(state: ViewerState):
    for message in (*statuses(), *peers(), *statuses()):
        state.take(Header(0, 0, 0), message)
    assert list(state.processes) == [each.process for each in statuses()]
    assert list(state.peers) == [each.name for each in peers()]


def test_goals_on_offer_take_the_place_of_frames_that_were_seen(state: ViewerState, feed: Feed):
    feed(range(100))
    assert [len(group) for _, group in state.offered()] == [1, 8, 5]
    assert len(state.tour_goals()) == 9
    state.take(Header(0, 0, 0), offer(6, (16, 16, 1)))  # of another camera
    assert len(state.offered()) == 3
    state.take(Header(0, 0, 0), offer(6))
    assert [len(group) for _, group in state.offered()] == [6, 5]
    assert [each.name for each in state.tour_goals()] == ["0deg", "30deg", "60deg"]


def test_a_goal_that_is_on_offer_can_be_held_or_not(state: ViewerState):
    assert state.can_be_held(state.goal) is None
    state.take(Header(0, 0, 0), offer(6))
    for number, held in ((0, True), (1, False)):
        goal = Goal(picture(1000 + number), "typed elsewhere")
        state.take(Header(0, 0, 0, -1, 2 + number), goal)
        assert state.can_be_held(state.goal) is held


def test_a_goal_of_anothers_is_shown_and_one_of_another_camera_is_not(state: ViewerState):
    state.take(Header(0, 0, 0, -1, 2), Goal(picture(3), "theirs"))
    state.take(Header(0, 0, 0, -1, 3), Goal(picture(3, (8, 8, 1)), "odd"))
    assert (state.goal.name, state.epoch) == ("theirs", 2)
    assert state.unanswered_goal() is None
    assert state.history.reaches(-1)


def test_beliefs_of_one_coordinate_have_a_place_in_the_plane(state: ViewerState):
    for header, message in messages_of(0):
        if isinstance(message, Belief):
            state.take(header, _first_coordinate(message))
        else:
            state.take(header, message)
    view = state.latent_view()
    assert view is not None
    assert view.now.shape == view.goal.shape == (2,)
    assert view.planned_mean.shape == (5, 2)


def test_the_goal_of_the_run_needs_no_sending(state: ViewerState):
    assert state.unanswered_goal() is None


def test_a_chosen_goal_is_sent_until_a_belief_carries_its_epoch(state: ViewerState, feed: Feed):
    feed(range(3))
    chosen = Thumbnail(picture(77), "frame 77")
    state.choose(chosen)
    feed(range(3, 6))  # beliefs that still pursue the first goal
    unanswered = state.unanswered_goal()
    assert unanswered is not None
    epoch, goal = unanswered
    assert (epoch, goal.name) == (2, "frame 77")
    np.testing.assert_array_equal(goal.image, picture(77))
    feed(range(6, 7), epoch=2)
    assert state.unanswered_goal() is None


def test_every_choice_raises_the_epoch_above_all_that_was_seen(state: ViewerState, feed: Feed):
    feed(range(3), epoch=5)
    epochs = []
    for seed in range(3):
        state.choose(Thumbnail(picture(seed), "again"))
        unanswered = state.unanswered_goal()
        assert unanswered is not None
        epochs.append(unanswered[0])
    assert epochs == [6, 7, 8]


def test_the_first_goal_stays_on_offer(state: ViewerState, feed: Feed):
    first = state.goal
    feed(range(200))
    state.choose(state.offered()[1][1][0])
    feed(range(200, 400), epoch=2)
    assert state.offered()[0][1] == (first,)


def test_memory_does_not_grow_with_the_run(feed: Feed):
    feed(range(450))  # fills every window
    tracemalloc.start()
    feed(range(450, 900))  # what is in them now was traced
    gc.collect()
    early, _ = tracemalloc.get_traced_memory()
    feed(range(900, 1400))
    gc.collect()
    late, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert late - early < 50_000  # 500 frames alone would be 500 kB


def test_a_frame_awaits_its_command_and_the_next_frame_is_known(state: ViewerState) -> None:
    for tick in range(3):
        assert not state.awaits_command
        for header, message in messages_of(tick):
            state.take(header, message)
            if not isinstance(message, Command | Imagined):
                assert state.awaits_command
    assert not state.awaits_command
    stamp_ns = state.stamp_ns
    assert stamp_ns
    assert state.next_frame_ns == stamp_ns + PERIOD_NS
    state.take(header, Pace(0, 4 * PERIOD_NS, False, 0.25))
    assert state.next_frame_ns == stamp_ns + 4 * PERIOD_NS
    state.take(header, Pace(0, PERIOD_NS, True, 1.0))
    assert state.next_frame_ns == math.inf


def test_an_agent_that_draws_no_pictures_is_known_after_a_while(state: ViewerState) -> None:
    def see(ticks: range) -> None:
        for tick in ticks:
            for header, message in messages_of(tick):
                if not isinstance(message, Imagined):
                    state.take(header, message)

    see(range(40))
    assert not state.draws_nothing
    see(range(40, 80))
    assert state.draws_nothing


def _first_coordinate(belief: Belief) -> Belief:
    return replace(
        belief,
        mean=belief.mean[:1],
        std=belief.std[:1],
        planned_mean=belief.planned_mean[:, :1],
        planned_std=belief.planned_std[:, :1],
        goal=belief.goal[:1],
    )
