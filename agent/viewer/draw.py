"""The whole window, drawn from the state onto a surface."""

from collections.abc import Iterable

import numpy as np
import pygame

from ...transport.beliefs import is_categorical
from ...transport.clock import NS_PER_S
from . import paint
from .belief_plot import draw_belief
from .categorical_plot import draw_categorical
from .layout import arrange
from .state import ViewerState
from .strip import draw_strip
from .time_plots import draw_control, draw_distance

_STALE_S = 1.0  # without a frame for this long, the window says so


def draw(
    surface: pygame.Surface,
    state: ViewerState,
    now_ns: int,
    pointer: tuple[int, int],
    keys: str = "Q or Esc: end the run",
) -> None:
    """Draw ``state`` as of ``now_ns`` (monotonic), with the mouse at ``pointer``, and what the
    ``keys`` do."""
    surface.fill(paint.BACKGROUND)
    places = arrange(*surface.get_size())
    _header(surface, places.header, state, now_ns, keys)
    _camera(surface, places.camera, state)
    _goal(surface, places.goal, state)
    _figures(surface, places.figures, state)
    draw_distance(surface, places.distance, state)
    draw_control(surface, places.control, state)
    if state.belief and is_categorical(state.belief.mean, state.belief.std):
        draw_categorical(surface, places.belief, state.belief)
    else:
        draw_belief(surface, places.belief, state.latent_view())
    draw_strip(surface, places.strip, state, pointer)


def _header(
    surface: pygame.Surface, rect: pygame.Rect, state: ViewerState, now_ns: int, keys: str
) -> None:
    title = paint.text(
        surface, state.body, (rect.x + 2, rect.centery), paint.LARGE, bold=True, anchor="midleft"
    )
    if state.stamp_ns is None:
        words, colour = "waiting for the first frame", paint.MUTED
    elif (age_s := (now_ns - state.stamp_ns) / NS_PER_S) > _STALE_S:
        words, colour = f"no frame for {age_s:.0f} s", paint.ALARM
    else:
        words, colour = f"{state.now_s:.1f} s", paint.TEXT
    paint.text(
        surface, words, (title.right + 16, rect.centery + 2), colour=colour, anchor="midleft"
    )
    paint.text(
        surface, keys, (rect.right - 2, rect.centery), paint.SMALL, paint.MUTED, anchor="midright"
    )


def _camera(surface: pygame.Surface, rect: pygame.Rect, state: ViewerState) -> None:
    inner = paint.panel(surface, rect, "camera")
    if state.image is not None:
        paint.picture(surface, inner, state.image)


def _goal(surface: pygame.Surface, rect: pygame.Rect, state: ViewerState) -> None:
    inner = paint.panel(surface, rect, "goal")
    image = pygame.Rect(inner.x, inner.y, inner.height, inner.height)
    paint.picture(surface, image, state.goal.image)
    x = image.right + 12
    surface.set_clip(inner)
    paint.text(surface, state.goal.name, (x, image.y), colour=paint.GOAL, bold=True)
    surface.set_clip(None)
    words = "pursued" if state.unanswered_goal() is None else "sent …"
    paint.text(surface, words, (x, image.y + 22), paint.SMALL, paint.MUTED)


def _figures(surface: pygame.Surface, rect: pygame.Rect, state: ViewerState) -> None:
    inner = paint.panel(surface, rect, "figures; times are p50 / p99 ms")
    rate, belief, plan = state.rate_hz(), state.belief, state.plan
    rows = (
        ("ticks per second", "–" if rate is None else f"{rate:.1f}"),
        ("frame to command", _percentiles(state.latency_ms)),
        ("filter", _percentiles(state.filter_ms)),
        ("plan", _percentiles(state.plan_ms)),
        ("older plans / safe controls", f"{state.older_plans} / {state.safe_controls}"),
        ("surprise, σ", "–" if belief is None else f"{belief.surprise:.3g}"),
        ("free energy", "–" if plan is None else f"{plan.free_energy:.4g}"),
    )
    pitch = max(15, inner.height // len(rows))
    fitting = rows[: max(1, inner.height // pitch)]
    for row, (name, value) in enumerate(fitting):
        y = inner.y + row * pitch
        paint.text(surface, name, (inner.x, y), paint.SMALL, paint.MUTED)
        paint.text(surface, value, (inner.right, y), paint.SMALL, anchor="topright")


def _percentiles(values: Iterable[float]) -> str:
    """Median and 99th percentile."""
    found = list(values)
    if not found:
        return "–"
    median, worst = np.percentile(found, [50, 99])
    return f"{median:.1f} / {worst:.1f}"
