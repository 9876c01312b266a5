"""What the agent believes to be in front of it, tinted where that may be off."""

import pygame

from ....transport.messages import Imagined
from .. import paint, pictures
from ..look import Look
from ..showing import Showing
from ..state import ViewerState


def why_empty(draws_nothing: bool) -> str:
    """What is said in the place of imagined pictures."""
    return "this agent draws no pictures" if draws_nothing else "nothing imagined yet"


def values(
    state: ViewerState,
    showing: Showing,  # noqa: ARG001
) -> tuple[Imagined | None, float, bool]:
    """What was imagined last, the seconds since, and whether the agent draws nothing."""
    age_s = max(0, state.tick - state.imagined_tick) * state.period_s
    return state.imagined, age_s, state.draws_nothing


def off_by(imagined: Imagined) -> str:
    """By how much the pixels may be off, in words."""
    percent = 100 * float(imagined.spread.max()) / 255
    if percent < 1:
        return "sure of every pixel (2σ)"
    return f"tinted where unsure: ±{percent:.0f} % at most (2σ)"


def draw(
    surface: pygame.Surface,
    rect: pygame.Rect,
    look: Look,
    imagined: Imagined | None,
    age_s: float,
    draws_nothing: bool,
) -> None:
    """The card of the believed frame."""
    theme = look.theme
    inner = paint.card(surface, rect, look, "believed")
    area = pygame.Rect(inner.x, inner.y, inner.width, max(1, inner.height - 2 * look.line))
    if imagined is None:
        paint.empty(surface, area, look, why_empty(draws_nothing))
        return
    if age_s > 0:
        paint.heading(surface, rect, look, f"{age_s:.2f} s ago", theme.muted)
    mixed = pictures.tinted(imagined.believed, imagined.spread, theme.belief)
    where = pictures.placed(area, mixed.shape)
    surface.blit(pictures.surface_of(mixed, where.size), where)
    pygame.draw.rect(surface, theme.outline, where, 1)
    y = area.bottom + look.line // 2 + look.px(2)
    for line in paint.wrapped(off_by(imagined), look.small, inner.width, lines=2):
        paint.text(surface, line, (inner.x, y), look.small, theme.belief, anchor="midleft")
        y += look.line
