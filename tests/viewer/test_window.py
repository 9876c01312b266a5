"""The viewer's process: what it does with the user's clicks and keys."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pygame
import pytest
from jopa_agent.agent.viewer import window
from jopa_agent.agent.viewer.layout import SIZE, arrange
from jopa_agent.agent.viewer.state import ViewerState
from jopa_agent.agent.viewer.strip import places
from jopa_agent.transport.messages import FIRST_EPOCH, Goal
from jopa_agent.transport.streams import Received

from .conftest import Feed, messages_of, picture


def press(key: int) -> pygame.event.Event:
    return pygame.event.Event(pygame.KEYDOWN, key=key)


def click(point: tuple[int, int], button: int = pygame.BUTTON_LEFT) -> pygame.event.Event:
    return pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=point, button=button)


@pytest.mark.parametrize("size", [SIZE, (1280, 720)])
def test_a_click_on_a_frame_makes_exactly_that_frame_the_goal(
    state: ViewerState, feed: Feed, size: tuple[int, int]
):
    feed(range(200))
    on_offer = [each for group in places(arrange(*size).strip, state) for each in group]
    for count, (rect, thumbnail) in enumerate(on_offer, start=1):
        assert window.answer(click(rect.center), state, size)
        assert state.goal is thumbnail
        unanswered = state.unanswered_goal()
        assert unanswered is not None
        epoch, goal = unanswered
        assert epoch == FIRST_EPOCH + count
        np.testing.assert_array_equal(goal.image, thumbnail.image)


def test_other_clicks_change_nothing(state: ViewerState, feed: Feed):
    feed(range(200))
    rect, _ = places(arrange(*SIZE).strip, state)[1][0]
    assert window.answer(click((rect.right + 3, rect.centery)), state, SIZE)
    assert window.answer(click(rect.center, pygame.BUTTON_RIGHT), state, SIZE)
    assert window.answer(click((5, 5)), state, SIZE)
    assert state.unanswered_goal() is None


def test_only_a_closed_window_q_and_escape_end_the_run(state: ViewerState):
    assert not window.answer(press(pygame.K_q), state, SIZE)
    assert not window.answer(press(pygame.K_ESCAPE), state, SIZE)
    assert not window.answer(pygame.event.Event(pygame.QUIT), state, SIZE)
    assert window.answer(press(pygame.K_SPACE), state, SIZE)


class ScriptedChild:
    """A process whose supervisor and peers follow a script: one step a refresh of the window."""

    def __init__(self) -> None:
        limit = np.array([2.0], np.float32)
        self.launch = SimpleNamespace(
            body=SimpleNamespace(
                name="pendulum", period_s=0.05, control_low=-limit, control_high=limit
            ),
            settings=SimpleNamespace(run=SimpleNamespace(goal="upright")),
            goal=picture(0),
        )
        self.tick = -1
        self.sent: list[tuple[str, Goal, int]] = []
        self.ended: str | None = None
        self._refreshes = 0

    def start(self) -> None:
        pass

    def done(self, note: str) -> None:
        self.ended = note

    def publish(self, stream: str, message: Goal, epoch: int) -> None:
        self.sent.append((stream, message, epoch))

    def messages(self, until_ns: int) -> Iterator[Received]:  # noqa: ARG002
        """A frame a refresh; a click at the third, an answer to the goal at last, then the end."""
        yield from (Received(*each) for each in messages_of(self._refreshes, self._answered()))
        self._refreshes += 1
        if self._refreshes == 3:
            strip = arrange(*SIZE).strip
            pygame.event.post(click((strip.x + 20, strip.y + 40)))
        if self._refreshes == 60:
            pygame.event.post(press(pygame.K_q))

    def _answered(self) -> int:
        return self.sent[-1][2] if self._refreshes > 50 else FIRST_EPOCH


def test_a_run_in_the_window_from_start_to_end():
    child: Any = ScriptedChild()
    window.main(child)
    assert child.ended == "the window was closed"
    assert child.tick == 59
    assert child.sent
    for stream, goal, epoch in child.sent:
        assert (stream, epoch) == ("goal", FIRST_EPOCH + 1)
        np.testing.assert_array_equal(goal.image, picture(0))
    assert not pygame.display.get_init()


def test_without_a_display_the_reason_is_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "nonsense")
    child: Any = ScriptedChild()
    with pytest.raises(ValueError, match=r"no window can be opened .*--headless"):
        window.main(child)
    assert child.ended is None
