"""A viewer's state, and the messages of a run to feed it with."""

import os
from collections.abc import Callable, Iterator

import numpy as np
import pytest

os.environ["SDL_VIDEODRIVER"] = "dummy"

import pygame
from jopa_agent.agent.viewer.gallery import Thumbnail
from jopa_agent.agent.viewer.state import ViewerState
from jopa_agent.transport.messages import (
    FIRST_EPOCH,
    Belief,
    Command,
    Frame,
    Header,
    Message,
    Origin,
    Plan,
)

PERIOD_NS = 50_000_000
HORIZON = 5
Feed = Callable[..., None]


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (32, 32, 1), dtype=np.uint8)


def messages_of(tick: int, epoch: int = FIRST_EPOCH) -> Iterator[tuple[Header, Message]]:
    """What the streams carry for one frame; its picture is ``picture(tick)``."""
    stamp_ns = 1_000_000_000 + tick * PERIOD_NS
    of_frame = Header(1, tick, stamp_ns, tick, epoch)
    angle = 0.1 * tick
    mean = np.array([np.cos(angle), np.sin(angle), 0.0], np.float32)
    std = np.full(3, 0.05, np.float32)
    yield of_frame, Frame(picture(tick), np.array([np.sin(angle)], np.float32), 0, 0)
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
    yield of_frame, Plan(np.zeros((HORIZON, 1), np.float32), 0, 0.3, 4.0, 12.5)
    command = Command(np.zeros(1, np.float32), Origin.PLAN, stamp_ns)
    yield Header(3, tick, stamp_ns + 6_000_000, tick + 1, epoch), command


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
def surface() -> Iterator[pygame.Surface]:
    pygame.display.init()
    pygame.font.init()
    yield pygame.Surface((960, 640))
    pygame.quit()
