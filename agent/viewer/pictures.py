"""From arrays to surfaces that a person can look at."""

from collections import OrderedDict

import numpy as np
import pygame

from ...transport.pictures import in_colours
from .look import Colour

_FULL_TINT = 96  # gray levels of doubt that are drawn in the tint's own colour
_MOST_TINT = 0.9


def tinted(image: np.ndarray, doubt: np.ndarray, colour: Colour) -> np.ndarray:
    """``image`` as :func:`in_colours`, with ``colour`` laid over it where ``doubt`` (of the same
    shape, in gray levels) is large."""
    share = np.minimum(doubt.max(-1, keepdims=True) / _FULL_TINT, _MOST_TINT)
    mixed = in_colours(image) * (1 - share) + np.array(colour, np.float32) * share
    return mixed.astype(np.uint8)


def faded(image: np.ndarray, towards: Colour, share: float) -> np.ndarray:
    """``image`` as :func:`in_colours`, faded ``towards`` a colour by a ``share`` from 0 to 1."""
    return (in_colours(image) * (1 - share) + np.array(towards) * share).astype(np.uint8)


def placed(rect: pygame.Rect, shape: tuple[int, ...]) -> pygame.Rect:
    """The largest rectangle of a picture's proportions in the middle of ``rect``."""
    height, width = shape[:2]
    scale = min(rect.width / width, rect.height / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    where = pygame.Rect((0, 0), size)
    where.center = rect.center
    return where


def surface_of(colours: np.ndarray, size: tuple[int, int]) -> pygame.Surface:
    """Colours uint8 ``(height, width, 3)`` in hard pixels at a ``size``."""
    small = pygame.surfarray.make_surface(colours.swapaxes(0, 1))
    return pygame.transform.scale(small, size)


def show(
    surface: pygame.Surface, rect: pygame.Rect, image: np.ndarray, outline: Colour
) -> pygame.Rect:
    """Draw ``image`` as large as ``rect`` lets, with an ``outline``; returns where it is."""
    where = placed(rect, image.shape)
    surface.blit(surface_of(in_colours(image), where.size), where)
    pygame.draw.rect(surface, outline, where, 1)
    return where


class Kept:
    """Pictures that are drawn again and again, as surfaces, at most so many of them."""

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._kept: OrderedDict[tuple, tuple[np.ndarray, pygame.Surface]] = OrderedDict()

    def surface(
        self, image: np.ndarray, size: tuple[int, int], towards: Colour | None = None
    ) -> pygame.Surface:
        """``image`` at ``size``, half faded ``towards`` a colour if there is one."""
        key = (id(image), size, towards)
        found = self._kept.pop(key, None)
        if found is None:
            colours = in_colours(image) if towards is None else faded(image, towards, 0.5)
            found = image, surface_of(colours, size)  # the image is kept, or its id would be reused
        self._kept[key] = found
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return found[1]
