"""The strip of frames to choose a goal from."""

import pygame

from . import paint
from .gallery import Thumbnail
from .state import OFFERED, ViewerState

_GAP, _GROUP_GAP = 8, 24
_CAPTIONS = ("first goal", "seen, unlike each other: click one to make it the goal", "recent")


def places(strip: pygame.Rect, state: ViewerState) -> list[list[tuple[pygame.Rect, Thumbnail]]]:
    """Where each frame on offer lies within the ``strip``, group by group."""
    gaps = OFFERED * _GAP + 2 * (_GROUP_GAP - _GAP)
    across = (strip.width - 2 * paint.CARD_SIDE - gaps) // OFFERED
    side = min(across, strip.height - paint.CARD_TOP - paint.CARD_SIDE)
    x, y = strip.x + paint.CARD_SIDE, strip.y + paint.CARD_TOP
    groups = []
    for offered in state.offered():
        rects = [pygame.Rect(x + i * (side + _GAP), y, side, side) for i in range(len(offered))]
        groups.append(list(zip(rects, offered, strict=True)))
        x += len(offered) * (side + _GAP) - _GAP + _GROUP_GAP
    return groups


def thumbnail_at(
    strip: pygame.Rect, state: ViewerState, point: tuple[int, int]
) -> Thumbnail | None:
    """The frame on offer under ``point``, if any."""
    for group in places(strip, state):
        for rect, thumbnail in group:
            if rect.collidepoint(point):
                return thumbnail
    return None


def draw_strip(
    surface: pygame.Surface, strip: pygame.Rect, state: ViewerState, pointer: tuple[int, int]
) -> None:
    """The card of frames; the goal in force and the frame under the pointer are framed."""
    paint.panel(surface, strip, "")
    for caption, group in zip(_CAPTIONS, places(strip, state), strict=True):
        if group:
            place = (group[0][0].x, strip.y + 7)
            paint.text(surface, caption, place, paint.SMALL, paint.MUTED)
        for rect, thumbnail in group:
            paint.picture(surface, rect, thumbnail.image)
            if thumbnail is state.goal:
                _frame(surface, rect, paint.GOAL)
            elif rect.collidepoint(pointer):
                _frame(surface, rect, paint.TEXT)


def _frame(surface: pygame.Surface, rect: pygame.Rect, colour: paint.Colour) -> None:
    pygame.draw.rect(surface, colour, rect.inflate(6, 6), width=2, border_radius=3)
