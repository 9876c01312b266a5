"""The viewer: a window on the run. It draws what it receives, sends wishes, and decides nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
os.environ.setdefault("SDL_VIDEO_X11_WMCLASS", "jopa-agent")
os.environ.setdefault("SDL_NO_SIGNAL_HANDLERS", "1")  # signals are the runtime's to answer
# What has changed is copied to the window; OpenGL would draw all of it anew, by the processor where
# there is no graphics card.
os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")

import pygame

from ...transport.clock import now_ns
from .answer import answer
from .controls import Right
from .desk import Desk, Source
from .gallery import Thumbnail
from .layout import WINDOW
from .rhythm import REFRESH_NS, Rhythm
from .showing import Showing
from .state import ViewerState
from .switches import Switches

if TYPE_CHECKING:
    from ..runtime.process import Child

_CLOSED = "the window was closed"
_STARTING = "the run has not started yet"
GO_ON = "go on"
"""What ``run.on_close`` is called where a run outlives its window."""


def main(child: Child) -> None:
    """Show the run from its start until it ends or the user closes the window, which ends the run,
    or lets it go on, as ``run.on_close`` says.

    Raises ``ValueError`` in one line where no window can be opened.
    """
    launch = child.launch
    run = launch.settings.run
    goes_on = getattr(run, "on_close", "end") == GO_ON
    state = ViewerState(
        launch.body.name,
        launch.body.period_s,
        launch.body.control_low,
        launch.body.control_high,
        Thumbnail(launch.goal, run.goal),
        Switches(learn=run.learn, record=run.record),
    )
    quitting = "close the window; the run goes on" if goes_on else "end the run"
    desk = Desk(state, child, Right.HOST, Path(child.run), quitting)
    desk.draggable = launch.body.draggable
    find_display()
    try:
        open_window(state.body)
        if await_start(child, desk, goes_on):
            show(child, desk)
    finally:
        desk.viewing.film.finish()
        pygame.quit()
    if goes_on:
        child.leave(_CLOSED)
    else:
        child.done(_CLOSED)


def await_start(child: Child, desk: Desk, goes_on: bool) -> bool:
    """Show how the processes start until they have; False when the user closes the window.

    Where the run ``goes_on`` without it, the others are waited for all the same: they wait for it.
    """
    desk.right, desk.refusal = Right.WATCH, _STARTING
    _draw(desk)
    closed, next_ns = False, now_ns() + REFRESH_NS
    for received in child.starting():
        if received:
            desk.state.take(received.header, received.message)
        if not closed and now_ns() >= next_ns:
            next_ns = now_ns() + REFRESH_NS
            closed = not _answer_all(desk)
            if not closed:
                _draw(desk)
            elif goes_on:
                pygame.display.quit()
            else:
                return False
    desk.right, desk.refusal = Right.HOST, ""
    return not closed


def show(source: Source, desk: Desk) -> None:
    """Answer the user, send wishes, listen, draw; until the user asks to end."""
    rhythm = Rhythm(desk.state)
    while True:
        if not _answer_all(desk):
            return
        desk.refresh(now_ns())
        rhythm.await_turn(source)
        source.tick = desk.state.tick
        began_ns = now_ns()
        _draw(desk)
        rhythm.drew(began_ns)


def _answer_all(desk: Desk) -> bool:
    """Answer what the user did; clicks meet the window as it was drawn."""
    size = pygame.display.get_window_size()
    going = all(answer(event, desk, size) for event in pygame.event.get())
    if desk.entry:
        desk.entry.opened()
    return going


def _draw(desk: Desk) -> None:
    surface, now = pygame.display.get_surface(), now_ns()
    pointer = pygame.mouse.get_pos()
    showing: Showing = desk.showing(now, pointer)
    changed = desk.viewing.board.draw(surface, desk.state, showing)
    desk.viewing.drawn(surface, now)
    pygame.display.update(changed)


def open_window(title: str) -> None:
    """Open the window, which can be resized."""
    pygame.display.set_caption(f"jopa-agent: {title}")
    pygame.display.set_mode(WINDOW, pygame.RESIZABLE)


def find_display() -> None:
    """Get the display ready; ``ValueError`` in one line where there is none."""
    try:
        pygame.display.init()
    except pygame.error as error:
        raise ValueError(f"no window can be opened ({error}): run with --headless") from None
    pygame.font.init()
