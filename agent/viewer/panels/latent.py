"""The belief in the first two coordinates of the latent state: where it is, was and will be."""

import numpy as np
import pygame

from .. import paint
from ..axes import Axes, round_steps
from ..look import Colour, Look
from ..state import LatentView

_CORNERS = np.linspace(0.0, 2 * np.pi, 28, endpoint=False)
_CIRCLE = np.stack([np.cos(_CORNERS), np.sin(_CORNERS)], axis=1)
_MARGIN = 0.15  # of the range seen so far
_SMALLEST_RANGE = 0.5
_FADES = 8  # shades of the trail
_ALPHA = 64
_FAR = 1e9  # what is further away is drawn there


def draw(surface: pygame.Surface, rect: pygame.Rect, look: Look, view: LatentView | None) -> None:
    """The card of the belief; without a belief so far, an empty one that says so."""
    inner = paint.card(surface, rect, look, "latent space")
    theme = look.theme
    named = (("belief ±2σ", theme.belief), ("plan ±2σ", theme.plan), ("goal", theme.goal))
    paint.legend(surface, rect, look, named)
    if view is None:
        paint.empty(surface, inner, look, "no belief yet")
        return
    left, below = look.px(30), look.line
    axes = _axes(
        pygame.Rect(inner.x + left, inner.y, inner.width - left, inner.height - below), view
    )  # fmt: skip
    axes.rows(surface, look, round_steps(*axes.y, about=5))
    axes.columns(surface, look, round_steps(*axes.x, about=5))
    clip = surface.get_clip()
    surface.set_clip(axes.rect)
    _trail(surface, axes, look, view)
    path = np.concatenate([view.now[None], view.planned_mean]).astype(float).clip(-_FAR, _FAR)
    stds = np.concatenate([view.std[None], view.planned_std]).astype(float).clip(0, _FAR)
    _tube(surface, axes, theme.plan, path, stds)
    paint.stroke(surface, theme.plan, axes.points(path[:, 0], path[:, 1]), 2 * look.unit)
    _tube(surface, axes, theme.belief, view.now[None], view.std[None])
    paint.disc(surface, theme.belief, axes.point(*view.now), look.px(4))
    _cross(surface, look, axes.point(*view.goal))
    surface.set_clip(clip)


def _axes(rect: pygame.Rect, view: LatentView) -> Axes:
    """Equal scales in both directions around all that has been seen."""
    middle = (view.low + view.high) / 2
    extent = np.maximum(view.high - view.low, _SMALLEST_RANGE) * (1 + 2 * _MARGIN)
    per_pixel = float(max(extent[0] / rect.width, extent[1] / rect.height))
    across, up = rect.width * per_pixel / 2, rect.height * per_pixel / 2
    x, y = float(middle[0]), float(middle[1])
    return Axes(rect, (x - across, x + across), (y - up, y + up))


def _trail(surface: pygame.Surface, axes: Axes, look: Look, view: LatentView) -> None:
    """The way so far, fading into the past."""
    theme, way = look.theme, np.concatenate([view.trail, view.now[None]])
    points = axes.points(way[:, 0], way[:, 1])
    length = -(-len(points) // _FADES)
    for start in range(0, len(points), length):
        colour = paint.blend(theme.panel, theme.belief, 0.15 + 0.65 * start / len(points))
        paint.stroke(surface, colour, points[start : start + length + 1], 1.6 * look.unit)


def _tube(
    surface: pygame.Surface, axes: Axes, colour: Colour, means: np.ndarray, stds: np.ndarray
) -> None:
    """What ±2σ ellipses around ``means`` (m, 2) cover together with what is between each and the
    next, as one translucent shape."""
    ellipses = means[:, None] + 2 * stds[:, None] * _CIRCLE
    shapes = [*ellipses, *_between(means, stds)]
    outlines = np.concatenate(shapes)
    corners = np.array(axes.points(outlines[:, 0], outlines[:, 1]))
    low = np.floor(corners.min(0)).astype(int)
    size = np.ceil(corners.max(0)).astype(int) - low + 1
    covered = pygame.Rect(*low.tolist(), *size.tolist()).clip(axes.rect)
    if not covered.width or not covered.height:
        return
    layer = pygame.Surface(covered.size)
    layer.set_colorkey((0, 0, 0))
    layer.set_alpha(_ALPHA)
    moved, start = (corners - covered.topleft).tolist(), 0
    for shape in shapes:
        pygame.draw.polygon(layer, colour, moved[start : start + len(shape)])
        start += len(shape)
    surface.blit(layer, covered)


def _between(means: np.ndarray, stds: np.ndarray) -> np.ndarray:
    """Quadrangles (m - 1, 4, 2) from each ±2σ ellipse to the next: their corners are where lines
    along the way touch the ellipses."""
    way = np.diff(means, axis=0)
    across = np.stack([-way[:, 1], way[:, 0]], axis=1)

    def touched(std: np.ndarray) -> np.ndarray:
        reach = std * across
        length = np.sqrt(np.square(reach).sum(axis=1, keepdims=True))
        return 2 * std * reach / np.maximum(length, 1e-30)

    first, second = touched(stds[:-1]), touched(stds[1:])
    sides = means[:-1] + first, means[1:] + second, means[1:] - second, means[:-1] - first
    return np.stack(sides, axis=1)


def _cross(surface: pygame.Surface, look: Look, centre: paint.Point) -> None:
    (x, y), reach, colour = centre, look.px(7), look.theme.goal
    paint.stroke(surface, colour, [(x - reach, y), (x + reach, y)], 2 * look.unit)
    paint.stroke(surface, colour, [(x, y - reach), (x, y + reach)], 2 * look.unit)
    pygame.draw.circle(surface, colour, centre, look.px(10), width=look.px(1))
