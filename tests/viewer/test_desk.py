"""What a person does with keys, mouse and files, and what the run is told of it."""

from pathlib import Path

import numpy as np
import pygame
import pytest
from jopa_agent.agent.viewer import answer as answers
from jopa_agent.agent.viewer.answer import answer
from jopa_agent.agent.viewer.controls import LIVE, MOUSE, REFUSALS, Right, help_rows
from jopa_agent.agent.viewer.desk import LEARNS_LATER, Desk
from jopa_agent.agent.viewer.history import TOUR_S
from jopa_agent.agent.viewer.layout import WINDOW
from jopa_agent.agent.viewer.look import DARK, LIGHT
from jopa_agent.agent.viewer.panels import strip
from jopa_agent.agent.viewer.panels.live import picture_in
from jopa_agent.agent.viewer.panels.toolbar import places
from jopa_agent.agent.viewer.state import ViewerState
from jopa_agent.transport.messages import (
    FIRST_EPOCH,
    Do,
    Goal,
    Header,
    Order,
    Pace,
    Push,
    State,
    Status,
)
from PIL import Image

from .conftest import Feed, Heard, offer, picture

SMALL = (900, 600)
NOW = 10**10


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def desk(state: ViewerState, feed: Feed, heard: Heard, tmp_path: Path, surface) -> Desk:  # noqa: ARG001
    feed(range(60))
    return Desk(state, heard, Right.HOST, tmp_path, "end the run")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "now_ns", lambda: NOW)


def press(desk: Desk, key: int, size: tuple[int, int] = WINDOW) -> bool:
    return answer(pygame.event.Event(pygame.KEYDOWN, key=key), desk, size)


def mouse(desk: Desk, kind: int, at: tuple[int, int], size: tuple[int, int] = WINDOW) -> bool:
    event = pygame.event.Event(kind, pos=at, button=pygame.BUTTON_LEFT)
    return answer(event, desk, size)


def click(desk: Desk, at: tuple[int, int], size: tuple[int, int] = WINDOW) -> bool:
    going = mouse(desk, pygame.MOUSEBUTTONDOWN, at, size)
    return mouse(desk, pygame.MOUSEBUTTONUP, at, size) and going


def button(desk: Desk, name: str, size: tuple[int, int]) -> tuple[int, int]:
    """Where the button of a control is."""
    layout = desk.viewing.board.layout(size)
    found = places(layout.toolbar, layout.look, desk.buttons())
    return next(rect.center for rect, each, *_ in found if each.name == name)


def write(desk: Desk, text: str) -> None:
    """Type a line, once the entry is open."""
    assert desk.entry
    desk.entry.opened()
    for each in text:
        answer(pygame.event.Event(pygame.TEXTINPUT, text=each), desk, WINDOW)


def told(desk: Desk) -> str:
    notice = desk.viewing.notice(NOW)
    return notice.text if notice else ""


def use(desk: Desk, name: str, by: str) -> bool:
    """Use a control by its first key, its last key, or its button in two sizes of window."""
    control = next(each for each in LIVE if each.name == name)
    if by == "key":
        return press(desk, control.keys[0])
    if by == "other key":
        return press(desk, control.keys[-1])
    size = WINDOW if by == "button" else SMALL
    return click(desk, button(desk, name, size), size)


WAYS = ("key", "other key", "button", "small button")


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


@pytest.mark.parametrize("by", WAYS)
def test_a_goal_is_typed(desk: Desk, heard: Heard, by: str):
    state = desk.state
    assert use(desk, "type", by)
    answer(pygame.event.Event(pygame.TEXTINPUT, text="g"), desk, WINDOW)  # the key that opened it
    write(desk, "30degx")
    press(desk, pygame.K_BACKSPACE)
    assert desk.showing(0, (0, 0)).entry == "30deg"
    press(desk, pygame.K_RETURN)
    assert desk.entry is None
    assert heard.sent == [("order", heard.sent[0][1], -1, FIRST_EPOCH + 1)]
    order = heard.sent[0][1]
    assert isinstance(order, Order)
    assert (order.what, order.text) == (Do.GOAL, "30deg")
    assert state.asked
    desk.refresh(NOW + 10**9)
    assert state.asked
    assert len(heard.sent) == 1  # the goal before is not sent under that epoch
    state.take(Header(1, 0, 0, -1, FIRST_EPOCH + 1), Goal(picture(30), "30deg"))
    desk.refresh(NOW + 3 * 10**9)
    assert state.goal.name == "30deg"
    assert not told(desk)


def test_keys_mean_letters_while_a_goal_is_typed(desk: Desk, heard: Heard):
    press(desk, pygame.K_SLASH)
    for key in (pygame.K_q, pygame.K_SPACE, pygame.K_p, pygame.K_F1):
        assert press(desk, key)
    write(desk, "up\tright\x00")
    assert desk.entry
    assert desk.entry.text == "upright"
    assert press(desk, pygame.K_ESCAPE)
    assert desk.entry is None
    press(desk, pygame.K_g)
    press(desk, pygame.K_RETURN)  # nothing typed
    assert not heard.sent


