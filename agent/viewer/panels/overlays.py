"""What is laid over the window: the help with every key, and the line that is being typed."""

import pygame

from .. import paint
from ..look import Look

_SHADE = 150


def draw_help(
    surface: pygame.Surface, area: pygame.Rect, look: Look, rows: tuple[tuple[str, str], ...]
) -> None:
    """Every key and what it does, in as many columns as it takes."""
    theme, keys = look.theme, max(paint.width_of(key, look.small, True) for key, _ in rows)
    words = max(paint.width_of(text, look.small) for _, text in rows)
    pitch, inside = round(1.25 * look.line), look.px(14)
    column = keys + inside + words
    margin = 2 * look.pad
    room = area.height - 2 * margin - 2 * look.title - pitch
    columns = max(1, -(-len(rows) * pitch // max(1, room)))
    columns = max(columns, 2) if 2 * column + 2 * inside + 4 * margin <= area.width else columns
    length = -(-len(rows) // columns)
    column = min(column, (area.width - 2 * margin) // columns - 2 * inside)
    card = pygame.Rect(
        0, 0, columns * (column + 2 * inside) + 2 * margin - 2 * inside + look.pad,
        length * pitch + look.title + 3 * look.pad,
    )  # fmt: skip
    card.center = area.center
    card = card.clip(area)
    _shade(surface, area)
    inner = _raised(surface, card, look)
    paint.text(surface, "Keys and mouse", inner.topleft, look.normal, theme.text, True)
    close = "F1 closes this"
    paint.text(surface, close, inner.topright, look.small, theme.muted, anchor="topright")
    for place, (key, text) in enumerate(rows):
        x = inner.x + place // length * (column + 2 * inside)
        y = inner.y + look.title + place % length * pitch + pitch // 2
        paint.text(surface, key, (x, y), look.small, theme.plan, True, "midleft")
        where = (x + keys + inside, y)
        paint.text(
            surface, text, where, look.small, theme.text, anchor="midleft",
            width=column - keys - inside,
        )  # fmt: skip


def draw_entry(
    surface: pygame.Surface, area: pygame.Rect, look: Look, line: str, hint: str
) -> None:
    """The line that is being typed, its end in sight, and what may be typed."""
    theme = look.theme
    card = pygame.Rect(
        0, 0, min(area.width, look.px(560)), look.line + look.px(4) + 2 * look.normal + 2 * look.pad
    )
    card.midtop = (area.centerx, area.y + area.height // 6)
    _shade(surface, area)
    inner = _raised(surface, card, look)
    paint.text(surface, "Goal", inner.topleft, look.small, theme.muted)
    field = pygame.Rect(inner.x, inner.y + look.line + look.px(2), inner.width, 2 * look.normal)
    pygame.draw.rect(surface, theme.background, field, border_radius=look.px(4))
    pygame.draw.rect(surface, theme.goal, field, 1, border_radius=look.px(4))
    shown, room = line, field.width - 2 * look.px(8) - look.px(3)
    while shown and paint.width_of(shown, look.normal) > room:
        shown = shown[1:]
    place = (field.x + look.px(8), field.centery)
    if shown:
        typed = paint.text(surface, shown, place, look.normal, theme.text, anchor="midleft")
        x = typed.right + 1
    else:
        x = place[0]
        faint = paint.blend(theme.background, theme.muted, 0.7)
        where = (x + look.px(6), place[1])
        paint.text(surface, hint, where, look.small, faint, anchor="midleft", width=room)
    top, bottom = (x, field.y + look.px(5)), (x, field.bottom - look.px(5))
    pygame.draw.line(surface, theme.text, top, bottom, max(1, look.px(1)))
    paint.text(
        surface, "Enter: go there    Esc: leave it", (inner.right, inner.y), look.small,
        theme.muted, anchor="topright",
    )  # fmt: skip


def _shade(surface: pygame.Surface, area: pygame.Rect) -> None:
    """Let what is beneath step back."""
    layer = pygame.Surface(area.size)
    layer.set_alpha(_SHADE)
    surface.blit(layer, area)


def _raised(surface: pygame.Surface, card: pygame.Rect, look: Look) -> pygame.Rect:
    pygame.draw.rect(surface, look.theme.panel, card, border_radius=look.px(9))
    pygame.draw.rect(surface, look.theme.outline, card, 1, border_radius=look.px(9))
    return card.inflate(-4 * look.pad + look.pad, -2 * look.pad)
