"""What the window knows of a run."""

import tracemalloc

import numpy as np
import pytest
from jopa_agent.agent.viewer.gallery import Thumbnail
from jopa_agent.agent.viewer.state import OFFERED, ViewerState
from jopa_agent.transport.messages import Command, Header, Origin

from .conftest import Feed, picture


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
    assert state.rate_hz() is None
    feed(range(30))
    assert state.rate_hz() == pytest.approx(20.0)
    assert set(state.latency_ms) == {6.0}


def test_commands_that_no_fresh_plan_made_are_counted_apart(state: ViewerState):
    for origin in (Origin.SAFE, Origin.OLDER_PLAN, Origin.OLDER_PLAN):
        state.take(Header(3, 0, 10, 1, 1), Command(np.zeros(1, np.float32), origin, 0))
    assert (state.older_plans, state.safe_controls) == (2, 1)
    assert not state.latency_ms


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
    state.choose(state.offered()[1][0])
    feed(range(200, 400), epoch=2)
    assert state.offered()[0] == (first,)
    assert sum(len(group) for group in state.offered()) == OFFERED


def test_memory_does_not_grow_with_the_run(feed: Feed):
    feed(range(600))  # fills every window
    tracemalloc.start()
    feed(range(600, 1100))
    early, _ = tracemalloc.get_traced_memory()
    feed(range(1100, 1900))
    late, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert late - early < 50_000  # 800 frames alone would be 800 kB