def test_a_goal_that_is_not_answered_is_told_of(desk: Desk):
    press(desk, pygame.K_g)
    write(desk, "sideways")
    press(desk, pygame.K_RETURN)
    desk.refresh(NOW + 2 * 10**9)
    notice = desk.viewing.notice(NOW + 2 * 10**9)
    assert notice
    assert notice.fault
    assert "'sideways'" in notice.text
    assert "2 s" in notice.text
    assert desk.state.asked is None


def test_why_a_goal_is_refused_is_told_at_once(desk: Desk):
    press(desk, pygame.K_g)
    write(desk, "sideways")
    press(desk, pygame.K_RETURN)
    reason = "goal 'sideways' is no angle: give upright"
    desk.state.take(Header(0, 0, 0), Status("sensing", State.RUNNING, False, 0, reason))
    desk.refresh(NOW)
    assert told(desk) == reason


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A picture of the frames' proportions."""
    path = tmp_path / "wanted.png"
    Image.fromarray(np.kron(picture(7)[..., 0], np.ones((4, 4), np.uint8))).save(path)
    return path


def test_a_picture_is_dropped_or_its_path_typed(desk: Desk, file: Path):
    answer(pygame.event.Event(pygame.DROPFILE, file=str(file)), desk, WINDOW)
    first = desk.state.goal
    press(desk, pygame.K_g)
    write(desk, f"  {file} ")
    press(desk, pygame.K_RETURN)
    for goal in (first, desk.state.goal):
        assert goal.name == "wanted.png"
        np.testing.assert_array_equal(goal.image, picture(7))
    assert desk.state.epoch == FIRST_EPOCH + 2


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(20)])
def test_what_is_no_picture_is_refused_in_a_line(desk: Desk, tmp_path: Path, content: bytes):
    path = tmp_path / "odd.png"
    path.write_bytes(content)
    answer(pygame.event.Event(pygame.DROPFILE, file=str(path)), desk, WINDOW)
    assert "odd.png" in told(desk)
    assert "\n" not in told(desk)
    answer(pygame.event.Event(pygame.DROPFILE, file=str(tmp_path / "gone")), desk, WINDOW)
    assert "gone" in told(desk)
    assert desk.state.epoch == FIRST_EPOCH


def drag_to(desk: Desk, x: float, y: float, size: tuple[int, int] = WINDOW) -> tuple[int, int]:
    """The point of the window that is at ``x``, ``y`` halves from the picture's middle."""
    layout = desk.viewing.board.layout(size)
    where = picture_in(layout.live, layout.look, (32, 32, 1))
    return (
        round(where.centerx + x * where.width / 2),
        round(where.centery + y * where.height / 2),
    )


@pytest.mark.parametrize("size", [WINDOW, SMALL, (3840, 2160)])
def test_a_drag_pushes_at_each_refresh_until_it_ends(
    desk: Desk, heard: Heard, size: tuple[int, int]
):
    mouse(desk, pygame.MOUSEBUTTONDOWN, drag_to(desk, 0.5, -0.5, size), size)
    desk.refresh(NOW)
    assert not heard.sent  # a click is no push
    mouse(desk, pygame.MOUSEMOTION, drag_to(desk, 1.5, 0.0, size), size)
    for _ in range(3):
        desk.refresh(NOW)
    assert len(heard.sent) == 3
    for stream, push, tick, epoch in heard.sent:
        assert isinstance(push, Push)
        assert (stream, tick, epoch) == ("push", desk.state.tick, FIRST_EPOCH)
        np.testing.assert_allclose(push.place, [0.5, -0.5], atol=0.02)
        np.testing.assert_allclose(push.force, [1.0, 0.5], atol=0.03)
        assert push.force.dtype == np.float32
    assert desk.showing(0, (0, 0)).drag
    mouse(desk, pygame.MOUSEBUTTONUP, drag_to(desk, 1.5, 0.0, size), size)
    desk.refresh(NOW)
    assert len(heard.sent) == 3
    assert desk.state.pushes.ended_s == desk.state.now_s


def test_a_drag_that_begins_elsewhere_is_no_push(desk: Desk, heard: Heard):
    layout = desk.viewing.board.layout(WINDOW)
    mouse(desk, pygame.MOUSEBUTTONDOWN, layout.latent.center)
    mouse(desk, pygame.MOUSEMOTION, drag_to(desk, 0.5, 0.0))
    desk.refresh(NOW)
    assert not heard.sent


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


def test_an_angle_cannot_be_typed_elsewhere(desk: Desk, heard: Heard, file: Path):
    desk.right = Right.GOALS
    for text in ("30deg", str(file)):
        press(desk, pygame.K_g)
        write(desk, text)
        press(desk, pygame.K_RETURN)
        assert told(desk) == REFUSALS[Right.HOST]
    desk.refresh(NOW)
    assert [each.name for each in heard.of("goal") if isinstance(each, Goal)] == ["wanted.png"]


def test_no_key_means_two_things():
    for table in (LIVE,):
        keys = [key for each in table for key in each.keys]
        assert len(set(keys)) == len(keys)
        assert len({each.name for each in table}) == len(table)
