"""Numbers over the last seconds: the distance to the goal, free energy, surprise."""

from typing import Any, NamedTuple

import numpy as np
import pygame

from ....transport.messages import Belief
from .. import paint
from ..axes import Axes, round_steps
from ..look import Colour, Look
from ..showing import Showing
from ..state import WINDOW_S, ViewerState
from ..trace import Trace

PLANNED = 0.5  # how much of its colour a line has after now

_PAST = range(-int(WINDOW_S), 1, 5)
_AHEAD_AT_MOST_S = WINDOW_S / 4
_AHEAD_S = 2.0  # before there is a plan
_ROOM = 0.08  # of the range, above and below


class Seen(NamedTuple):
    """``seconds`` ``(m,)`` and ``values`` ``(m, 1)``; now, and how far after it the plot goes."""

    seconds: np.ndarray
    values: np.ndarray
    now_s: float
    ahead_s: float


def ahead_s(state: ViewerState) -> float:
    """How far after now the plots go: as far as the plan."""
    steps = 0 if state.plan is None else len(state.plan.controls)
    return min(_AHEAD_AT_MOST_S, max(2, steps) * state.period_s) if steps else _AHEAD_S


def distance_values(
    state: ViewerState,
    showing: Showing,  # noqa: ARG001
) -> tuple[np.ndarray, np.ndarray, float, float, Belief | None, float]:
    """Seconds and distances, now, how far the plot goes, the newest belief, a tick's seconds."""
    seconds, values, now_s, ahead = _of(state.distances, state)
    return seconds, values, now_s, ahead, state.belief, state.period_s


def energy_values(state: ViewerState, showing: Showing) -> Seen:  # noqa: ARG001
    """Seconds and free energies of the plans, now, and how far the plot goes."""
    return _of(state.energies, state)


def surprise_values(state: ViewerState, showing: Showing) -> Seen:  # noqa: ARG001
    """Seconds and one-step surprises, now, and how far the plot goes."""
    return _of(state.surprises, state)


def _of(trace: Trace, state: ViewerState) -> Seen:
    return Seen(trace.seconds(), trace.values(), state.now_s, ahead_s(state))


def draw_distance(
    surface: pygame.Surface,
    rect: pygame.Rect,
    look: Look,
    seconds: np.ndarray,
    values: np.ndarray,
    now_s: float,
    ahead: float,
    belief: Belief | None,
    period_s: float,
) -> None:
    """The card of the latent distance to the goal; after now, where the plan leads."""
    inner = paint.card(surface, rect, look, "distance to the goal")
    theme, top = look.theme, float(values.max()) if len(values) else 1.0
    axes = over_time(inner, look, (0.0, max(1e-3, top)), ahead, labelled=False)
    frame_axes(surface, axes, look, labelled=False)
    if not len(seconds) or belief is None:
        return
    axes.line(surface, look, theme.goal, seconds - now_s, values[:, 0])
    planned = belief.planned_mean[:, : len(belief.goal)] - belief.goal
    later = np.concatenate([values[-1], np.sqrt(np.square(planned.astype(float)).sum(1))])
    faint = paint.blend(theme.panel, theme.goal, PLANNED)
    ticks_s = seconds[-1] - now_s + np.arange(len(later)) * period_s
    axes.line(surface, look, faint, ticks_s, later)
    paint.heading(surface, rect, look, f"{values[-1, 0]:.3g}", theme.goal)


def draw_energy(surface: pygame.Surface, rect: pygame.Rect, look: Look, *seen: Any) -> None:
    """The card of the plans' free energy, as :class:`Seen`."""
    line = Seen(*seen)
    span, words = (0.0, 1.0), ""
    if len(line.values):
        span = float(line.values.min()), float(line.values.max())
        words = paint.number(float(line.values[-1, 0]), ".4g")
    inner = paint.card(surface, rect, look, "free energy of the plan")
    axes = over_time(inner, look, span, line.ahead_s, labelled=False)
    frame_axes(surface, axes, look, labelled=False)
    _draw_line(surface, rect, look, axes, line, look.theme.plan, words)


def draw_surprise(surface: pygame.Surface, rect: pygame.Rect, look: Look, *seen: Any) -> None:
    """The card of the one-step surprise, in sigmas, as :class:`Seen`."""
    line = Seen(*seen)
    top, words = 1.0, ""
    if len(line.values):
        top, words = float(line.values.max()), f"{line.values[-1, 0]:.2g} σ"
    inner = paint.card(surface, rect, look, "one-step surprise, σ")
    axes = over_time(inner, look, (0.0, max(2.0, top)), line.ahead_s, labelled=True)
    frame_axes(surface, axes, look, labelled=True)
    _draw_line(surface, rect, look, axes, line, look.theme.belief, words)


def _draw_line(
    surface: pygame.Surface,
    rect: pygame.Rect,
    look: Look,
    axes: Axes,
    line: Seen,
    colour: Colour,
    words: str,
) -> None:
    if words:
        axes.line(surface, look, colour, line.seconds - line.now_s, line.values[:, 0])
        paint.heading(surface, rect, look, words, colour)


def over_time(
    inner: pygame.Rect, look: Look, span: tuple[float, float], ahead: float, labelled: bool
) -> Axes:
    """Axes over the last seconds and the next, with room for labels on the left and below."""
    left, below = look.px(38), look.line if labelled else look.px(2)
    size = max(1, inner.width - left), max(1, inner.height - below)
    low, high = span
    room = _ROOM * (high - low) or max(1e-3, abs(high) * _ROOM)
    floor = low if low == 0 else low - room
    return Axes(
        pygame.Rect(inner.x + left, inner.y, *size), (-WINDOW_S, ahead), (floor, high + room)
    )


def frame_axes(
    surface: pygame.Surface,
    axes: Axes,
    look: Look,
    labelled: bool,
    rows: tuple[float, ...] | None = None,
) -> None:
    """Grid, labels, and a line where now is; what is after it is a little lighter."""
    x, _ = axes.point(0.0, axes.y[0])
    after = pygame.Rect(round(x), axes.rect.y, axes.rect.right - round(x), axes.rect.height)
    pygame.draw.rect(surface, paint.blend(look.theme.panel, look.theme.raised, 0.35), after)
    about = max(2, min(4, axes.rect.height // (2 * look.line)))
    steps = round_steps(*axes.y, about=about)
    steps = steps if len(steps) > 1 else round_steps(*axes.y, about=2 * about)
    axes.rows(surface, look, rows or steps)
    axes.columns(surface, look, [each for each in _PAST if each], labelled=labelled)
    top, bottom = (x, axes.rect.top), (x, axes.rect.bottom - 1)
    pygame.draw.line(surface, look.theme.outline, top, bottom, max(1, look.px(1.2)))
    if labelled:
        within = axes.rect.right - paint.width_of("now", look.small) / 2
        place = (min(x, within), bottom[1] + look.px(3))
        paint.text(surface, "now", place, look.small, look.theme.muted, anchor="midtop")
