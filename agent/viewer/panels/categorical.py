"""The belief about one of a few states, as bars: how likely each is, where the plan leads, and
which is the goal."""

import numpy as np
import pygame

from ....transport.messages import Belief
from .. import paint
from ..axes import Axes
from ..look import Look

_GAP = 0.22  # of a bar's place, on either side
_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
_LEAST = 0.005  # less is not worth a number


def draw(surface: pygame.Surface, rect: pygame.Rect, look: Look, belief: Belief) -> None:
    """The card of a categorical belief; the plan's is that after its last step."""
    theme, inner = look.theme, paint.card(surface, rect, look, "state")
    named = (("q(s)", theme.belief), ("plan", theme.plan), ("goal", theme.goal))
    paint.legend(surface, rect, look, named)
    count = belief.mean.size
    left, line = look.px(34), look.line
    place = pygame.Rect(inner.x + left, inner.y + line, inner.width - left, inner.height - 3 * line)
    axes = Axes(place, (0.0, float(count)), (0.0, 1.0))
    axes.rows(surface, look, _QUARTERS)
    goal = int(np.argmax(belief.goal)) if belief.goal.size == count else None
    for state in range(count):
        _bar(surface, axes, look, state, float(belief.mean[state]))
        _mark(surface, axes, look, state, float(belief.planned_mean[-1][state]))
        colour = theme.goal if state == goal else theme.muted
        x, y = axes.point(state + 0.5, 0.0)
        written = paint.text(
            surface, str(state), (x, y + line // 2), look.small, colour, state == goal, "midtop"
        )
        if state == goal:
            box = written.inflate(look.px(12), look.px(4))
            pygame.draw.rect(surface, colour, box, look.px(1), border_radius=look.px(4))


def _bar(surface: pygame.Surface, axes: Axes, look: Look, state: int, value: float) -> None:
    left, top = axes.point(state + _GAP, value)
    right, bottom = axes.point(state + 1 - _GAP, 0.0)
    box = pygame.Rect(round(left), round(top), round(right - left), round(bottom - top))
    pygame.draw.rect(surface, look.theme.belief, box)
    if value >= _LEAST:
        above = (box.centerx, box.top - look.px(2))
        words = f"{value:.2f}"
        paint.text(surface, words, above, look.small, look.theme.text, anchor="midbottom")


def _mark(surface: pygame.Surface, axes: Axes, look: Look, state: int, value: float) -> None:
    """A line across the bar's place at what the plan leads to."""
    ends = [axes.point(state + _GAP / 2, value), axes.point(state + 1 - _GAP / 2, value)]
    paint.stroke(surface, look.theme.plan, ends, 2 * look.unit)
