"""The sensing process, with the test in the place of supervisor, actuation and viewer."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import zmq
from jopa_agent.agent.bodies import body_for
from jopa_agent.agent.runs.launch import Launch
from jopa_agent.agent.runtime.family import Family
from jopa_agent.agent.runtime.folder import claim, write
from jopa_agent.agent.runtime.member import Folders
from jopa_agent.agent.runtime.table import SENSING, SUPERVISOR
from jopa_agent.transport import sockets
from jopa_agent.transport.messages import (
    Command,
    Do,
    Frame,
    Goal,
    Header,
    Message,
    Order,
    Origin,
    Pace,
    Push,
    Start,
    Truth,
)
from jopa_agent.transport.streams import Publisher, Subscriber

PERIOD_NS = 200_000_000
READ = ("frame", "pace", "goal", "truth")
TYPES = (Frame, Pace, Goal, Truth)


class Scene:
    """All that sensing sees of the other processes; ``heard`` is all that it has said."""

    def __init__(self, place: Any, context: zmq.Context) -> None:
        settings = place.settings(headless=False, record=False, duration_s=0.0, rate_hz=5.0)
        self.body = body_for(settings)
        streams = place.temporary
        private = place.temporary / "private"
        private.mkdir()
        image = self.body.reset(0, "hanging")
        write(streams, Launch(settings, self.body.spec, place.model, image))
        self.family = Family(context, Folders(place.out, streams, private), stop_timeout_s=1.5)
        writers = {"command": 3, "order": 4, "push": 4}
        self._writers = {
            stream: Publisher(sockets.publisher(context, streams, stream), number)
            for stream, number in writers.items()
        }
        self._readers = [
            Subscriber(
                sockets.subscriber(
                    context, private if stream == "truth" else streams, (stream,), reader
                ),
                *TYPES,
            )
            for stream in READ
            for reader in (SUPERVISOR, "inference", "actuation", "viewer")
        ]
        self.heard: list[tuple[Header, Message]] = []

    def start(self, wait_until: Callable[..., Any], realtime: bool) -> None:
        self.family.launch([SENSING])

        def ready() -> bool:
            self.family.hear()
            read = [writer.readers() for writer in self._writers.values()]
            return all("sensing" in names for names in read) and self.family.all_ready()

        wait_until(ready)
        self.family.begin(Start(time.monotonic_ns(), PERIOD_NS, realtime, 0))

    def command(self, tick: int, torque: float = 0.0) -> None:
        control = np.array([torque], np.float32)
        self._writers["command"].send(Command(control, Origin.PLAN, 1), tick, 1)

    def order(self, what: Do, value: float = 0.0, text: str = "", epoch: int = 0) -> None:
        self._writers["order"].send(Order(what, value, text), -1, epoch)

    def push(self, place: tuple[float, float], force: tuple[float, float]) -> None:
        two = (np.array(place, np.float32), np.array(force, np.float32))
        self._writers["push"].send(Push(*two))

    def until(self, wanted: Callable[[Header, Message], bool], timeout_s: float = 60.0) -> Any:
        """Listen until something ``wanted`` comes; it. What came before it in its stream is
        forgotten."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            for number, (header, message) in enumerate(self.heard):
                if wanted(header, message):
                    before, after = self.heard[:number], self.heard[number + 1 :]
                    self.heard = [each for each in before if type(each[1]) is not type(message)]
                    self.heard += after
                    return header, message
            for number, reader in enumerate(self._readers):
                arrived = [(each.header, each.message) for each in reader.waiting()]
                self.heard += arrived if number % 4 == 0 else []
            time.sleep(0.002)
        raise TimeoutError("what was wanted did not come")

    def frame(self, tick: int) -> Frame:
        return self.until(lambda header, each: isinstance(each, Frame) and header.tick == tick)[1]

    def truth(self, tick: int) -> np.ndarray:
        return self.until(
            lambda header, each: isinstance(each, Truth) and header.tick == tick
        )[1].state  # fmt: skip

    def pace(self, paused: bool) -> tuple[int, Pace]:
        header, pace = self.until(lambda _, each: isinstance(each, Pace) and each.paused is paused)
        return header.tick, pace


