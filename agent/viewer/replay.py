"""A recorded run in the viewer's window, to be played, paused and searched."""

from __future__ import annotations

import os
import sys

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
from .gallery import Thumbnail
from .layout import SIZE
from .player import Player
from .state import WINDOW_S

_NEEDED = ("frame", "belief")
_SHOWN = (*_NEEDED, "plan", "command", "goal")
_BEFORE_NS = round((WINDOW_S + 1) * NS_PER_S)  # as far as the window's plots reach
_BAR = 44  # pixels below the viewer's own picture
_REFRESH_HZ = 30
_KEYS = "Space: play or pause; arrows: step, speed; Q or Esc: close"


def show(run: RecordedRun, speed: float) -> None:
    """Show ``run`` until the user closes the window; :class:`OutputError` where none opens.

    What the window does not need is left out where another version has written it, and said to be.
    """
    for line in run.passed_over(_NEEDED):
        print(f"jopa-agent: {line}", file=sys.stderr)
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
    """What the window shows at any moment of a run; only messages of that moment are in memory."""

    def __init__(self, run: RecordedRun) -> None:
        self._run = run
        span_ns = run.recording.span_ns
        if span_ns is None:
            raise RecordingError("the recording holds no message")
        self._begun_ns, self._ended_ns = span_ns
        self._streams = [each for each in _SHOWN if each not in run.recording.foreign]
        self._begin(self._begun_ns)

    @property
    def length_s(self) -> float:
        return (self._ended_ns - self._begun_ns) / NS_PER_S

    @property
    def goal(self) -> Thumbnail:
        """Of the moment that is shown."""
        return self._state.goal

    def draw(self, surface: pygame.Surface, position_s: float) -> None:
        """Draw the window as it was at ``position_s``."""
        wanted_ns = self._begun_ns + round(position_s * NS_PER_S)
        if not 0 <= wanted_ns - self._shown_ns <= _BEFORE_NS:
            self._begin(max(self._begun_ns, wanted_ns - _BEFORE_NS))
        while self._next is not None and self._next.arrived_ns <= wanted_ns:
            self._take(self._next)
            self._next = next(self._messages, None)
        self._shown_ns = wanted_ns
        draw(surface, self._state, self._stamp_ns, (-1, -1), _KEYS)

    def _begin(self, moment_ns: int) -> None:
        """Know what is shown from a moment on: the goal of then, and nothing else from before."""
        self._state, self._stamp_ns = state_of(self._run), 0
        self._shown_ns = moment_ns
        recording = self._run.recording
        if "goal" in self._streams:
            for goal in recording.messages(["goal"], until_ns=moment_ns - 1):
                self._take(goal)
        self._messages = recording.messages(self._streams, since_ns=moment_ns)
        self._next = next(self._messages, None)

    def _take(self, recorded: Recorded) -> None:
        self._state.take(recorded.header, recorded.message)
        if isinstance(recorded.message, Frame):
            self._stamp_ns = recorded.header.stamp_ns


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
