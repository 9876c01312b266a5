"""The viewer's process, from its start to its end."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pygame
import pytest
from jopa_agent.agent.viewer import window
from jopa_agent.agent.viewer.layout import WINDOW, arrange
from jopa_agent.transport.messages import (
    FIRST_EPOCH,
    Goal,
    Header,
    Message,
    State,
    Status,
)
from jopa_agent.transport.streams import Received

from .conftest import messages_of, picture


def press(key: int) -> pygame.event.Event:
    return pygame.event.Event(pygame.KEYDOWN, key=key)


class ScriptedChild:
    """A process whose supervisor and peers follow a script: ``acts`` says what the user does at
    which refresh; the run starts after some statuses."""

    def __init__(
        self,
        folder: Path,
        acts: dict[int, Callable[[], Any]],
        on_close: str = "end",
        meanwhile: Callable[[], Any] = lambda: None,
    ) -> None:
        limit = np.array([2.0], np.float32)
        run = SimpleNamespace(goal="upright", learn=False, record=True, on_close=on_close)
        self.launch = SimpleNamespace(
            body=SimpleNamespace(
                name="pendulum",
                period_s=0.05,
                control_low=-limit,
                control_high=limit,
                draggable=True,
            ),
            settings=SimpleNamespace(run=run),
            goal=picture(0),
        )
        self.tick = -1
        self.run = folder
        self.sent: list[tuple[str, Message, int]] = []
        self.ended: tuple[str, str] | None = None
        self.answered_after = 10**6
        self._acts, self._meanwhile = acts, meanwhile
        self._refreshes = 0

    def starting(self) -> Iterator[Received | None]:
        yield None
        compiling = Status("inference", State.STARTING, False, 0, "compiling")
        yield Received(Header(0, 0, 0), compiling)
        self._meanwhile()
        yield None

    def done(self, note: str) -> None:
        self.ended = "done", note

    def leave(self, note: str) -> None:
        self.ended = "left", note

    def publish(self, stream: str, message: Message, tick: int = -1, epoch: int = 0) -> None:  # noqa: ARG002
        self.sent.append((stream, message, epoch))

    def messages(self, until_ns: int) -> Iterator[Received]:  # noqa: ARG002
        """A frame a refresh, and what the user does then."""
        answered = self._refreshes > self.answered_after and self.sent
        epoch = self.sent[-1][2] if answered else FIRST_EPOCH
        yield from (Received(*each) for each in messages_of(self._refreshes, epoch))
        self._refreshes += 1
        if self._refreshes in self._acts:
            self._acts[self._refreshes]()


def post(*events: pygame.event.Event) -> Callable[[], Any]:
    return lambda: [pygame.event.post(event) for event in events]


def click_first_frame() -> None:
    strip = arrange(*WINDOW).strip
    place = (strip.x + 20, strip.y + 40)
    pygame.event.post(
        pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=place, button=pygame.BUTTON_LEFT)
    )


def test_a_run_in_the_window_from_start_to_end(tmp_path: Path):
    child: Any = ScriptedChild(tmp_path, {3: click_first_frame, 60: post(press(pygame.K_q))})
    child.answered_after = 50
    window.main(child)
    assert child.ended == ("done", "the window was closed")
    assert child.tick == 59
    assert child.sent
    for stream, goal, epoch in child.sent:
        assert isinstance(goal, Goal)
        assert (stream, epoch) == ("goal", FIRST_EPOCH + 1)
        np.testing.assert_array_equal(goal.image, picture(0))
    assert not pygame.display.get_init()


def test_what_is_typed_goes_on_from_the_key_that_opened_the_line(tmp_path: Path):
    opening = press(pygame.K_g), pygame.event.Event(pygame.TEXTINPUT, text="g")
    letters = [pygame.event.Event(pygame.TEXTINPUT, text=each) for each in "goal"]
    acts = {
        2: post(*opening),
        3: post(*letters),
        4: post(press(pygame.K_RETURN)),
        5: post(pygame.event.Event(pygame.QUIT)),
    }
    child: Any = ScriptedChild(tmp_path, acts)
    window.main(child)
    assert [(stream, order.text) for stream, order, _ in child.sent] == [("order", "goal")]


def test_a_run_can_outlive_its_window(tmp_path: Path):
    child: Any = ScriptedChild(tmp_path, {2: post(press(pygame.K_ESCAPE))}, on_close="go on")
    window.main(child)
    assert child.ended == ("left", "the window was closed")


def test_before_the_start_there_is_a_window_which_shows_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(window, "REFRESH_NS", 0)
    seen: dict[str, Any] = {}

    def meanwhile() -> None:
        surface = pygame.display.get_surface()
        live = arrange(*surface.get_size()).live
        seen["words"] = pygame.surfarray.array3d(surface.subsurface(live)).std()
        pygame.event.post(press(pygame.K_SPACE))

    acts = {2: post(press(pygame.K_q))}
    child: Any = ScriptedChild(tmp_path, acts, meanwhile=meanwhile)
    window.main(child)
    assert seen["words"] > 5
    assert not child.sent  # no pause before the start


def test_a_window_that_is_closed_before_the_start_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    closing = post(pygame.event.Event(pygame.QUIT))
    child: Any = ScriptedChild(tmp_path, {}, meanwhile=closing)

    def never(until_ns: int) -> Iterator[Received]:
        raise AssertionError(until_ns)

    child.messages = never
    monkeypatch.setattr(window, "REFRESH_NS", 0)
    window.main(child)
    assert child.ended == ("done", "the window was closed")


def test_pictures_go_to_the_run_folder(tmp_path: Path):
    acts = {2: post(press(pygame.K_s), press(pygame.K_v)), 8: post(press(pygame.K_q))}
    child: Any = ScriptedChild(tmp_path, acts)
    window.main(child)
    assert {each.name for each in tmp_path.iterdir()} == {"screenshot-1.png", "film-1.gif"}


def test_without_a_display_the_reason_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("SDL_VIDEODRIVER", "nonsense")
    child: Any = ScriptedChild(tmp_path, {})
    with pytest.raises(ValueError, match=r"no window can be opened .*--headless"):
        window.main(child)
    assert child.ended is None
