"""A viewer's state, the messages of a run to feed it with, and a run that hears its wishes."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

os.environ["SDL_VIDEODRIVER"] = "dummy"

import pygame
from jopa_agent.agent.viewer import answer as answers
from jopa_agent.agent.viewer.controls import Right
from jopa_agent.agent.viewer.desk import Desk
from jopa_agent.agent.viewer.gallery import Thumbnail
from jopa_agent.agent.viewer.state import ViewerState
from jopa_agent.transport.messages import (
    FIRST_EPOCH,
    Belief,
    Command,
    Frame,
    Header,
    Imagined,
    Message,
    Offer,
    Origin,
    Peer,
    Plan,
    Presence,
    Role,
    State,
    Status,
)
from jopa_agent.transport.streams import Received

PERIOD_NS = 50_000_000
HORIZON = 5
NOW = 10**10
Feed = Callable[..., None]


def picture(seed: int, shape: tuple[int, int, int] = (32, 32, 1)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def messages_of(
    tick: int,
    epoch: int = FIRST_EPOCH,
    shape: tuple[int, int, int] = (32, 32, 1),
    controls: int = 1,
) -> Iterator[tuple[Header, Message]]:
    """What the streams carry for one frame; its picture is ``picture(tick)``."""
    stamp_ns = 1_000_000_000 + tick * PERIOD_NS
    of_frame = Header(1, tick, stamp_ns, tick, epoch)
    angle = 0.1 * tick
    mean = np.array([np.cos(angle), np.sin(angle), 0.0], np.float32)
    std = np.full(3, 0.05, np.float32)
    control = np.full(controls, np.sin(angle), np.float32)
    yield of_frame, Frame(picture(tick, shape), control, 0, 0)
    yield (
        of_frame,
        Belief(
            mean=mean,
            std=std,
            planned_mean=mean * np.linspace(0.9, 0.5, HORIZON, dtype=np.float32)[:, None],
            planned_std=np.tile(std, (HORIZON, 1)),
            goal=np.array([1.0, 0.0], np.float32),
            distance=1.0,
            surprise=0.7,
        ),
    )
    yield of_frame, Plan(np.zeros((HORIZON, controls), np.float32), 0, 0.3, 4.0, 12.5)
    command = Command(np.zeros(controls, np.float32), Origin.PLAN, stamp_ns)
    yield Header(3, tick, stamp_ns + 6_000_000, tick + 1, epoch), command
    if tick % 4 == 0:
        future = np.stack([picture(tick + ahead, shape) for ahead in (1, 3, 5)])
        ahead = np.array([1, 3, 5])
        yield of_frame, Imagined(picture(tick, shape), picture(1, shape), future, ahead)


def offer(count: int = 6, shape: tuple[int, int, int] = (32, 32, 1)) -> Offer:
    """Goals of which every other one can only be passed."""
    images = np.stack([picture(1000 + number, shape) for number in range(count)])
    names = "\n".join(f"{15 * number}deg" for number in range(count))
    return Offer(images, names, (np.arange(count, dtype=np.uint8) + 1) % 2)


def statuses() -> list[Status]:
    """Processes of which each is in another state."""
    return [
        Status(state.name.lower(), state, state is State.DONE, number, "compiling" * (number == 0))
        for number, state in enumerate(State)
    ]


def peers() -> list[Peer]:
    """Sensors of which each is in another state, and a window."""
    told = [
        Peer(f"arm {presence.name}", Role.SENSOR, presence, 50.0, 0.1, 1.7, 10, 2, "too many")
        for presence in Presence
    ]
    return [*told, Peer("desk", Role.VIEWER, Presence.LIVE, 0.0, 0.1, 1.0, 0, 0, "")]


@pytest.fixture
def state() -> ViewerState:
    limit = np.array([2.0], np.float32)
    return ViewerState("pendulum", 0.05, -limit, limit, Thumbnail(picture(10**6), "upright"))


@pytest.fixture
def feed(state: ViewerState) -> Feed:
    """Feed the state the messages of some ticks."""

    def feed(ticks: range, epoch: int = FIRST_EPOCH) -> None:
        for tick in ticks:
            for header, message in messages_of(tick, epoch):
                state.take(header, message)

    return feed


@pytest.fixture
def full(state: ViewerState, feed: Feed) -> ViewerState:
    """A state with something in every panel."""
    feed(range(60))
    for message in (*statuses(), *peers(), offer()):
        state.take(Header(0, 0, 0), message)
    return state


class Heard:
    """A source that keeps what is sent: stream, message, tick and epoch."""

    def __init__(self) -> None:
        self.tick = -1
        self.sent: list[tuple[str, Message, int, int]] = []

    def publish(self, stream: str, message: Message, tick: int = -1, epoch: int = 0) -> None:
        self.sent.append((stream, message, tick, epoch))

    def messages(self, until_ns: int) -> Iterator[Received]:  # noqa: ARG002
        yield from ()

    def of(self, stream: str) -> list[Message]:
        return [message for name, message, _, _ in self.sent if name == stream]


@pytest.fixture
def surface() -> Iterator[pygame.Surface]:
    pygame.display.init()
    pygame.font.init()
    yield pygame.Surface((960, 640))
    pygame.quit()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def desk(
    state: ViewerState,
    feed: Feed,
    heard: Heard,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    surface: pygame.Surface,  # noqa: ARG001
) -> Desk:
    """A desk of a run of 60 ticks, at which it is always ``NOW``."""
    monkeypatch.setattr(answers, "now_ns", lambda: NOW)
    feed(range(60))
    return Desk(state, heard, Right.HOST, tmp_path, "end the run")
