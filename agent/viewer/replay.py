"""A recorded run in the viewer's window, to be played, paused and searched."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

import pygame

from ...transport.clock import NS_PER_S, now_ns
from ...transport.messages import Frame
from ...transport.recording import Recorded, RecordingError
from ..output import OutputError
from ..runs.recorded import RecordedRun
from . import paint
from .controls import REPLAY, REPLAY_MOUSE, button_of, control_of, help_rows
from .film import state_of
from .layout import WINDOW
from .look import Look, unit_of
from .panels.toolbar import button_at
from .player import Player
from .showing import Button, Showing
from .state import WINDOW_S, ViewerState
from .viewing import Viewing

_NEEDED = ("frame", "belief")
_LASTING = ("goal", "order", "pace")  # that say how it is until they say otherwise
_SHOWN = (
    *_NEEDED, *_LASTING, "plan", "command", "imagined", "offer", "status", "peer", "push",
)  # fmt: skip
_BEFORE_NS = round((WINDOW_S + 1) * NS_PER_S)  # as far as the window's plots reach
_BAR = 44  # pixels below the viewer's own picture, at unit 1
_REFRESH_HZ = 30


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
        pygame.display.set_mode((WINDOW[0], WINDOW[1] + _BAR), pygame.RESIZABLE)
    except pygame.error as error:
        raise OutputError(f"no window can be opened ({error}): try 'export --gif'") from None
    viewing = Viewing(Path.cwd())
    try:
        pygame.display.set_caption(f"jopa-agent: {run.launch.body.name}, recorded")
        _play(script, Player(script.length_s, run.launch.body.period_s, speed), viewing)
    finally:
        viewing.film.finish()
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

    def at(self, position_s: float) -> tuple[ViewerState, int]:
        """What the window knew at ``position_s``, and the newest frame's stamp."""
        wanted_ns = self._begun_ns + round(position_s * NS_PER_S)
        if not 0 <= wanted_ns - self._shown_ns <= _BEFORE_NS:
            self._begin(max(self._begun_ns, wanted_ns - _BEFORE_NS))
        while self._next is not None and self._next.arrived_ns <= wanted_ns:
            self._take(self._next)
            self._next = next(self._messages, None)
        self._shown_ns = wanted_ns
        return self._state, self._stamp_ns

    def _begin(self, moment_ns: int) -> None:
        """Know what is shown from a moment on; from before, the goal and the switches alone."""
        self._state, self._stamp_ns = state_of(self._run), 0
        self._shown_ns = moment_ns
        recording = self._run.recording
        lasting = [each for each in _LASTING if each in self._streams]
        for before in recording.messages(lasting, until_ns=moment_ns - 1) if lasting else ():
            self._take(before)
        self._messages = recording.messages(self._streams, since_ns=moment_ns)
        self._next = next(self._messages, None)

    def _take(self, recorded: Recorded) -> None:
        self._state.take(recorded.header, recorded.message)
        if isinstance(recorded.message, Frame):
            self._stamp_ns = recorded.header.stamp_ns


def draw_bar(surface: pygame.Surface, area: pygame.Rect, look: Look, player: Player) -> pygame.Rect:
    """Draw position and speed into ``area``; returns where the mouse takes hold of it."""
    theme = look.theme
    pygame.draw.rect(surface, theme.background, area)
    words = f"{player.position_s:.1f} / {player.length_s:.1f} s   ×{player.speed:g}"
    words += "" if player.playing else "   paused"
    place = (area.right - look.px(12), area.centery)
    label = paint.text(surface, words, place, look.small, theme.text, anchor="midright")
    height = look.px(16)
    x = area.x + look.px(12)
    bar = pygame.Rect(x, area.centery - height // 2, label.x - x - look.px(24), height)
    line = bar.inflate(0, -round(0.6 * height))
    pygame.draw.rect(surface, theme.raised, line, border_radius=look.px(3))
    done = player.position_s / player.length_s if player.length_s else 1.0
    at = bar.x + round(done * bar.width)
    played = pygame.Rect(line.x, line.y, at - line.x, line.height)
    pygame.draw.rect(surface, theme.goal, played, border_radius=look.px(3))
    paint.disc(surface, theme.goal, (at, bar.centery), look.px(7))
    return bar


def buttons(player: Player, filming: bool) -> tuple[Button, ...]:
    """The toolbar of a replay as it looks now."""
    return tuple(
        button_of(each, player.playing, on=filming if each.name == "film" else None)
        for each in REPLAY
    )


def answer(
    event: pygame.event.Event,
    player: Player,
    viewing: Viewing,
    upper: pygame.Rect,
    bar: pygame.Rect,
) -> bool:
    """Act on what the user did in a window of which ``upper`` is the viewer's own picture; False
    when it asks to end."""
    size, now = upper.size, now_ns()
    match event.type:
        case pygame.KEYDOWN if viewing.helping and event.key == pygame.K_ESCAPE:
            viewing.helping = False
            return True
        case pygame.KEYDOWN:
            control = control_of(REPLAY, event.key)
            if control and viewing.do(control.name, size, now):
                return True
        case pygame.MOUSEBUTTONDOWN if viewing.helping:
            viewing.helping = False
            return True
        case pygame.MOUSEBUTTONDOWN if event.button == pygame.BUTTON_LEFT:
            layout = viewing.board.layout(size)
            shown = buttons(player, viewing.film.rolling)
            button = button_at(layout.toolbar, layout.look, shown, event.pos)
            control = next((each for each in REPLAY if button and each.name == button.name), None)
            if control:
                pressed = pygame.event.Event(pygame.KEYDOWN, key=control.keys[0], mod=0)
                return answer(pressed, player, viewing, upper, bar)
    return player.answer(event, bar)


def _play(script: Script, player: Player, viewing: Viewing) -> None:
    clock, bar = pygame.time.Clock(), pygame.Rect(0, 0, 1, 1)
    upper, area = _parts(pygame.display.get_window_size())
    while True:
        # the mouse meets the window as it was drawn
        for event in pygame.event.get():
            if not answer(event, player, viewing, upper, bar):
                return
        player.advance(clock.tick(_REFRESH_HZ) / 1000)
        surface = pygame.display.get_surface()
        upper, area = _parts(surface.get_size())
        state, stamp_ns = script.at(player.position_s)
        rows = help_rows(REPLAY, REPLAY_MOUSE) if viewing.helping else ()
        rolling, now = viewing.film.rolling, now_ns()
        showing = Showing(
            stamp_ns, pygame.mouse.get_pos(), buttons(player, rolling), viewing.notice(now),
            help=rows, filming=rolling,
        )  # fmt: skip
        board = viewing.board
        board.draw(surface.subsurface(upper), state, showing)
        bar = draw_bar(surface, area, board.layout(upper.size).look, player)
        viewing.drawn(surface, now)
        pygame.display.flip()


def _parts(size: tuple[int, int]) -> tuple[pygame.Rect, pygame.Rect]:
    """The viewer's own picture, and the bar below it."""
    width, height = size
    below = min(height - 1, round(_BAR * unit_of(width, height)))
    upper = pygame.Rect(0, 0, width, max(1, height - below))
    return upper, pygame.Rect(0, upper.bottom, width, height - upper.bottom)
