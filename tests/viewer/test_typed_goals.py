"""Goals that are typed or dropped."""

from pathlib import Path

import numpy as np
import pygame
import pytest
from jopa_agent.agent.viewer.answer import answer
from jopa_agent.agent.viewer.controls import REFUSALS, Right
from jopa_agent.agent.viewer.desk import Desk
from jopa_agent.agent.viewer.layout import WINDOW
from jopa_agent.transport.messages import (
    FIRST_EPOCH,
    Do,
    Goal,
    Header,
    Order,
    State,
    Status,
)
from PIL import Image

from .conftest import NOW, Heard, picture
from .person import (
    WAYS,
    press,
    told,
    use,
    write,
)


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


def test_an_angle_cannot_be_typed_elsewhere(desk: Desk, heard: Heard, file: Path):
    desk.right = Right.GOALS
    for text in ("30deg", str(file)):
        press(desk, pygame.K_g)
        write(desk, text)
        press(desk, pygame.K_RETURN)
        assert told(desk) == REFUSALS[Right.HOST]
    desk.refresh(NOW)
    assert [each.name for each in heard.of("goal") if isinstance(each, Goal)] == ["wanted.png"]
