"""The viewer: a window on the run. It draws what it receives, sends goals, and decides nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
os.environ.setdefault("SDL_NO_SIGNAL_HANDLERS", "1")  # signals are the runtime's to answer

import pygame

from ...transport.clock import NS_PER_MS, now_ns
from .draw import draw
from .gallery import Thumbnail
from .layout import SIZE, arrange
from .state import ViewerState
from .strip import thumbnail_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...transport.messages import Goal
    from ...transport.streams import Received
    from ..runtime.process import Child

_REFRESH_NS = 40 * NS_PER_MS
_GOAL_EVERY_NS = 100 * NS_PER_MS
_QUIT_KEYS = (pygame.K_q, pygame.K_ESCAPE)


class Source(Protocol):
    """Where messages come from, and goals go to: a process of the run, or the port of one."""

    tick: int

    def publish(self, stream: str, message: Goal, *, epoch: int) -> None: ...

    def messages(self, until_ns: int) -> Iterator[Received]: ...


def main(child: Child) -> None:
    """Show the run until it ends or the user ends it.

    Raises ``ValueError`` in one line where no window can be opened.
    """
    launch = child.launch
    state = ViewerState(
        launch.body.name,
        launch.body.period_s,
        launch.body.control_low,
        launch.body.control_high,
        Thumbnail(launch.goal, launch.settings.run.goal),
    )
    find_display()
    try:
        child.start()
        show(child, state)
    finally:
        pygame.quit()
    child.done("the window was closed")


def answer(event: pygame.event.Event, state: ViewerState, size: tuple[int, int]) -> bool:
    """Act on what the user did in a window of ``size``; False when it asks to end the run."""
    match event.type:
        case pygame.QUIT:
            return False
        case pygame.KEYDOWN:
            return event.key not in _QUIT_KEYS
        case pygame.MOUSEBUTTONDOWN if event.button == pygame.BUTTON_LEFT:
            chosen = thumbnail_at(arrange(*size).strip, state, event.pos)
            if chosen is not None:
                state.choose(chosen)
    return True


def show(child: Source, state: ViewerState) -> None:
    """Answer the user, send the goal, listen, draw; until the user asks to end."""
    pygame.display.set_caption(f"jopa-agent: {state.body}")
    pygame.display.set_mode(SIZE, pygame.RESIZABLE)
    sent_epoch, next_goal_ns = state.epoch, 0
    while True:
        # Clicks meet the window as it was drawn: they are answered before it changes.
        size = pygame.display.get_window_size()
        if not all(answer(event, state, size) for event in pygame.event.get()):
            return
        unanswered = state.unanswered_goal()
        if unanswered and (unanswered[0] != sent_epoch or now_ns() >= next_goal_ns):
            sent_epoch, goal = unanswered
            child.publish("goal", goal, epoch=sent_epoch)
            next_goal_ns = now_ns() + _GOAL_EVERY_NS
        for received in child.messages(now_ns() + _REFRESH_NS):
            state.take(received.header, received.message)
        child.tick = state.tick
        draw(pygame.display.get_surface(), state, now_ns(), pygame.mouse.get_pos())
        pygame.display.flip()


def find_display() -> None:
    """Get the display ready; ``ValueError`` in one line where there is none."""
    try:
        pygame.display.init()
    except pygame.error as error:
        raise ValueError(f"no window can be opened ({error}): run with --headless") from None
    pygame.font.init()
