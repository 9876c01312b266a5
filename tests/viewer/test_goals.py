"""Goals that are clicked, or chosen by keys, and what the run is told of them."""

import numpy as np
import pygame
import pytest
from jopa_agent.agent.viewer.desk import Desk
from jopa_agent.agent.viewer.history import TOUR_S
from jopa_agent.agent.viewer.layout import WINDOW
from jopa_agent.agent.viewer.panels import strip
from jopa_agent.transport.messages import (
    FIRST_EPOCH,
    Goal,
    Header,
)

from .conftest import NOW, Feed, Heard, offer, picture
from .person import (
    SMALL,
    WAYS,
    click,
    press,
    told,
    use,
)


@pytest.mark.parametrize("size", [WINDOW, SMALL, (1920, 1080)])
@pytest.mark.parametrize("with_offer", [False, True])
def test_a_click_on_a_frame_makes_exactly_that_frame_the_goal(
    desk: Desk, heard: Heard, size: tuple[int, int], with_offer: bool
):
    state = desk.state
    if with_offer:
        state.take(Header(0, 0, 0), offer())
    layout = desk.viewing.board.layout(size)
    groups = strip.places(layout.strip, layout.look, state.offered())
    on_offer = [each for group in groups for each in group]
    assert len(on_offer) >= 9
    for count, (rect, thumbnail) in enumerate(on_offer, start=1):
        assert click(desk, rect.center, size)
        desk.refresh(NOW)
        stream, goal, _, epoch = heard.sent[-1]
        assert isinstance(goal, Goal)
        assert (stream, goal.name, epoch) == ("goal", thumbnail.name, FIRST_EPOCH + count)
        np.testing.assert_array_equal(goal.image, thumbnail.image)


def test_a_goal_is_sent_again_until_it_is_pursued(desk: Desk, heard: Heard, feed: Feed):
    press(desk, pygame.K_f)
    for moment in range(0, 300, 10):
        desk.refresh(NOW + moment * 1_000_000)
    assert len(heard.sent) == 3  # at once, and every tenth of a second
    feed(range(60, 61), epoch=FIRST_EPOCH + 1)
    desk.refresh(2 * NOW)
    assert len(heard.sent) == 3


@pytest.mark.parametrize("by", WAYS)
def test_this_frame_is_the_goal(desk: Desk, by: str):
    assert use(desk, "here", by)
    np.testing.assert_array_equal(desk.state.goal.image, picture(59))
    assert desk.state.goal.name == "frame 59"


@pytest.mark.parametrize("by", WAYS)
def test_back_and_forward(desk: Desk, feed: Feed, by: str):
    first = desk.state.goal
    usable = {each.name: each.enabled for each in desk.buttons()}
    assert (usable["back"], usable["next"]) == (False, False)
    press(desk, pygame.K_f)
    feed(range(60, 70))
    press(desk, pygame.K_f)
    second, epoch = desk.state.goal, desk.state.epoch
    use(desk, "back", by)
    use(desk, "back", by)
    assert desk.state.goal is first
    assert desk.state.epoch == epoch + 2
    if "button" not in by:
        use(desk, "back", by)
        assert told(desk) == "there is no goal before this one"
    use(desk, "next", by)
    use(desk, "next", by)
    assert desk.state.goal is second


@pytest.mark.parametrize("by", WAYS)
def test_the_tour_visits_what_can_be_held(desk: Desk, by: str):
    state = desk.state
    state.take(Header(0, 0, 0), offer(6))
    use(desk, "tour", by)
    visited = []
    for tick in range(60, 60 + int(3.5 * TOUR_S / 0.05)):
        state.tick = tick
        desk.refresh(NOW)
        if not visited or visited[-1] != state.goal.name:
            visited.append(state.goal.name)
    assert visited == ["0deg", "30deg", "60deg", "0deg"]
    use(desk, "tour", by)
    epoch = state.epoch
    state.tick += 1000
    desk.refresh(NOW)
    assert state.epoch == epoch
    press(desk, pygame.K_t)
    press(desk, pygame.K_f)  # a choice of one's own ends it
    assert not [each for each in desk.buttons() if each.name == "tour" and each.on]
