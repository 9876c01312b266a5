"""The actuation process, with the test in the place of supervisor, inference and viewer."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq
from jopa_agent.agent.runs.launch import Launch
from jopa_agent.agent.runtime.family import Family
from jopa_agent.agent.runtime.folder import claim, write
from jopa_agent.agent.runtime.member import Folders
from jopa_agent.agent.runtime.table import ACTUATION, SUPERVISOR
from jopa_agent.envs import BodySpec
from jopa_agent.transport import sockets
from jopa_agent.transport.messages import Command, Goal, Origin, Pace, Plan, Start
from jopa_agent.transport.streams import Publisher, Received, Subscriber

PERIOD_NS = 300_000_000  # long enough for the test to answer within it on a busy machine
IMAGE = np.zeros((4, 4, 1), np.uint8)
SAFE = 0.25


class Scene:
    """All that actuation sees of the other processes."""

    def __init__(self, place: Any, context: zmq.Context) -> None:
        spec = BodySpec(
            name="arm",
            period_s=0.05,
            control_low=np.array([-1.0], np.float32),
            control_high=np.array([1.0], np.float32),
            safe_control=np.array([SAFE], np.float32),
            frame_shape=(4, 4, 1),
        )
        streams = place.temporary
        settings = place.settings(headless=False, record=False)
        write(streams, Launch(settings, spec, Path("/models"), IMAGE))
        self.family = Family(context, Folders(place.out, streams, None), stop_timeout_s=1.5)
        self.plans = Publisher(sockets.publisher(context, streams, "plan"), 2)
        self.goals = Publisher(sockets.publisher(context, streams, "goal"), 4)
        self.paces = Publisher(sockets.publisher(context, streams, "pace"), 1)
        self._commands = [
            Subscriber(sockets.subscriber(context, streams, ("command",), reader), Command)
            for reader in (SUPERVISOR, "sensing", "viewer")
        ]
        self._arrived: list[Received] = []

    def start(self, wait_until: Callable[..., Any], realtime: bool) -> None:
        self.family.launch([ACTUATION])

        def ready() -> bool:
            self.family.hear()
            readers = self.plans.readers() & self.goals.readers() & self.paces.readers()
            return "actuation" in readers and self.family.all_ready()

        wait_until(ready)
        self.family.begin(Start(time.monotonic_ns(), PERIOD_NS, realtime, 0))

    def plan(self, frame: int, *controls: float, epoch: int = 1) -> None:
        column = np.array(controls, np.float32)[:, None]
        self.plans.send(Plan(column, 0, 1.0, 1.0, 1.0), frame, epoch, stamp_ns=1000 + frame)

    def command(self) -> tuple[int, float, Origin, int]:
        """The next command: tick, control, origin, goal epoch."""
        while not self._arrived:
            if not self._commands[0].socket.poll(60_000):
                raise TimeoutError("no command came")
            self._arrived = list(self._commands[0].waiting())
        header, message, _ = self._arrived.pop(0)
        assert isinstance(message, Command)
        return header.tick, float(message.control[0]), message.origin, header.epoch

    def counted(self, name: str) -> int:
        self.family.hear()
        health = self.family.members["actuation"].health
        return getattr(health, name) if health else 0


@pytest.fixture
def scene(place: Any) -> Iterator[Scene]:
    context = zmq.Context()
    with claim(place.out):
        scene = Scene(place, context)
        with scene.family:
            yield scene
    context.destroy(linger=0)


def test_it_never_waits_past_its_deadline(scene: Scene, wait_until: Callable[..., Any]) -> None:
    scene.start(wait_until, realtime=True)
    assert scene.command() == (1, SAFE, Origin.SAFE, 1)
    assert scene.command() == (2, SAFE, Origin.SAFE, 1)
    scene.plan(2, 0.5, 0.75)
    assert scene.command() == (3, 0.5, Origin.PLAN, 1)
    assert scene.command() == (4, 0.75, Origin.OLDER_PLAN, 1)
    assert scene.command() == (5, SAFE, Origin.SAFE, 1)
    scene.plan(3, 0.5, 0.5)
    wait_until(lambda: scene.counted("late_plans") == 1)


def test_it_drops_the_plan_of_an_old_goal(scene: Scene, wait_until: Callable[..., Any]) -> None:
    scene.start(wait_until, realtime=True)
    scene.plan(0, 0.5, 0.75)
    assert scene.command() == (1, 0.5, Origin.PLAN, 1)
    scene.goals.send(Goal(IMAGE, "there"), epoch=2)
    assert scene.command() == (2, SAFE, Origin.SAFE, 2)
    scene.plan(2, 0.5, 0.75)
    assert scene.command() == (3, SAFE, Origin.SAFE, 2)
    scene.plan(3, 0.5, epoch=2)
    assert scene.command() == (4, 0.5, Origin.PLAN, 2)
    wait_until(lambda: scene.counted("stale_plans") == 1)


@pytest.mark.parametrize("pause_first", [True, False])
def test_in_a_pause_it_takes_back_what_served_an_old_goal(
    scene: Scene, wait_until: Callable[..., Any], pause_first: bool
) -> None:
    scene.start(wait_until, realtime=True)
    scene.plan(0, 0.5)
    assert scene.command() == (1, 0.5, Origin.PLAN, 1)
    scene.plan(1, 0.75)
    assert scene.command() == (2, 0.75, Origin.PLAN, 1)
    if not pause_first:
        scene.goals.send(Goal(IMAGE, "there"), epoch=2)
    scene.paces.send(Pace(time.monotonic_ns(), PERIOD_NS, paused=True, speed=1.0), 1)
    if pause_first:
        scene.goals.send(Goal(IMAGE, "there"), epoch=2)
    assert scene.command() == (2, SAFE, Origin.SAFE, 2)
    scene.plan(2, 0.5, epoch=2)
    assert scene.command() == (3, 0.5, Origin.PLAN, 2)


def test_in_lockstep_an_unusable_plan_does_not_stop_it(
    scene: Scene, wait_until: Callable[..., Any]
) -> None:
    scene.start(wait_until, realtime=False)
    scene.plan(0, 0.5)
    assert scene.command() == (1, 0.5, Origin.PLAN, 1)
    scene.plan(1, 1.5)
    assert scene.command() == (2, SAFE, Origin.SAFE, 1)
    scene.plan(2, 0.75)
    assert scene.command() == (3, 0.75, Origin.PLAN, 1)
    wait_until(lambda: scene.counted("invalid_plans") == 1)
