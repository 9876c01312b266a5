"""The gateway: the one process that strangers can reach. Control never waits for it."""

import resource
import sys
from contextlib import suppress
from math import prod
from pathlib import Path

from ...configs.settings import Settings
from ...transport.clock import NS_PER_MS, NS_PER_S, now_ns, sleep_ns
from ...transport.guest import Declared
from ...transport.messages import STREAMS, Goal, Kind, Role, Scene
from ...transport.reception import Reception
from ...transport.streams import Received
from .hoard import Hoard
from .port import Port
from .process import Child

_TEND_NS = 20 * NS_PER_MS
_WAIT_NS = 200 * NS_PER_MS
_REPORT_NS = NS_PER_S // 2
_FLOODED = 20  # useless letters in one go, after which it rests, and ZeroMQ holds senders back
_REST_NS = 10 * NS_PER_MS
_MOST_MEMORY = 512 * 2**20
_OVERHEAD = 4096  # bytes of a message beside its picture
_STREAM_OF = {kind: name for name, kind in STREAMS.items()}


def main(child: Child) -> None:
    """Open the port, wait for the sensors that the run needs, and pass messages on both ways."""
    settings = child.launch.settings
    _bound_memory()
    port = Port(settings.gateway, _OVERHEAD + prod(child.launch.body.frame_shape))
    try:
        desk = Desk(child, port)
        child.watch(port.socket, desk.serve)
        required = {name for name, sensor in settings.sensors.items() if sensor.required}
        while not child.generation and (missing := required - desk.reception.here()):
            names = ", ".join(sorted(missing))
            child.wait(f"waits for {names} at {settings.gateway.listen}", _WAIT_NS)
            desk.serve()
        child.start()
        while True:
            for received in child.messages(now_ns() + _TEND_NS):
                child.tick = max(child.tick, received.header.tick)
                desk.pass_on(received)
            desk.serve()
    finally:
        port.close()


class Desk:
    """Between the port and the processes of the run: what may pass, the reception says."""

    def __init__(self, child: Child, port: Port) -> None:
        settings, body = child.launch.settings, child.launch.body
        self.reception = Reception(
            declared(settings, body.frame_shape),
            body.frame_shape,
            Scene(body.name, body.period_s, body.control_low, body.control_high),
            Goal(child.launch.goal, settings.run.goal[:60]),
            port.holder,
        )
        self._child, self._port = child, port
        self._next_report_ns = 0
        self._hoard = Hoard()

    def serve(self) -> None:
        """Read what has arrived, answer, ask, and tell the processes of the run."""
        now, reception = now_ns(), self.reception
        self._hoard.look(now)
        letters = self._port.letters()
        useful = sum(reception.receive(*letter[:2], now_ns(), letter.key) for letter in letters)
        if len(letters) - useful > _FLOODED:
            sleep_ns(_REST_NS)
        reception.tend(now)
        for letter in reception.letters:
            self._port.send(*letter)
        reception.letters.clear()
        for news in reception.news:
            stream = _STREAM_OF[type(news.message)]
            if self._child.publishes(stream):
                self._child.publish(stream, news.message, -1, news.epoch, news.stamp_ns)
        reception.news.clear()
        if now >= self._next_report_ns and self._child.publishes("peer"):
            self._next_report_ns = now + _REPORT_NS
            self._report(now)

    def pass_on(self, received: Received) -> None:
        """Hand a message of the run's streams to all who view it."""
        reception, epoch = self.reception, received.header.epoch
        reception.epoch = max(reception.epoch, epoch)
        if isinstance(received.message, Goal) and epoch > reception.goal_epoch:
            reception.goal, reception.goal_epoch = received.message, epoch
        for identity in reception.present(now_ns(), Role.VIEWER, Role.OBSERVER):
            self._port.put(identity, received.data)

    def _report(self, now: int) -> None:
        for peer in self.reception.report(now):
            self._child.publish("peer", peer)
        strangers = sum(self.reception.strangers.refused.values()) + self._port.turned_away
        told = [f"{strangers} messages and handshakes refused"] if strangers else []
        if self._hoard.ended:
            told.append(
                f"{self._hoard.ended} connections ended for messages without end, the last of "
                f"{self._hoard.last}"
            )
        self._child.note(", ".join(told))


def _bound_memory() -> None:
    """End rather than grow without end, where :class:`Hoard` does not help; another takes the
    gateway's place."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("500")


def declared(settings: Settings, frame_shape: tuple[int, int, int]) -> dict[str, Declared]:
    """The sensors of ``settings`` as the reception expects them."""
    return {
        name: Declared(
            Kind[sensor.kind.upper()],
            (sensor.size,) if sensor.kind == "vector" else frame_shape,
            sensor.rate_hz,
            sensor.units,
        )
        for name, sensor in settings.sensors.items()
    }
