"""The distance to the goal and the control over the last seconds."""

import pygame

from . import paint
from .axes import Axes, round_steps
from .state import WINDOW_S, ViewerState

_PAST = range(-int(WINDOW_S), 1, 5)
_SERIES = (paint.PLAN, paint.BELIEF, paint.GOAL, paint.ALARM)


def draw_distance(surface: pygame.Surface, rect: pygame.Rect, state: ViewerState) -> None:
    """The card of the latent distance to the goal."""
    inner = paint.panel(surface, rect, f"latent distance to the goal, last {WINDOW_S:g} s")
    seconds, values = state.distances.seconds(), state.distances.values()
    top = 1.0 if not len(seconds) else max(1e-3, float(values.max()))
    steps = round_steps(0.0, top * 1.15, about=3)
    axes = _over_time(inner, (0.0, max(top * 1.1, steps[-1])), below=2)
    axes.rows(surface, steps)
    axes.columns(surface, _PAST, labelled=False)
    if len(seconds):
        axes.line(surface, paint.GOAL, seconds - seconds[-1], values[:, 0])
        _latest(surface, rect, f"{values[-1, 0]:.3f}", paint.GOAL)


def draw_control(surface: pygame.Surface, rect: pygame.Rect, state: ViewerState) -> None:
    """The card of the control that the body was really given, between its limits."""
    inner = paint.panel(surface, rect, f"torque, last {WINDOW_S:g} s")
    low, high = float(state.control_low.min()), float(state.control_high.max())
    over = 0.12 * (high - low)
    axes = _over_time(inner, (low - over, high + over), below=14)
    axes.rows(surface, (low, (low + high) / 2, high))
    axes.columns(surface, _PAST)
    seconds, values = state.controls.seconds(), state.controls.values()
    if len(seconds):
        for series, colour in zip(values.T, _SERIES, strict=False):
            axes.line(surface, colour, seconds - seconds[-1], series)
        _latest(surface, rect, f"{values[-1, 0]:+.2f}".replace("-", "−"), paint.PLAN)


def _over_time(inner: pygame.Rect, y: tuple[float, float], below: int) -> Axes:
    """Axes over the last seconds, with room for labels on the left and ``below``."""
    rect = pygame.Rect(inner.x + 28, inner.y, inner.width - 34, inner.height - below)
    return Axes(rect, (-WINDOW_S, 0.0), y)


def _latest(surface: pygame.Surface, rect: pygame.Rect, words: str, colour: paint.Colour) -> None:
    place = (rect.right - 12, rect.y + 8)
    paint.text(surface, words, place, paint.SMALL, colour, bold=True, anchor="topright")
