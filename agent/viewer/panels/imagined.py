"""The imagined future: the frames that the plan leads to."""

import pygame

from ....transport.messages import Imagined
from .. import paint, pictures
from ..look import Look
from ..showing import Showing
from ..state import ViewerState
from .believed import why_empty

_LEAST = 40  # px at unit 1: narrower frames are left out


def values(
    state: ViewerState,
    showing: Showing,  # noqa: ARG001
) -> tuple[Imagined | None, float, bool]:
    """What was imagined last, the seconds of a tick, and whether the agent draws nothing."""
    return state.imagined, state.period_s, state.draws_nothing


def places(
    inner: pygame.Rect, look: Look, shape: tuple[int, ...], frames: int
) -> list[tuple[pygame.Rect, int]]:
    """Where which of the ``frames`` of this ``shape`` are: all of them or, where there is no room,
    some that are evenly spread, the last one among them."""
    gap = look.px(6)
    height = max(1, inner.height - look.line)
    widest = max(1, round(height * shape[1] / shape[0]))
    least = max(min(widest, look.px(_LEAST)), paint.width_of("+0.25", look.small))
    every = -(-frames // max(1, (inner.width + gap) // (least + gap)))
    count = -(-frames // every)
    cell = (inner.width + gap) // count
    chosen = range(frames - 1 - (count - 1) * every, frames, every)
    return [
        (pygame.Rect(inner.x + place * cell, inner.y, cell - gap, height), index)
        for place, index in enumerate(chosen)
    ]


def draw(
    surface: pygame.Surface,
    rect: pygame.Rect,
    look: Look,
    imagined: Imagined | None,
    period_s: float,
    draws_nothing: bool,
) -> None:
    """The card of the imagined future; each frame says how far ahead it is."""
    theme = look.theme
    inner = paint.card(surface, rect, look, "imagined future, along the plan")
    if imagined is None:
        paint.empty(surface, inner, look, why_empty(draws_nothing))
        return
    future = imagined.future
    for area, index in places(inner, look, future.shape[1:], len(future)):
        where = pictures.show(surface, area, future[index], theme.outline)
        room = area.width >= paint.width_of("+0.25 s", look.small)
        seconds = imagined.ahead[index] * period_s
        paint.text(
            surface, f"+{seconds:.2f} s" if room else f"+{seconds:.2f}",
            (where.centerx, where.bottom + look.line // 2 + 1), look.small, theme.plan,
            anchor="center",
        )  # fmt: skip
