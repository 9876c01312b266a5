"""The whole window: every panel in its place, drawn anew only where its values have changed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pygame

from .layout import Layout, arrange
from .look import DARK, Theme
from .panels import (
    belief,
    believed,
    control,
    goal,
    header,
    imagined,
    live,
    processes,
    strip,
    timing,
    toolbar,
    traces,
)
from .panels.overlays import draw_entry, draw_help
from .showing import NOWHERE, Showing
from .state import ViewerState


@dataclass(frozen=True)
class Panel:
    """``values`` of state and showing are what ``draw`` draws into the layout's rectangle of this
    ``name``, and nothing else."""

    name: str
    values: Callable[[ViewerState, Showing], tuple]
    draw: Callable[..., None]


PANELS = (
    Panel("header", header.values, header.draw),
    Panel("toolbar", toolbar.values, toolbar.draw),
    Panel("live", live.values, live.draw),
    Panel("goal", goal.values, goal.draw),
    Panel("believed", believed.values, believed.draw),
    Panel("imagined", imagined.values, imagined.draw),
    Panel("latent", belief.values, belief.draw),
    Panel("distance", traces.distance_values, traces.draw_distance),
    Panel("control", control.values, control.draw),
    Panel("free_energy", traces.energy_values, traces.draw_energy),
    Panel("surprise", traces.surprise_values, traces.draw_surprise),
    Panel("timing", timing.values, timing.draw),
    Panel("processes", processes.values, processes.draw),
    Panel("strip", strip.values, strip.draw),
)


class Board:
    """Draws the window. It keeps the picture of the panels, so that what has not changed costs
    nothing; help and entry are laid over it."""

    def __init__(self, theme: Theme = DARK, toolbar: bool = True) -> None:
        self.theme, self._toolbar = theme, toolbar
        self._canvas = pygame.Surface((0, 0))
        self._layout: Layout | None = None
        self._drawn: dict[str, tuple] = {}
        self._target: pygame.Surface | None = None
        self._covered = False  # by help or entry, as last shown

    def layout(self, size: tuple[int, int]) -> Layout:
        """Where everything is in a window of ``size``."""
        known = self._layout
        if known is None or self._canvas.get_size() != size or known.look.theme is not self.theme:
            self._layout = known = arrange(*size, self.theme, self._toolbar)
            self._canvas = pygame.Surface(size)
            self._canvas.fill(self.theme.background)
            self._drawn, self._target = {}, None
        return known

    def draw(
        self, surface: pygame.Surface, state: ViewerState, showing: Showing
    ) -> list[pygame.Rect]:
        """Draw onto ``surface``, which holds what was last drawn there; returns what changed."""
        layout, changed = self.layout(surface.get_size()), []
        for panel in PANELS:
            rect = getattr(layout, panel.name)
            values = panel.values(state, _beside(showing, rect))
            if rect.height and not _same(values, self._drawn.get(panel.name)):
                self._drawn[panel.name] = values
                self._canvas.set_clip(rect)
                self._canvas.fill(self.theme.background)
                panel.draw(self._canvas, rect, layout.look, *values)
                changed.append(rect)
        self._canvas.set_clip(None)
        covers = showing.entry is not None or bool(showing.help)
        if covers or self._covered or surface is not self._target:
            changed = [surface.get_rect()]
        self._target, self._covered = surface, covers
        for rect in changed:
            surface.blit(self._canvas, rect, rect)
        if showing.help:
            draw_help(surface, surface.get_rect(), layout.look, showing.help)
        elif showing.entry is not None:
            area = surface.get_rect()
            draw_entry(surface, area, layout.look, showing.entry, showing.entry_hint)
        return changed


def _beside(showing: Showing, rect: pygame.Rect) -> Showing:
    """A mouse that is elsewhere is nowhere to a panel."""
    if showing.pointer == NOWHERE or rect.collidepoint(showing.pointer):
        return showing
    return replace(showing, pointer=NOWHERE)


def _same(values: tuple, before: tuple | None) -> bool:
    """Whether nothing is different; arrays are the same only if they are one."""
    return before is not None and all(map(_equal, values, before))


def _equal(first: Any, second: Any) -> bool:
    return first is second or (not isinstance(first, np.ndarray) and first == second)
