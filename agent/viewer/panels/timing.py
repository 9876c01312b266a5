"""Timing: how long a tick's way takes, and which deadlines were missed, and why."""

from collections.abc import Iterable

import pygame

from .. import paint
from ..look import Look
from ..showing import Showing
from ..state import ViewerState
from ..timings import CAUSES, OFF, percentiles

Rows = tuple[tuple[str, str, bool], ...]


def values(
    state: ViewerState,
    showing: Showing,  # noqa: ARG001
) -> tuple[Rows]:
    """Rows of a name, its value, and whether that is alarming; the latency is from a frame to the
    command that its plan leads to."""
    timings = state.timings
    rate = timings.rate_hz()
    rows = [
        ("rate", "–" if rate is None else f"{rate:.1f} Hz", False),
        ("latency", _of(timings.latency_ms), False),
        ("filter", _of(timings.filter_ms), False),
        ("plan", _of(timings.plan_ms), False),
    ]
    without = {cause: timings.missed[cause] for cause in CAUSES if timings.missed[cause]}
    missed = sum(count for cause, count in without.items() if cause != OFF)  # that is as ordered
    rows.append(("missed", str(missed), missed > 0))
    rows += [(f"  {cause}", str(count), False) for cause, count in without.items()]
    return (tuple(rows),)


def _of(milliseconds: Iterable[float]) -> str:
    found = percentiles(milliseconds)
    return "–" if found is None else f"{found[0]:.1f} / {found[1]:.1f}"


def draw(surface: pygame.Surface, rect: pygame.Rect, look: Look, rows: Rows) -> None:
    """The rows that fit."""
    theme = look.theme
    inner = paint.card(surface, rect, look, "timing, ms: p50 / p99")
    fitting = max(1, inner.height // look.line)
    pitch = min(round(1.35 * look.line), inner.height // min(fitting, len(rows)))
    for place, (name, value, alarming) in enumerate(rows[:fitting]):
        y = inner.y + place * pitch + pitch // 2
        colour = theme.plan if alarming else theme.text
        told = paint.text(
            surface, value, (inner.right, y), look.small, colour, anchor="midright",
            width=round(0.7 * inner.width),
        )  # fmt: skip
        paint.text(
            surface, name, (inner.x, y), look.small, theme.muted, anchor="midleft",
            width=told.x - inner.x - look.px(4),
        )  # fmt: skip
