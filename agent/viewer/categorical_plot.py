"""The belief about one of a few states, as bars: how likely each is, where the plan leads, and
which is the goal."""

import numpy as np
import pygame

from ...transport.messages import Belief
from . import paint
from .axes import Axes

_GAP = 0.22  # of a bar's place, on either side
_LEGEND = (("q(s)", paint.BELIEF), ("plan", paint.PLAN), ("goal", paint.GOAL))
_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


def draw_categorical(surface: pygame.Surface, rect: pygame.Rect, belief: Belief) -> None:
    """The card of a categorical belief; the plan's is that after its last step."""
    inner = paint.panel(surface, rect, "state")
    _legend(surface, rect)
    count = belief.mean.size
    place = pygame.Rect(inner.x + 34, inner.y + 14, inner.width - 34, inner.height - 34)
    axes = Axes(place, (0.0, float(count)), (0.0, 1.0))
    axes.rows(surface, _QUARTERS)
    goal = int(np.argmax(belief.goal)) if belief.goal.size == count else None
    for state in range(count):
        _bar(surface, axes, state, float(belief.mean[state]))
        _mark(surface, axes, state, float(belief.planned_mean[-1][state]))
        colour = paint.GOAL if state == goal else paint.MUTED
        x, y = axes.point(state + 0.5, 0.0)
        written = paint.text(
            surface, str(state), (x, y + 5), paint.SMALL, colour, state == goal, "midtop"
        )
        if state == goal:
            pygame.draw.rect(surface, paint.GOAL, written.inflate(12, 4), 1, border_radius=4)


def _bar(surface: pygame.Surface, axes: Axes, state: int, value: float) -> None:
    left, top = axes.point(state + _GAP, value)
    right, bottom = axes.point(state + 1 - _GAP, 0.0)
    box = pygame.Rect(round(left), round(top), round(right - left), round(bottom - top))
    pygame.draw.rect(surface, paint.BELIEF, box)
    if value >= 0.005:
        above = (box.centerx, box.top - 2)
        paint.text(surface, f"{value:.2f}", above, paint.SMALL, paint.TEXT, anchor="midbottom")


def _mark(surface: pygame.Surface, axes: Axes, state: int, value: float) -> None:
    """A line across the bar's place at what the plan leads to."""
    ends = [axes.point(state + _GAP / 2, value), axes.point(state + 1 - _GAP / 2, value)]
    paint.stroke(surface, paint.PLAN, ends)


def _legend(surface: pygame.Surface, rect: pygame.Rect) -> None:
    right = rect.right - 12
    for name, colour in reversed(_LEGEND):
        written = paint.text(
            surface, name, (right, rect.y + 8), paint.SMALL, colour, anchor="topright"
        )
        right = written.left - 12
