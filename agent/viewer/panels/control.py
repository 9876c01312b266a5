"""The control that the body was really given and, after now, the one that is planned."""

import numpy as np
import pygame

from ....transport.messages import Plan
from .. import paint
from ..look import Colour, Look
from ..showing import Showing
from ..state import ViewerState
from .traces import PLANNED, ahead_s, frame_axes, over_time


def values(
    state: ViewerState,
    showing: Showing,  # noqa: ARG001
) -> tuple[np.ndarray, np.ndarray, float, Plan | None, float, float, tuple[float, float]]:
    """Seconds and controls; how far the plot goes; the plan, the seconds from now until it begins,
    those of a tick; and the limits."""
    trace = state.controls
    begins_s = (state.plan_tick + 1 - state.tick) * state.period_s
    limits = float(state.control_low.min()), float(state.control_high.max())
    return (
        trace.seconds(), trace.values(), ahead_s(state), state.plan, begins_s, state.period_s,
        limits,
    )  # fmt: skip


def colours(look: Look) -> tuple[Colour, ...]:
    """Those of the control's coordinates; a fifth one has the first one's again."""
    theme = look.theme
    return theme.plan, theme.belief, theme.push, theme.goal


def draw(
    surface: pygame.Surface,
    rect: pygame.Rect,
    look: Look,
    seconds: np.ndarray,
    values: np.ndarray,
    ahead: float,
    plan: Plan | None,
    begins_s: float,
    period_s: float,
    limits: tuple[float, float],
) -> None:
    """The card of the control, between its limits."""
    theme = look.theme
    inner = paint.card(surface, rect, look, "control, and as planned")
    low, high = limits
    axes = over_time(inner, look, limits, ahead, labelled=True)
    frame_axes(surface, axes, look, labelled=True, rows=(low, (low + high) / 2, high))
    shades = colours(look)
    if plan is not None and len(seconds):
        # each planned control acts for a tick
        edges = np.repeat(begins_s + period_s * np.arange(len(plan.controls) + 1), 2)[1:-1]
        later = edges >= 0
        for place, series in enumerate(plan.controls.T):
            faint = paint.blend(theme.panel, shades[place % len(shades)], PLANNED)
            axes.line(surface, look, faint, edges[later], np.repeat(series, 2)[later])
    if not len(seconds):
        return
    right = rect.right
    for place, series in reversed(list(enumerate(values.T))):
        colour = shades[place % len(shades)]
        axes.line(surface, look, colour, seconds - seconds[-1], series)
        area = pygame.Rect(rect.x, rect.y, right - rect.x, rect.height)
        if right - rect.x > rect.width // 2:
            words = paint.number(float(series[-1]), "+.2f")
            right = paint.heading(surface, area, look, words, colour).x
