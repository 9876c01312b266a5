"""The goal in force: its picture, its name, and what is known of it."""

import numpy as np
import pygame

from .. import paint, pictures
from ..look import Look
from ..showing import Showing
from ..state import ViewerState


def values(
    state: ViewerState,
    showing: Showing,  # noqa: ARG001
) -> tuple[np.ndarray, str, str, bool, str]:
    """Picture, name, how it stands with it, whether it can only be passed, place in the history."""
    if state.asked:
        words = f"asked for {state.asked.text!r} …"
    elif state.unanswered_goal():
        words = "sent …"
    elif state.belief is None:
        words = "comes next"
    else:
        words = "pursued"
    passes = state.can_be_held(state.goal) is False
    return state.goal.image, state.goal.name, words, passes, state.history.words()


def draw(
    surface: pygame.Surface,
    rect: pygame.Rect,
    look: Look,
    image: np.ndarray,
    name: str,
    words: str,
    passes: bool,
    place: str,
) -> None:
    """The card of the goal."""
    theme = look.theme
    inner = paint.card(surface, rect, look, "goal")
    if place:
        paint.heading(surface, rect, look, place, theme.muted)
    area = pygame.Rect(inner.x, inner.y, inner.width, max(1, inner.height - 2 * look.line))
    pictures.show(surface, area, image, theme.outline)
    y = area.bottom + look.line // 2 + look.px(2)
    paint.text(surface, name, (inner.x, y), look.small, theme.goal, True, "midleft", inner.width)
    words = "can only be passed, not held" if passes else words
    colour = theme.plan if passes else theme.muted
    place_at = (inner.x, y + look.line)
    paint.text(surface, words, place_at, look.small, colour, anchor="midleft", width=inner.width)
