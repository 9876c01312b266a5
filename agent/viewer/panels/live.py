"""What the camera sees, with a push while one is made; before the first frame, the start."""

import numpy as np
import pygame

from .. import paint, pictures
from ..lists import Row, draw_rows
from ..look import Look
from ..showing import Drag, Showing
from ..state import ViewerState
from .processes import process_row


def values(
    state: ViewerState, showing: Showing
) -> tuple[np.ndarray | None, str, Drag | None, bool, tuple[Row, ...]]:
    """The newest frame, what there is to say of the last push, the push that is made, whether one
    can be, and how the processes start."""
    words = "" if showing.drag else state.pushes.words(state.now_s)
    start = () if state.image is not None else tuple(map(process_row, state.processes.values()))
    return state.image, words, showing.drag, showing.pushing, start


def picture_in(rect: pygame.Rect, look: Look, shape: tuple[int, ...]) -> pygame.Rect:
    """Where the frame of this ``shape`` is within the card."""
    height = max(1, rect.height - look.title - look.pad)
    inner = pygame.Rect(rect.x + look.pad, rect.y + look.title, rect.width - 2 * look.pad, height)
    return pictures.placed(inner, shape)


def draw(
    surface: pygame.Surface,
    rect: pygame.Rect,
    look: Look,
    image: np.ndarray | None,
    words: str,
    drag: Drag | None,
    pushing: bool,
    start: tuple[Row, ...],
) -> None:
    """The card of the camera."""
    theme = look.theme
    inner = paint.card(surface, rect, look, "camera: drag to push" if pushing else "camera")
    if image is None:
        if start:
            draw_rows(surface, inner, look, start)
        else:
            paint.empty(surface, inner, look, "no frame yet")
        return
    where = pictures.show(surface, inner, image, theme.outline)
    if words:
        paint.heading(surface, rect, look, words, theme.push)
    if drag:
        half = np.array(where.size) / 2
        ends = [np.add(where.center, half * point) for point in (drag.place, drag.to)]
        clip = surface.get_clip()
        surface.set_clip(where)
        start_at, end = ((float(x), float(y)) for x, y in ends)
        paint.disc(surface, theme.push, start_at, look.px(5))
        paint.arrow(surface, theme.push, start_at, end, max(2, look.px(4)))
        surface.set_clip(clip)
