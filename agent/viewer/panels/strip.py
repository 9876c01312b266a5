"""The strip of frames to choose a goal from."""

from collections.abc import Sequence

import numpy as np
import pygame

from .. import paint, pictures
from ..gallery import Thumbnail
from ..look import Look
from ..showing import NOWHERE, Showing
from ..state import Groups, ViewerState

_GAP, _GROUP_GAP = 7, 24
_LEAST = 30  # px at unit 1: narrower frames are left out

_PASSES, _MARK = "passes", "↷"  # what is written on goals that can only be passed

_kept = pictures.Kept(96)

Place = tuple[pygame.Rect, Thumbnail]


def values(state: ViewerState, showing: Showing) -> tuple[Groups, Thumbnail, tuple[int, int]]:
    """The frames on offer, the goal in force, and where the mouse is."""
    return state.offered(), state.goal, showing.pointer


def places(strip: pygame.Rect, look: Look, groups: Groups) -> list[list[Place]]:
    """Where each frame on offer lies within the ``strip``, group by group; where there are more
    than fit, a group shows some that are evenly spread."""
    gap, apart = look.px(_GAP), look.px(_GROUP_GAP)
    inner = pygame.Rect(strip.x + look.pad, strip.y + look.title, strip.width - 2 * look.pad, 0)
    height = max(1, strip.height - look.title - look.pad - look.line)
    filled = [thumbnails for _, thumbnails in groups if thumbnails]
    if not filled:
        return [[] for _ in groups]
    tall, wide = filled[0][0].image.shape[:2]
    counts = [len(thumbnails) for _, thumbnails in groups]
    free = inner.width - apart * (len(filled) - 1)
    width = min(round(height * wide / tall), free // max(1, sum(counts)) - gap)
    if width < look.px(_LEAST):
        width = min(look.px(_LEAST), round(height * wide / tall))
        room = free // (width + gap)
        while sum(counts) > max(len(filled), room):
            counts[counts.index(max(counts))] -= 1
    width = max(1, width)
    size = (width, max(1, min(height, round(width * tall / wide))))
    found, x = [], inner.x
    for (_, thumbnails), count in zip(groups, counts, strict=True):
        shown = [thumbnails[index] for index in _spread(len(thumbnails), count)]
        rects = [pygame.Rect((x + i * (width + gap), inner.y), size) for i in range(len(shown))]
        found.append(list(zip(rects, shown, strict=True)))
        x += len(shown) * (width + gap) - gap + apart if shown else 0
    return found


def _spread(length: int, count: int) -> Sequence[int]:
    """``count`` places of ``length``, evenly spread from the first to the last."""
    return np.linspace(0, length - 1, count).round().astype(int).tolist() if count else []


def thumbnail_at(
    strip: pygame.Rect, look: Look, groups: Groups, point: tuple[int, int]
) -> Thumbnail | None:
    """The frame on offer under ``point``, if any."""
    for group in places(strip, look, groups):
        for rect, thumbnail in group:
            if rect.collidepoint(point):
                return thumbnail
    return None


def draw(
    surface: pygame.Surface,
    strip: pygame.Rect,
    look: Look,
    groups: Groups,
    goal: Thumbnail,
    pointer: tuple[int, int],
) -> None:
    """The card of frames; the goal in force and the frame under the pointer are framed, and what
    can only be passed is faint and says so."""
    theme = look.theme
    paint.card(surface, strip, look)
    row = strip.y + look.pad // 2 + look.line // 2
    under = thumbnail_at(strip, look, groups, pointer) if pointer != NOWHERE else None
    laid = places(strip, look, groups)
    told = strip.right - look.pad
    if under:
        words = under.name + _held(under)
        told = paint.text(
            surface, words, (told, row), look.small, theme.text, True, "midright", strip.width // 3
        ).x - look.px(12)
    for number, ((caption, _), group) in enumerate(zip(groups, laid, strict=True)):
        if not group:
            continue
        end = next((each[0][0].x for each in laid[number + 1 :] if each), told + look.px(12))
        place, width = (group[0][0].x, row), min(end, told) - look.px(12) - group[0][0].x
        paint.text(surface, caption, place, look.small, theme.muted, anchor="midleft", width=width)
        seen = number == len(groups) - 1  # of these many may look like the goal
        for rect, thumbnail in group:
            chosen = thumbnail is goal or (not seen and np.array_equal(thumbnail.image, goal.image))
            _frame(surface, rect, look, thumbnail, chosen, thumbnail is under)


def _held(thumbnail: Thumbnail) -> str:
    if thumbnail.can_be_held is None:
        return ""
    return ": can be held" if thumbnail.can_be_held else ": can only be passed, not held"


def _frame(
    surface: pygame.Surface,
    rect: pygame.Rect,
    look: Look,
    thumbnail: Thumbnail,
    chosen: bool,
    under: bool,
) -> None:
    theme, passes = look.theme, thumbnail.can_be_held is False
    towards = theme.panel if passes and not under else None
    surface.blit(_kept.surface(thumbnail.image, rect.size, towards), rect)
    pygame.draw.rect(surface, theme.outline, rect, 1)
    if passes:
        words = _PASSES if paint.width_of(_PASSES, look.small) <= rect.width else _MARK
        place = (rect.centerx, rect.bottom + look.line // 2 + look.px(3))
        paint.text(surface, words, place, look.small, theme.plan, anchor="center")
    if chosen or under:
        around, thick = rect.inflate(look.px(6), look.px(6)), max(2, look.px(2))
        colour = theme.goal if chosen else theme.text
        pygame.draw.rect(surface, colour, around, thick, border_radius=look.px(3))
