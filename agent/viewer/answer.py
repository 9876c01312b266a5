"""Events of keyboard and mouse, one at a time, become what is done at the desk."""

from pathlib import Path

import pygame

from ...transport.clock import now_ns
from .controls import LIVE, control_of
from .desk import Desk
from .panels.live import picture_in
from .panels.strip import thumbnail_at
from .panels.toolbar import button_at
from .showing import Drag

_ENTER = (pygame.K_RETURN, pygame.K_KP_ENTER)


def answer(event: pygame.event.Event, desk: Desk, size: tuple[int, int]) -> bool:
    """Act on what the user did in a window of ``size``; False when it asks to end."""
    match event.type:
        case pygame.QUIT:
            return False
        case pygame.KEYDOWN if desk.entry:
            _edit(event, desk)
        case pygame.TEXTINPUT if desk.entry:
            desk.entry.type(event.text)
        case pygame.KEYDOWN:
            return _press(event.key, desk, size)
        case pygame.MOUSEBUTTONDOWN if event.button == pygame.BUTTON_LEFT:
            return _click(event.pos, desk, size)
        case pygame.MOUSEMOTION if desk.drag:
            point = _in_picture(event.pos, desk, size, anywhere=True)
            desk.drag = Drag(desk.drag.place, point) if point else None
        case pygame.MOUSEBUTTONUP if event.button == pygame.BUTTON_LEFT:
            desk.drag = None
        case pygame.WINDOWFOCUSLOST:
            desk.drag = None
        case pygame.DROPFILE:
            desk.choose_file(Path(event.file), now_ns())
    return True


def _press(key: int, desk: Desk, size: tuple[int, int]) -> bool:
    control = control_of(LIVE, key)
    if desk.viewing.helping and key == pygame.K_ESCAPE:
        desk.viewing.helping = False
        return True
    return control is None or desk.do(control, size, now_ns())


def _edit(event: pygame.event.Event, desk: Desk) -> None:
    """Keys while a line is being typed; the characters themselves come as text."""
    if event.key in _ENTER:
        desk.enter(now_ns())
    elif event.key == pygame.K_ESCAPE:
        desk.entry = None
    elif event.key == pygame.K_BACKSPACE and desk.entry:
        desk.entry.erase()


def _click(point: tuple[int, int], desk: Desk, size: tuple[int, int]) -> bool:
    if desk.viewing.helping:
        desk.viewing.helping = False
        return True
    if desk.entry:
        return True
    layout, now = desk.viewing.board.layout(size), now_ns()
    button = button_at(layout.toolbar, layout.look, desk.buttons(), point)
    if button is not None:
        control = next(each for each in LIVE if each.name == button.name)
        return desk.do(control, size, now)
    chosen = thumbnail_at(layout.strip, layout.look, desk.state.offered(), point)
    if chosen is not None:
        desk.choose(chosen, now)
    place = _in_picture(point, desk, size)
    if place and desk.may_push(now):
        desk.drag = Drag(place, place)
    return True


def _in_picture(
    point: tuple[int, int], desk: Desk, size: tuple[int, int], anywhere: bool = False
) -> tuple[float, float] | None:
    """``point`` in halves of the camera's picture from its middle; None beside it, unless
    ``anywhere`` will do."""
    image, layout = desk.state.image, desk.viewing.board.layout(size)
    if image is None:
        return None
    where = picture_in(layout.live, layout.look, image.shape)
    if not (anywhere or where.collidepoint(point)):
        return None
    x = (point[0] - where.centerx) / (where.width / 2)
    y = (point[1] - where.centery) / (where.height / 2)
    return x, y
