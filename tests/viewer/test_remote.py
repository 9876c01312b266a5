"""The window on a run elsewhere: what it sends through the port, and when it ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pygame
import pytest
from jopa_agent.agent.output import OutputError
from jopa_agent.agent.viewer import remote
from jopa_agent.agent.viewer.layout import WINDOW, arrange
from jopa_agent.transport.messages import FIRST_EPOCH, Goal, Header, Message, Role, Scene
from jopa_agent.transport.streams import Received

from .conftest import messages_of, picture


class ScriptedPeer:
    """A port whose gateway and user follow a script, one step a refresh; the real one is met in the
    tests of the gateway."""

    made: "ScriptedPeer"
    frames = 12

    def __init__(self, address: str, join: Any, server_key: str, keys: str) -> None:
        self.address, self.role = address, join.role
        self.sent: list[tuple[Message, int]] = []
        self.closed = False
        self._refreshes = 0
        del server_key, keys
        ScriptedPeer.made = self

    def join(self, timeout_s: float) -> None:
        del timeout_s

    def send(self, message: Message, tick: int = -1, epoch: int = 0) -> bool:
        del tick
        self.sent.append((message, epoch))
        return True

    def arrivals(self, until_ns: int) -> Iterator[Received]:
        del until_ns
        self._refreshes += 1
        limit = np.array([2.0], np.float32)
        if self._refreshes == 1:
            yield Received(Header(0, 0, 0), Scene("pendulum", 0.05, -limit, limit))
            yield Received(Header(0, 0, 0, -1, FIRST_EPOCH), Goal(picture(0), "upright"))
        elif self._refreshes < self.frames:
            yield from (Received(*each) for each in messages_of(self._refreshes))
        if self._refreshes == 5:
            self._act()
        if self._refreshes == 15:
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_q))

    def _act(self) -> None:
        """Pause, type a goal, click a frame, take a picture."""
        for key in (pygame.K_SPACE, pygame.K_s, pygame.K_p):
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))
        strip = arrange(*WINDOW).strip
        at = strip.x + 20, strip.y + 40
        event = pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=at, button=pygame.BUTTON_LEFT)
        pygame.event.post(event)

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(remote, "Peer", ScriptedPeer)
    monkeypatch.setattr(remote, "display_available", lambda: True)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("watch_only", [False, True])
def test_goals_alone_go_through_the_port_and_an_observers_do_not(watch_only: bool, tmp_path: Path):
    told = remote.view("tcp://127.0.0.1:1", "desk", watch_only, "", "")
    peer = ScriptedPeer.made
    assert told == "the window was closed"
    assert peer.closed
    assert peer.role is (Role.OBSERVER if watch_only else Role.VIEWER)
    assert bool(peer.sent) is not watch_only
    for goal, epoch in peer.sent:
        assert isinstance(goal, Goal)
        assert (goal.name, epoch) == ("upright", FIRST_EPOCH + 1)
    assert [each.name for each in tmp_path.iterdir()] == ["screenshot-1.png"]
    assert not pygame.display.get_init()


def test_a_run_that_is_not_heard_of_any_more_ends_the_window(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(remote, "_GONE_NS", 0)
    told = remote.view("tcp://127.0.0.1:1", "desk", True, "", "")
    assert told == "the run has ended, or cannot be reached any more"
    assert ScriptedPeer.made.closed


def test_without_a_display_there_is_something_else_to_try(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(remote, "display_available", lambda: False)
    with pytest.raises(OutputError, match="jopa-agent top"):
        remote.view("tcp://127.0.0.1:1", "desk", False, "", "")
