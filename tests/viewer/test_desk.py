"""Orders, and what a window of which rights may do, by keys and mouse."""

import pygame
import pytest
from jopa_agent.agent.viewer.answer import answer
from jopa_agent.agent.viewer.controls import LIVE, MOUSE, REFUSALS, Right, help_rows
from jopa_agent.agent.viewer.desk import LEARNS_LATER, Desk
from jopa_agent.agent.viewer.layout import WINDOW
from jopa_agent.agent.viewer.look import DARK, LIGHT
from jopa_agent.agent.viewer.panels import strip
from jopa_agent.transport.messages import (
    FIRST_EPOCH,
    Do,
    Header,
    Order,
    Pace,
)

from .conftest import NOW, Heard, offer
from .person import (
    SMALL,
    WAYS,
    button,
    click,
    drag_to,
    mouse,
    press,
    told,
    use,
)


@pytest.mark.parametrize("by", WAYS)
def test_orders(desk: Desk, heard: Heard, by: str):
    state = desk.state
    for name, what, value in (
        ("pause", Do.PAUSE, 0.0),
        ("step", Do.STEP, 0.0),
        ("reset", Do.RESET, 0.0),
        ("slower", Do.SPEED, 0.5),
        ("faster", Do.SPEED, 2.0),
        ("planner", Do.PLANNER, 0.0),
        ("learn", Do.LEARN, 1.0),
        ("record", Do.RECORD, 0.0),
        ("planner", Do.PLANNER, 1.0),
        ("learn", Do.LEARN, 0.0),
        ("record", Do.RECORD, 1.0),
    ):
        assert use(desk, name, by)
        stream, order, tick, epoch = heard.sent[-1]
        assert isinstance(order, Order)
        assert (stream, order.what, order.value, order.text) == ("order", what, value, "")
        assert tick == state.tick + (LEARNS_LATER if what is Do.LEARN else 0)
        assert epoch == FIRST_EPOCH
    assert len(heard.sent) == 11


def test_pause_and_speed_follow_what_the_run_tells(desk: Desk, heard: Heard):
    def tell(paused: bool, speed: float) -> None:
        desk.state.take(Header(0, 0, 0), Pace(0, 1, paused, speed))

    tell(True, 0.25)
    press(desk, pygame.K_SPACE)
    press(desk, pygame.K_EQUALS)
    press(desk, pygame.K_MINUS)
    tell(False, 2.0)
    press(desk, pygame.K_EQUALS)
    tell(False, 0.1)
    press(desk, pygame.K_MINUS)
    sent = [(each.what, each.value) for each in heard.of("order") if isinstance(each, Order)]
    speeds = [(Do.SPEED, value) for value in (0.5, 0.1, 2.0, 0.1)]
    assert sent == [(Do.RESUME, 0.0), *speeds]


def test_the_toolbar_shows_what_is_on(desk: Desk):
    def on() -> set[str]:
        return {each.name for each in desk.buttons() if each.on}

    assert on() == {"planner", "record"}
    for key in (pygame.K_p, pygame.K_l, pygame.K_t, pygame.K_v):
        press(desk, key)
    assert on() == {"learn", "record", "tour", "film"}
    desk.state.take(Header(0, 0, 0), Order(Do.LEARN, 0.0, ""))  # another window's
    desk.state.take(Header(0, 0, 0), Pace(0, 1, True, 1.0))
    assert on() == {"record", "tour", "film"}
    assert desk.buttons()[0].label == "Go on"
    press(desk, pygame.K_v)
    desk.viewing.film.finish()


@pytest.mark.parametrize("by", WAYS)
def test_theme_help_and_the_end(desk: Desk, by: str):
    assert use(desk, "theme", by)
    assert desk.viewing.board.theme is LIGHT
    assert use(desk, "theme", by)
    assert desk.viewing.board.theme is DARK
    assert use(desk, "help", by)
    assert desk.showing(0, (0, 0)).help == help_rows(LIVE, MOUSE, "end the run")
    assert press(desk, pygame.K_ESCAPE)  # closes the help first
    assert not desk.showing(0, (0, 0)).help
    assert not use(desk, "quit", by)


def test_the_help_has_every_key_and_a_click_closes_it(desk: Desk):
    press(desk, pygame.K_F1)
    rows = dict(desk.showing(0, (0, 0)).help)
    assert {each.shown for each in LIVE} < set(rows)
    assert rows["Q, Esc"] == "end the run"
    assert click(desk, button(desk, "quit", WINDOW))
    assert not desk.viewing.helping


def test_other_events_change_nothing(desk: Desk, heard: Heard):
    layout = desk.viewing.board.layout(WINDOW)
    for at in (layout.latent.center, layout.goal.center, (0, 0), layout.header.center):
        assert click(desk, at)
    right = pygame.event.Event(
        pygame.MOUSEBUTTONDOWN, pos=button(desk, "reset", WINDOW), button=pygame.BUTTON_RIGHT
    )
    assert answer(right, desk, WINDOW)
    assert press(desk, pygame.K_z)
    assert answer(pygame.event.Event(pygame.VIDEORESIZE, size=SMALL, w=900, h=600), desk, SMALL)
    desk.refresh(NOW)
    assert not heard.sent
    assert not answer(pygame.event.Event(pygame.QUIT), desk, WINDOW)


@pytest.mark.parametrize("right", [Right.WATCH, Right.GOALS])
@pytest.mark.parametrize("by", ["key", "small button"])
def test_a_window_elsewhere_says_what_it_may_not(desk: Desk, heard: Heard, right: Right, by: str):
    desk.right = right
    desk.state.take(Header(0, 0, 0), offer())
    for control in LIVE:
        enabled = next(each.enabled for each in desk.buttons() if each.name == control.name)
        assert enabled <= (right >= control.right)
        if right < control.right:
            desk.viewing._until_ns = 0
            assert use(desk, control.name, by)
            assert told(desk) == REFUSALS[control.right]
    mouse(desk, pygame.MOUSEBUTTONDOWN, drag_to(desk, 0.0, 0.0))
    mouse(desk, pygame.MOUSEMOTION, drag_to(desk, 0.5, 0.0))
    layout = desk.viewing.board.layout(WINDOW)
    groups = strip.places(layout.strip, layout.look, desk.state.offered())
    click(desk, groups[0][1][0].center)
    desk.refresh(NOW)
    assert len(heard.of("goal")) == (right is Right.GOALS)
    assert len(heard.sent) == len(heard.of("goal"))


def test_no_key_means_two_things():
    for table in (LIVE,):
        keys = [key for each in table for key in each.keys]
        assert len(set(keys)) == len(keys)
        assert len({each.name for each in table}) == len(table)
