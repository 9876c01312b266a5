"""The buttons: every control by the mouse, with its key and its state."""

from collections.abc import Sequence

import pygame

from .. import paint
from ..look import Look
from ..showing import Button, Showing
from ..state import ViewerState


def values(
    state: ViewerState,  # noqa: ARG001
    showing: Showing,
) -> tuple[tuple[Button, ...], tuple[int, int]]:
    """The buttons, and where the mouse is."""
    return showing.buttons, showing.pointer


def places(
    rect: pygame.Rect, look: Look, buttons: Sequence[Button]
) -> list[tuple[pygame.Rect, Button, str, str]]:
    """Where each button is, and which label and key it bears: as much as there is room for."""
    for told in (
        [(each.label, each.key) for each in buttons],
        [(each.label, "") for each in buttons],
        [(each.short, "") for each in buttons],
    ):
        widths = [_width(look, *words, each) for words, each in zip(told, buttons, strict=True)]
        gap, apart = max(3, look.px(4)), look.px(6)
        breaks = sum(a.group != b.group for a, b in zip(buttons[1:], buttons, strict=False))
        total = sum(widths) + gap * (len(buttons) - 1) + apart * breaks
        if total <= rect.width:
            break
    squeeze = min(1.0, rect.width / max(1, total))
    found, x = [], float(rect.x)
    for place, (button, words, width) in enumerate(zip(buttons, told, widths, strict=True)):
        if place:
            x += squeeze * (gap + (apart if button.group != buttons[place - 1].group else 0))
        found.append(
            (pygame.Rect(round(x), rect.y, int(squeeze * width), rect.height), button, *words)
        )
        x += squeeze * width
    return found


def button_at(
    rect: pygame.Rect, look: Look, buttons: Sequence[Button], point: tuple[int, int]
) -> Button | None:
    """The button under ``point``, if any."""
    for where, button, _, _ in places(rect, look, buttons):
        if where.collidepoint(point):
            return button
    return None


def draw(
    surface: pygame.Surface,
    rect: pygame.Rect,
    look: Look,
    buttons: tuple[Button, ...],
    pointer: tuple[int, int],
) -> None:
    """Switches that are on are filled and have a dot; what cannot be used here is faint."""
    theme = look.theme
    for where, button, label, key in places(rect, look, buttons):
        hovered = button.enabled and where.collidepoint(pointer)
        fill = theme.raised if hovered or button.on else theme.panel
        pygame.draw.rect(surface, fill, where, border_radius=look.px(5))
        if hovered:
            pygame.draw.rect(surface, theme.outline, where, 1, border_radius=look.px(5))
        colour = theme.text if button.enabled else paint.blend(theme.panel, theme.muted, 0.55)
        x = where.x + _side(look)
        if button.on is not None:
            _dot(surface, look, (x + _radius(look), where.centery), button)
            x += 2 * _radius(look) + _inside(look)
        label_at = paint.text(surface, label, (x, where.centery), look.small, colour,
                              anchor="midleft", width=where.right - x)  # fmt: skip
        if key:
            faint = paint.blend(theme.panel, theme.muted, 1.0 if button.enabled else 0.4)
            place = (label_at.right + _inside(look), where.centery)
            paint.text(surface, key, place, look.small, faint, anchor="midleft")


def _dot(surface: pygame.Surface, look: Look, centre: tuple[int, int], button: Button) -> None:
    """Full for a switch that is on, a ring for one that is off."""
    theme, radius = look.theme, _radius(look)
    colour = theme.goal if button.on else theme.muted
    colour = colour if button.enabled else paint.blend(theme.panel, theme.muted, 0.55)
    paint.disc(surface, colour, centre, radius)
    if not button.on:
        paint.disc(surface, theme.panel, centre, max(1, radius - max(1, look.px(1.5))))


def _width(look: Look, label: str, key: str, button: Button) -> int:
    width = 2 * _side(look) + paint.width_of(label, look.small)
    width += 0 if button.on is None else 2 * _radius(look) + _inside(look)
    return width + (paint.width_of(key, look.small) + _inside(look) if key else 0)


def _side(look: Look) -> int:
    return max(4, look.px(6))


def _inside(look: Look) -> int:
    return max(3, look.px(4))


def _radius(look: Look) -> int:
    return max(3, look.px(4))
