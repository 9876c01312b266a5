"""Where everything is in a window of any size."""

from dataclasses import dataclass

from pygame import Rect

from .paint import CARD_SIDE, CARD_TOP

SIZE = (960, 640)
SMALLEST = (760, 560)

_MARGIN = 10
_HEADER = 44
_STRIP = 100
_CARD_WIDTH, _CARD_HEIGHT = 2 * CARD_SIDE, CARD_TOP + CARD_SIDE  # added around a picture


@dataclass(frozen=True)
class Layout:
    """Rectangles in pixels of the window."""

    header: Rect
    camera: Rect
    goal: Rect
    belief: Rect
    figures: Rect
    distance: Rect
    control: Rect
    strip: Rect


def arrange(width: int, height: int) -> Layout:
    """Lay out a window of ``width`` by ``height``; below :data:`SMALLEST` it is cut off."""
    width, height = max(width, SMALLEST[0]), max(height, SMALLEST[1])
    inner = Rect(_MARGIN, _HEADER, width - 2 * _MARGIN, height - _HEADER - _MARGIN)
    strip = Rect(inner.x, inner.bottom - _STRIP, inner.width, _STRIP)
    body = Rect(inner.x, inner.y, inner.width, strip.y - inner.y - _MARGIN)

    left_width = round(0.56 * body.width)
    top_height = min(round(0.55 * body.height), left_width // 2)
    camera = Rect(body.x, body.y, top_height - _CARD_HEIGHT + _CARD_WIDTH, top_height)
    beside = camera.right + _MARGIN
    beside_width = body.x + left_width - beside
    goal = Rect(beside, body.y, beside_width, round(0.42 * top_height))
    figures = _below(goal, beside_width, camera.bottom)

    plots_height = body.bottom - camera.bottom - 2 * _MARGIN
    distance = Rect(body.x, camera.bottom + _MARGIN, left_width, round(0.53 * plots_height))
    control = _below(distance, left_width, body.bottom)

    belief_x = body.x + left_width + _MARGIN
    return Layout(
        header=Rect(_MARGIN, 0, inner.width, _HEADER),
        camera=camera,
        goal=goal,
        belief=Rect(belief_x, body.y, body.right - belief_x, body.height),
        figures=figures,
        distance=distance,
        control=control,
        strip=strip,
    )


def _below(upper: Rect, width: int, bottom: int) -> Rect:
    """What lies under ``upper`` down to ``bottom``."""
    top = upper.bottom + _MARGIN
    return Rect(upper.x, top, width, bottom - top)
