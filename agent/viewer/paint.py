"""Colours, type and the few strokes that every part of the window is drawn with."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pygame
from pygame import gfxdraw

from ...transport.pictures import in_colours

Colour = tuple[int, int, int]
Point = tuple[float, float]

BACKGROUND: Colour = (13, 17, 23)
PANEL: Colour = (21, 27, 35)
GRID: Colour = (38, 47, 58)
OUTLINE: Colour = (48, 58, 71)
TEXT: Colour = (222, 228, 235)
MUTED: Colour = (139, 151, 165)
# After Okabe and Ito: told apart by eyes that see no red or no green.
BELIEF: Colour = (86, 180, 233)
PLAN: Colour = (240, 174, 50)
GOAL: Colour = (64, 196, 140)
ALARM: Colour = (240, 110, 70)

SMALL, NORMAL, LARGE = 12, 14, 18
CARD_SIDE, CARD_TOP = 10, 27  # between a card's edge and what is in it


@lru_cache(maxsize=16)
def _font(size: int, bold: bool) -> pygame.font.Font:
    """DejaVu Sans as matplotlib ships it: the same on every machine, with σ and ±."""
    pygame.register_quit(_font.cache_clear)  # a font that outlives pygame crashes the process
    package = find_spec("matplotlib")
    folders = (package.submodule_search_locations if package else None) or []
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    for folder in folders:
        file = Path(folder) / "mpl-data" / "fonts" / "ttf" / name
        if file.is_file():
            return pygame.font.Font(str(file), size)
    return pygame.font.Font(None, round(size * 1.3))


@lru_cache(maxsize=512)
def _rendered(string: str, size: int, colour: Colour, bold: bool) -> pygame.Surface:
    try:
        return _font(size, bold).render(string, True, colour)
    except pygame.error:  # there is nothing in it that has a width
        return pygame.Surface((0, 0), pygame.SRCALPHA)


def text(
    surface: pygame.Surface,
    string: str,
    place: Point,
    size: int = NORMAL,
    colour: Colour = TEXT,
    bold: bool = False,
    anchor: str = "topleft",
) -> pygame.Rect:
    """Write ``string`` with its ``anchor`` (as pygame names a rectangle's points) at ``place``."""
    image = _rendered(string, size, colour, bold)
    where = image.get_rect(**{anchor: (round(place[0]), round(place[1]))})
    return surface.blit(image, where)


def panel(surface: pygame.Surface, rect: pygame.Rect, title: str) -> pygame.Rect:
    """A titled card; returns what is left inside it."""
    pygame.draw.rect(surface, PANEL, rect, border_radius=6)
    text(surface, title, (rect.x + CARD_SIDE, rect.y + 7), SMALL, MUTED)
    return pygame.Rect(
        rect.x + CARD_SIDE,
        rect.y + CARD_TOP,
        rect.width - 2 * CARD_SIDE,
        rect.height - CARD_TOP - CARD_SIDE,
    )


def picture(surface: pygame.Surface, rect: pygame.Rect, image: np.ndarray) -> None:
    """``image`` (uint8 ``(height, width, channels)``) in hard pixels, as large as ``rect`` lets."""
    height, width = image.shape[:2]
    scale = min(rect.width / width, rect.height / height)
    colour = in_colours(image).swapaxes(0, 1)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    enlarged = pygame.transform.scale(pygame.surfarray.make_surface(colour), size)
    surface.blit(enlarged, enlarged.get_rect(center=rect.center))


def stroke(surface: pygame.Surface, colour: Colour, points: Sequence[Point]) -> None:
    """A smooth line of about two pixels through ``points``."""
    if len(points) < 2:
        return
    for shift in (-0.35, 0.35):
        pygame.draw.aalines(surface, colour, False, [(x + shift, y + shift) for x, y in points])


def disc(surface: pygame.Surface, colour: Colour, centre: Point, radius: int) -> None:
    """A smooth filled circle."""
    x, y = round(centre[0]), round(centre[1])
    gfxdraw.aacircle(surface, x, y, radius, colour)
    gfxdraw.filled_circle(surface, x, y, radius, colour)
