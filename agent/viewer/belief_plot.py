"""The belief in the first two coordinates of the latent state: where it is, was and will be."""

from dataclasses import replace

import numpy as np
import pygame

from . import paint
from .axes import Axes, round_steps
from .paint import Colour
from .state import LatentView

_CORNERS = np.linspace(0.0, 2 * np.pi, 40, endpoint=False)
_CIRCLE = np.stack([np.cos(_CORNERS), np.sin(_CORNERS)], axis=1)
_MARGIN = 0.15  # of the range seen so far
_SMALLEST_RANGE = 0.5
_FADES = 12  # shades of the trail
_ALPHA = 70
_LEGEND = (("belief ±2σ", paint.BELIEF), ("plan ±2σ", paint.PLAN), ("goal", paint.GOAL))


def draw_belief(surface: pygame.Surface, rect: pygame.Rect, view: LatentView | None) -> None:
    """The card of the belief; without a belief so far, an empty one that says so."""
    inner = paint.panel(surface, rect, "latent space")
    _legend(surface, rect)
    if view is None:
        paint.text(surface, "no belief yet", inner.center, colour=paint.MUTED, anchor="center")
        return
    axes = _axes(pygame.Rect(inner.x + 28, inner.y, inner.width - 28, inner.height - 18), view)
    axes.rows(surface, round_steps(*axes.y, about=6))
    axes.columns(surface, round_steps(*axes.x, about=6))
    surface.set_clip(axes.rect)
    _trail(surface, axes, view)
    _plan(surface, axes, view)
    _ellipses(surface, axes, paint.BELIEF, view.now[None], view.std[None])
    paint.disc(surface, paint.BELIEF, axes.point(*view.now), 4)
    _cross(surface, axes.point(*view.goal))
    surface.set_clip(None)


def _axes(rect: pygame.Rect, view: LatentView) -> Axes:
    """Equal scales in both directions around all that has been seen."""
    middle = (view.low + view.high) / 2
    extent = np.maximum(view.high - view.low, _SMALLEST_RANGE) * (1 + 2 * _MARGIN)
    per_pixel = float(max(extent[0] / rect.width, extent[1] / rect.height))
    across, up = rect.width * per_pixel / 2, rect.height * per_pixel / 2
    x, y = float(middle[0]), float(middle[1])
    return Axes(rect, (x - across, x + across), (y - up, y + up))


def _trail(surface: pygame.Surface, axes: Axes, view: LatentView) -> None:
    """The way so far, fading into the past."""
    way = np.concatenate([view.trail, view.now[None]])
    points = axes.points(way[:, 0], way[:, 1])
    length = -(-len(points) // _FADES)
    for start in range(0, len(points), length):
        colour = _blend(paint.PANEL, paint.BELIEF, 0.15 + 0.65 * start / len(points))
        paint.stroke(surface, colour, points[start : start + length + 1])


def _plan(surface: pygame.Surface, axes: Axes, view: LatentView) -> None:
    _ellipses(surface, axes, paint.PLAN, view.planned_mean, view.planned_std)
    path = np.concatenate([view.now[None], view.planned_mean])
    paint.stroke(surface, paint.PLAN, axes.points(path[:, 0], path[:, 1]))


def _ellipses(
    surface: pygame.Surface, axes: Axes, colour: Colour, means: np.ndarray, stds: np.ndarray
) -> None:
    """What ±2σ ellipses around ``means`` (m, 2) cover together, as one translucent shape."""
    layer = pygame.Surface(axes.rect.size, pygame.SRCALPHA)
    moved = replace(axes, rect=layer.get_rect())
    outlines = (means[:, None] + 2 * stds[:, None] * _CIRCLE).reshape(-1, 2)
    corners = moved.points(outlines[:, 0], outlines[:, 1])
    for start in range(0, len(corners), len(_CIRCLE)):
        pygame.draw.polygon(layer, (*colour, _ALPHA), corners[start : start + len(_CIRCLE)])
    surface.blit(layer, axes.rect)


def _cross(surface: pygame.Surface, centre: paint.Point) -> None:
    x, y = centre
    paint.stroke(surface, paint.GOAL, [(x - 7, y), (x + 7, y)])
    paint.stroke(surface, paint.GOAL, [(x, y - 7), (x, y + 7)])
    pygame.draw.circle(surface, paint.GOAL, centre, 10, width=1)


def _legend(surface: pygame.Surface, rect: pygame.Rect) -> None:
    right = rect.right - 12
    for name, colour in reversed(_LEGEND):
        written = paint.text(
            surface, name, (right, rect.y + 8), paint.SMALL, colour, anchor="topright"
        )
        right = written.left - 12


def _blend(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
