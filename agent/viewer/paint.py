"""Type and the few strokes that every part of the window is drawn with."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pygame
from pygame import gfxdraw

from .look import Colour, Look

Point = tuple[float, float]
_ELLIPSIS = "…"


@lru_cache(maxsize=1)
def _fonts() -> Path | None:
    """Where matplotlib keeps the fonts that it ships."""
    package = find_spec("matplotlib")
    folders = (package.submodule_search_locations if package else None) or []
    found = (Path(folder) / "mpl-data" / "fonts" / "ttf" for folder in folders)
    return next((folder for folder in found if (folder / "DejaVuSans.ttf").is_file()), None)


@lru_cache(maxsize=16)
def _font(size: int, bold: bool) -> pygame.font.Font:
    """DejaVu Sans: the same on every machine, with σ and ±."""
    pygame.register_quit(_font.cache_clear)  # a font that outlives pygame crashes the process
    folder = _fonts()
    if folder is None:
        return pygame.font.Font(None, round(size * 1.3))
    return pygame.font.Font(str(folder / f"DejaVuSans{'-Bold' if bold else ''}.ttf"), size)


@lru_cache(maxsize=1024)
def _rendered(string: str, size: int, colour: Colour, bold: bool) -> pygame.Surface:
    try:
        return _font(size, bold).render(string, True, colour)
    except (pygame.error, ValueError):  # nothing in it has a width, or it holds a null
        return pygame.Surface((0, 0), pygame.SRCALPHA)


def width_of(string: str, size: int, bold: bool = False) -> int:
    """Width of a line of type, px."""
    return _rendered(string, size, (0, 0, 0), bold).get_width()


@lru_cache(maxsize=512)
def fitted(string: str, size: int, bold: bool, width: int) -> str:
    """``string``, or as much of its beginning as fits into ``width``, with an ellipsis."""
    if width_of(string, size, bold) <= width:
        return string
    low, high = 0, len(string)
    while low < high:
        middle = (low + high + 1) // 2
        if width_of(string[:middle].rstrip() + _ELLIPSIS, size, bold) <= width:
            low = middle
        else:
            high = middle - 1
    return string[:low].rstrip() + _ELLIPSIS if low else ""


def text(
    surface: pygame.Surface,
    string: str,
    place: Point,
    size: int,
    colour: Colour,
    bold: bool = False,
    anchor: str = "topleft",
    width: int | None = None,
) -> pygame.Rect:
    """Write ``string`` with its ``anchor`` (as pygame names a rectangle's points) at ``place``,
    cut to ``width``; returns where it is."""
    shown = string if width is None else fitted(string, size, bold, max(0, width))
    image = _rendered(shown, size, colour, bold)
    where = image.get_rect(**{anchor: (round(place[0]), round(place[1]))})
    surface.blit(image, where)
    return where


def card(surface: pygame.Surface, rect: pygame.Rect, look: Look, title: str = "") -> pygame.Rect:
    """A card with a title, if any; returns what is left inside it."""
    theme, pad = look.theme, look.pad
    pygame.draw.rect(surface, theme.panel, rect, border_radius=look.px(7))
    if not title:
        return rect.inflate(-2 * pad, -2 * pad)
    place = (rect.x + pad, rect.y + pad // 2 + look.line // 2)
    width = rect.width - 2 * pad
    text(surface, title, place, look.small, theme.muted, anchor="midleft", width=width)
    height = max(1, rect.height - look.title - pad)
    return pygame.Rect(rect.x + pad, rect.y + look.title, max(1, width), height)


def heading(
    surface: pygame.Surface, rect: pygame.Rect, look: Look, words: str, colour: Colour
) -> pygame.Rect:
    """The newest value, on the right of a card's title."""
    place = (rect.right - look.pad, rect.y + look.pad // 2 + look.line // 2)
    return text(surface, words, place, look.small, colour, bold=True, anchor="midright")


def legend(
    surface: pygame.Surface,
    rect: pygame.Rect,
    look: Look,
    named: Sequence[tuple[str, Colour]],
) -> None:
    """Names in their colours, on the right of a card's title."""
    right = rect.right
    for name, colour in reversed(named):
        place = (right - look.pad, rect.y + look.pad // 2 + look.line // 2)
        right = text(surface, name, place, look.small, colour, anchor="midright").left


def empty(surface: pygame.Surface, inner: pygame.Rect, look: Look, words: str) -> None:
    """Say in the middle of a card why nothing is in it."""
    text(
        surface, words, inner.center, look.small, look.theme.muted, anchor="center",
        width=inner.width,
    )  # fmt: skip


def wrapped(words: str, size: int, width: int, lines: int) -> list[str]:
    """``words`` in at most so many ``lines``; the last one is cut where that is not enough."""
    found: list[str] = []
    line = ""
    for word in words.split():
        longer = f"{line} {word}".strip()
        if line and width_of(longer, size) > width and len(found) < lines - 1:
            found.append(line)
            line = word
        else:
            line = longer
    return [*found, fitted(line, size, False, width)] if line else found


def stroke(surface: pygame.Surface, colour: Colour, points: Sequence[Point], width: float) -> None:
    """A smooth line of about ``width`` pixels through ``points``."""
    if len(points) < 2:
        return
    half = max(0.35, (width - 1) / 2 - 0.2)
    for shift in (-half, half):
        pygame.draw.aalines(surface, colour, False, [(x + shift, y + shift) for x, y in points])
    if width > 2.5:
        pygame.draw.lines(surface, colour, False, points, round(width) - 1)


def disc(surface: pygame.Surface, colour: Colour, centre: Point, radius: int) -> None:
    """A smooth filled circle."""
    x, y = round(centre[0]), round(centre[1])
    gfxdraw.aacircle(surface, x, y, radius, colour)
    gfxdraw.filled_circle(surface, x, y, radius, colour)


def polygon(surface: pygame.Surface, colour: Colour, points: Sequence[Point]) -> None:
    """A smooth filled polygon."""
    corners = [(round(x), round(y)) for x, y in points]
    gfxdraw.aapolygon(surface, corners, colour)
    gfxdraw.filled_polygon(surface, corners, colour)


def arrow(surface: pygame.Surface, colour: Colour, start: Point, end: Point, width: int) -> None:
    """An arrow from ``start`` to ``end``."""
    way = np.subtract(end, start)
    length = float(np.hypot(*way))
    if length < 1:
        return
    along = way / length
    across = np.array([-along[1], along[0]])
    head = min(4.0 * width, length)
    neck = np.asarray(end) - head * along
    shaft = [start + across * width / 2, neck + across * width / 2,
             neck - across * width / 2, start - across * width / 2]  # fmt: skip
    tip = [np.asarray(end), neck + across * head / 2, neck - across * head / 2]
    for corners in (shaft, tip):
        polygon(surface, colour, [(float(x), float(y)) for x, y in corners])


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """From ``first`` to ``second``, by a ``share`` from 0 to 1."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def number(value: float, digits: str = "g") -> str:
    """``value`` with a minus sign of type."""
    return format(value, digits).replace("-", "−")
