"""Axes: from a panel's rectangle and a range of numbers to pixels, grid and labels."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pygame

from . import paint
from .look import Colour, Look
from .paint import Point


@dataclass(frozen=True)
class Axes:
    """The range ``x`` by ``y`` mapped onto ``rect``; larger ``y`` is higher up."""

    rect: pygame.Rect
    x: tuple[float, float]
    y: tuple[float, float]

    def points(self, x: np.ndarray, y: np.ndarray) -> list[Point]:
        """Pixels of the points ``x``, ``y`` (n,), held within one width of ``rect``."""
        across = (np.asarray(x) - self.x[0]) / (self.x[1] - self.x[0])
        up = (np.asarray(y) - self.y[0]) / (self.y[1] - self.y[0])
        columns = self.rect.left + self.rect.width * np.clip(across, -1, 2)
        rows = self.rect.bottom - self.rect.height * np.clip(up, -1, 2)
        return list(zip(columns.tolist(), rows.tolist(), strict=True))

    def point(self, x: float, y: float) -> Point:
        """As :meth:`points`, of one."""
        across = (float(x) - self.x[0]) / (self.x[1] - self.x[0])
        up = (float(y) - self.y[0]) / (self.y[1] - self.y[0])
        column = self.rect.left + self.rect.width * min(max(across, -1.0), 2.0)
        return column, self.rect.bottom - self.rect.height * min(max(up, -1.0), 2.0)

    def rows(self, surface: pygame.Surface, look: Look, values: Iterable[float]) -> None:
        """Grid lines across at ``values``, labelled on the left."""
        for value in values:
            _, row = self.point(self.x[0], value)
            start, end = (self.rect.left, row), (self.rect.right - 1, row)
            pygame.draw.line(surface, look.theme.grid, start, end)
            place, words = (self.rect.left - look.px(6), row), paint.number(value)
            paint.text(surface, words, place, look.small, look.theme.muted, anchor="midright")

    def columns(
        self, surface: pygame.Surface, look: Look, values: Iterable[float], labelled: bool = True
    ) -> None:
        """Grid lines upwards at ``values``, labelled below."""
        for value in values:
            column, _ = self.point(value, self.y[0])
            top, bottom = (column, self.rect.top), (column, self.rect.bottom - 1)
            pygame.draw.line(surface, look.theme.grid, top, bottom)
            if labelled:
                place, words = (column, bottom[1] + look.px(3)), paint.number(value)
                paint.text(surface, words, place, look.small, look.theme.muted, anchor="midtop")

    def line(
        self, surface: pygame.Surface, look: Look, colour: Colour, x: np.ndarray, y: np.ndarray
    ) -> None:
        """A line through the points, cut at the edge of the axes."""
        clip = surface.get_clip()
        surface.set_clip(self.rect.inflate(2, 2).clip(clip))
        paint.stroke(surface, colour, self.points(x, y), 1.8 * look.unit)
        surface.set_clip(clip)


def round_steps(low: float, high: float, about: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten within ``low`` ... ``high``, some ``about``."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]
