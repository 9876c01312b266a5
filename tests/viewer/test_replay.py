"""The replay's window: keys, the bar, and what is shown at a moment."""

from typing import Any

import numpy as np
import pygame
import pytest
from jopa_agent.agent.viewer import replay
from jopa_agent.agent.viewer.player import SPEEDS, Player
from jopa_agent.transport.recording import Recorded

from .conftest import PERIOD_NS, messages_of

BAR = pygame.Rect(100, 600, 400, 16)


def player() -> Player:
    return Player(10.0, 0.05, 1.0)


def press(to: Player, key: int, shift: bool = False) -> bool:
    mod = pygame.KMOD_SHIFT if shift else 0
    return to.answer(pygame.event.Event(pygame.KEYDOWN, key=key, mod=mod), BAR)


def mouse(to: Player, kind: int, x: int, y: int = 605) -> None:
    to.answer(pygame.event.Event(kind, pos=(x, y), button=pygame.BUTTON_LEFT), BAR)


def test_it_plays_at_its_speed_and_stops_at_the_end() -> None:
    shown = player()
    shown.advance(2.0)
    assert shown.position_s == 2.0
    press(shown, pygame.K_UP)
    shown.advance(2.0)
    assert shown.position_s == 6.0
    shown.advance(100.0)
    assert (shown.position_s, shown.playing) == (10.0, False)
    press(shown, pygame.K_SPACE)
    assert (shown.position_s, shown.playing) == (0.0, True)


def test_keys_pause_step_and_leap() -> None:
    shown = player()
    press(shown, pygame.K_RIGHT)
    assert (shown.position_s, shown.playing) == (0.05, False)
    press(shown, pygame.K_RIGHT, shift=True)
    assert shown.position_s == pytest.approx(1.05)
    press(shown, pygame.K_END)
    press(shown, pygame.K_LEFT)
    assert shown.position_s == pytest.approx(9.95)
    press(shown, pygame.K_HOME)
    press(shown, pygame.K_LEFT)
    assert shown.position_s == 0.0
    for _ in range(20):
        press(shown, pygame.K_DOWN)
    assert shown.speed == SPEEDS[0]
    assert not press(shown, pygame.K_ESCAPE)


def test_the_mouse_goes_where_it_is_on_the_bar() -> None:
    shown = player()
    mouse(shown, pygame.MOUSEBUTTONDOWN, 300)
    assert shown.position_s == 5.0
    shown.advance(1.0)
    assert shown.position_s == 5.0
    mouse(shown, pygame.MOUSEMOTION, 900)
    assert shown.position_s == 10.0
    mouse(shown, pygame.MOUSEBUTTONUP, 900)
    mouse(shown, pygame.MOUSEMOTION, 100)
    assert shown.position_s == 10.0
    mouse(shown, pygame.MOUSEBUTTONDOWN, 300, y=100)
    assert shown.position_s == 10.0


class Run:
    """A recorded run of ticks whose pictures are known."""

    def __init__(self, ticks: int) -> None:
        self._ticks = ticks

    def __iter__(self) -> Any:
        for tick in range(self._ticks):
            for header, message in messages_of(tick):
                yield Recorded("", 10**9 + tick * PERIOD_NS, header, message)


def test_a_moment_looks_the_same_from_both_sides(
    monkeypatch: pytest.MonkeyPatch, state: Any, surface: pygame.Surface
) -> None:
    def fresh(_: Any) -> Any:
        return type(state)("pendulum", 0.05, state.control_low, state.control_high, state.goal)

    monkeypatch.setattr(replay, "state_of", fresh)
    run: Any = Run(600)
    onward, back = replay.Script(run), replay.Script(run)
    assert onward.length_s == pytest.approx(599 * 0.05)
    onward.draw(surface, 25.0)
    seen = pygame.surfarray.array3d(surface)
    back.draw(surface, 29.0)
    assert not np.array_equal(pygame.surfarray.array3d(surface), seen)
    back.draw(surface, 25.0)
    again = pygame.surfarray.array3d(surface)
    # what both have seen for as long as the plots reach; the gallery of frames may differ
    np.testing.assert_array_equal(again[:540, :520], seen[:540, :520])


def test_the_bar_fits_beside_its_words(surface: pygame.Surface) -> None:
    area = pygame.Rect(0, 596, 960, 44)
    bar = replay.draw_bar(surface, area, player())
    assert area.contains(bar)
    assert bar.width > 500
