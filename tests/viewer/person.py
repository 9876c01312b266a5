"""What a person does at a desk: presses keys, uses the mouse, types."""

import pygame
from jopa_agent.agent.viewer.answer import answer
from jopa_agent.agent.viewer.controls import LIVE
from jopa_agent.agent.viewer.desk import Desk
from jopa_agent.agent.viewer.layout import WINDOW
from jopa_agent.agent.viewer.panels.live import picture_in
from jopa_agent.agent.viewer.panels.toolbar import places

from .conftest import NOW

SMALL = (900, 600)


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


def drag_to(desk: Desk, x: float, y: float, size: tuple[int, int] = WINDOW) -> tuple[int, int]:
    """The point of the window that is at ``x``, ``y`` halves from the picture's middle."""
    layout = desk.viewing.board.layout(size)
    where = picture_in(layout.live, layout.look, (32, 32, 1))
    return (
        round(where.centerx + x * where.width / 2),
        round(where.centery + y * where.height / 2),
    )
