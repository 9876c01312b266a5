"""A recorded run in the viewer's window, to be played, paused and searched."""

from __future__ import annotations

import os
from bisect import bisect_right

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

import pygame

from ...transport.clock import NS_PER_S
from ...transport.messages import Frame
from ...transport.recording import Recorded, RecordingError
from ..output import OutputError
from ..runs.recorded import RecordedRun
from . import paint
from .draw import draw
from .film import state_of
from .layout import SIZE
from .player import Player
from .state import WINDOW_S

_BAR = 44  # pixels below the viewer's own picture
_REFRESH_HZ = 30
_KEYS = "Space: play or pause; arrows: step, speed; Q or Esc: close"


def show(run: RecordedRun, speed: float) -> None:
    """Show ``run`` until the user closes the window; :class:`OutputError` where none opens."""
    script = Script(run)
    try:
        pygame.display.init()
        pygame.font.init()
        pygame.display.set_mode((SIZE[0], SIZE[1] + _BAR), pygame.RESIZABLE)
    except pygame.error as error:
        raise OutputError(f"no window can be opened ({error}): try 'export --gif'") from None
    try:
        pygame.display.set_caption(f"jopa-agent: {run.launch.body.name}, recorded")
        _play(script, Player(script.length_s, run.launch.body.period_s, speed))
    finally:
        pygame.quit()


class Script:
    """All messages of a run, and what the window shows after those of any moment."""

    def __init__(self, run: RecordedRun) -> None:
        self._run = run
        self._messages: list[Recorded] = list(run)
        if not self._messages:
            raise RecordingError("the recording holds no message")
        first = self._messages[0].arrived_ns
        self._times = [(each.arrived_ns - first) / NS_PER_S for each in self._messages]
        self._shown = 0
        self._state = state_of(run)
        self._stamp_ns = 0

    @property
    def length_s(self) -> float:
        return self._times[-1]

    def draw(self, surface: pygame.Surface, position_s: float) -> None:
        """Draw the window as it was at ``position_s``."""
        wanted = bisect_right(self._times, position_s)
        if wanted < self._shown:  # back: from as far before as the window's plots reach
            self._state = state_of(self._run)
            self._shown = bisect_right(self._times, position_s - WINDOW_S - 1)
        for each in self._messages[self._shown : wanted]:
            self._state.take(each.header, each.message)
            if isinstance(each.message, Frame):
                self._stamp_ns = each.header.stamp_ns
        self._shown = wanted
        draw(surface, self._state, self._stamp_ns, (-1, -1), _KEYS)


def draw_bar(surface: pygame.Surface, area: pygame.Rect, player: Player) -> pygame.Rect:
    """Draw position and speed into ``area``; returns where the mouse takes hold of it."""
    pygame.draw.rect(surface, paint.BACKGROUND, area)
    words = f"{player.position_s:.1f} / {player.length_s:.1f} s   ×{player.speed:g}"
    words += "" if player.playing else "   paused"
    label = paint.text(
        surface, words, (area.right - 12, area.centery), paint.SMALL, anchor="midright"
    )
    bar = pygame.Rect(area.x + 12, area.centery - 8, label.x - area.x - 36, 16)
    line = bar.inflate(0, -10)
    pygame.draw.rect(surface, paint.MUTED, line, border_radius=3)
    done = player.position_s / player.length_s if player.length_s else 1.0
    x = bar.x + round(done * bar.width)
    pygame.draw.rect(surface, paint.GOAL, (line.x, line.y, x - line.x, line.height), 0, 3)
    pygame.draw.circle(surface, paint.GOAL, (x, bar.centery), 7)
    return bar


def _play(script: Script, player: Player) -> None:
    clock, bar = pygame.time.Clock(), pygame.Rect(0, 0, 1, 1)
    while True:
        if not all(player.answer(event, bar) for event in pygame.event.get()):
            return
        player.advance(clock.tick(_REFRESH_HZ) / 1000)
        surface = pygame.display.get_surface()
        width, height = surface.get_size()
        upper = pygame.Rect(0, 0, width, max(1, height - _BAR))
        script.draw(surface.subsurface(upper), player.position_s)
        bar = draw_bar(surface, pygame.Rect(0, upper.bottom, width, _BAR), player)
        pygame.display.flip()