@pytest.fixture
def scene(place: Any) -> Iterator[Scene]:
    context = zmq.Context()
    with claim(place.out):
        scene = Scene(place, context)
        with scene.family:
            yield scene
        scene.body.close()
    context.destroy(linger=0)


def test_orders_in_lockstep(scene: Scene, wait_until: Callable[..., Any]) -> None:
    scene.start(wait_until, realtime=False)
    first = scene.frame(0)
    scene.order(Do.PAUSE)
    scene.pace(paused=True)
    scene.command(1, 2.0)
    # a goal by its angle, rendered by the body, under the epoch that was asked for
    scene.order(Do.GOAL, text="90deg", epoch=7)
    header, goal = scene.until(lambda _, each: isinstance(each, Goal))
    assert (header.epoch, goal.name) == (7, "90deg")
    np.testing.assert_array_equal(goal.image, scene.body.picture(np.pi / 2))
    scene.order(Do.GOAL, text="upwards", epoch=8)
    wait_until(lambda: (scene.family.hear(), "'upwards'" in _note(scene))[1])
    # a step uses the command that was there, and the pause goes on
    scene.order(Do.STEP)
    assert scene.frame(1).control == pytest.approx(2.0)
    scene.pace(paused=False)
    scene.pace(paused=True)
    # the body begins anew although nothing moves; its first frame has no control
    scene.command(2, 2.0)
    scene.order(Do.RESET)
    again = scene.frame(2)
    assert again.episode == first.episode + 1
    assert again.control == pytest.approx(0.0)
    np.testing.assert_array_equal(again.image, first.image)
    # and on
    scene.command(3, -1.0)
    scene.order(Do.RESUME)
    assert scene.frame(3).control == pytest.approx(-1.0)
    scene.command(4, -1.0)
    scene.frame(4)


def test_orders_in_real_time(scene: Scene, wait_until: Callable[..., Any]) -> None:
    scene.start(wait_until, realtime=True)
    scene.frame(1)
    scene.order(Do.PAUSE)
    tick, _ = scene.pace(paused=True)
    time.sleep(2.5 * PERIOD_NS / 1e9)  # ticks that would have been
    scene.order(Do.SPEED, 0.5)
    assert scene.pace(paused=True)[1].period_ns == 2 * PERIOD_NS
    before = time.monotonic_ns()
    scene.order(Do.RESUME)
    _, pace = scene.pace(paused=False)
    frame = scene.frame(tick)
    assert frame.applied_ns >= pace.t0_ns + tick * pace.period_ns >= before
    assert scene.frame(tick + 1).applied_ns - frame.applied_ns >= 1.5 * PERIOD_NS


def test_who_drags_at_the_tip_moves_the_body(scene: Scene, wait_until: Callable[..., Any]) -> None:
    scene.start(wait_until, realtime=False)
    scene.frame(0)
    tick, speed = 0, 0.0
    while speed < 0.1:  # commands and pushes come by different ways
        tick += 1
        assert tick < 50
        scene.push((0.0, 0.8), (1.0, 0.0))  # it hangs: its tip is below, and goes to the right
        scene.command(tick)
        speed = scene.truth(tick)[1]  # counter-clockwise
    states = []
    for later in range(tick + 1, tick + 8):
        scene.command(later)
        states.append(scene.truth(later))
    (angle, speed), (_, next_speed) = states[-2:]  # nobody pulls any more
    assert next_speed == pytest.approx(speed + 15.0 * np.sin(angle) * 0.05)


def _note(scene: Scene) -> str:
    health = scene.family.members["sensing"].health
    return health.note if health else ""
