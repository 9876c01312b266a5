"""Lists of lights: a row for each process, or each remote sensor."""

from collections.abc import Sequence
from dataclasses import dataclass

import pygame

from . import paint
from .lights import Light, draw_light
from .look import Look


@dataclass(frozen=True)
class Row:
    """A light, a name, and what there is to say; ``alarming`` words are in the alarm's colour."""

    light: Light
    name: str
    words: str
    alarming: bool = False


def draw_rows(
    surface: pygame.Surface,
    inner: pygame.Rect,
    look: Look,
    rows: Sequence[Row],
    more: Sequence[Row] = (),
) -> None:
    """As many ``rows`` as fit and, below a line, ``more``; and how many others there are."""
    theme, every = look.theme, [*rows, *more]
    fitting = max(1, inner.height // look.line)
    shown = every if len(every) <= fitting else every[: fitting - 1]
    pitch = min(round(1.35 * look.line), inner.height // (len(shown) + (len(shown) < len(every))))
    y = inner.y + pitch // 2
    for place, row in enumerate(shown):
        if place == len(rows) and rows:
            start, end = (inner.x, y - pitch // 2), (inner.right - 1, y - pitch // 2)
            pygame.draw.line(surface, theme.outline, start, end)
        _draw_row(surface, inner, look, row, y)
        y += pitch
    if len(shown) < len(every):
        words = f"and {len(every) - len(shown)} more"
        paint.text(surface, words, (inner.x, y), look.small, theme.muted, anchor="midleft")


def _draw_row(surface: pygame.Surface, inner: pygame.Rect, look: Look, row: Row, y: int) -> None:
    theme, radius = look.theme, max(3, look.px(5))
    draw_light(surface, look, row.light, (inner.x + radius + 1, y), radius)
    x = inner.x + 2 * radius + look.px(8)
    colour = theme.alarm if row.alarming else theme.muted
    width = max(inner.right - x - paint.width_of(row.name, look.small), round(0.55 * inner.width))
    place, width = (inner.right, y), width - look.px(8)
    words = paint.text(
        surface, row.words, place, look.small, colour, anchor="midright", width=width
    )
    width = words.x - look.px(8) - x
    paint.text(surface, row.name, (x, y), look.small, theme.text, anchor="midleft", width=width)
