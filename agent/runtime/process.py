"""What every process of the agent shares: its settings, its streams, its word to the supervisor."""

import gc
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import zmq

from ...transport import sockets
from ...transport.clock import NS_PER_MS, NS_PER_S, Clock, now_ns, sleep_ns
from ...transport.messages import STREAMS, Health, Hello, Message, Start, State, Stop
from ...transport.streams import Publisher, Received, Subscriber
from .folder import Launch
from .table import PROCESSES, Process, open_streams

_HELLO_NS = 20 * NS_PER_MS
_FAREWELL_NS = NS_PER_S


class Stopped(Exception):
    """The supervisor told this process to stop."""


@dataclass
class Counters:
    """What a process counts for its health, since its start; see ``messages.Health``."""

    missed_deadlines: int = 0
    late_plans: int = 0
    stale_plans: int = 0
    invalid_plans: int = 0
    dropped_frames: int = 0
    malformed: int = 0
    lateness_ms: float = 0.0


class Child:
    """One process of a run. Its ``main(child)`` reads::

        ...                                  # set up, compile; child.report("compiling")
        clock = child.start()                # ready; returns when the supervisor says so
        for received in child.messages():    # handles what arrives
            child.publish("plan", Plan(...), tick, epoch)

    It never has to ask whether to stop: ``start`` and ``messages`` raise :class:`Stopped`.
    """

    def __init__(self, name: str, launch: Launch, streams: Path, private: Path | None) -> None:
        """Connect to the supervisor, whose socket is in ``streams`` with those of all streams.

        ``private`` is the folder of the private streams; None for a process that has none.
        """
        self.launch = launch
        self.counters = Counters()
        self.tick = -1
        self._process: Process = next(each for each in PROCESSES if each.name == name)
        self._streams, self._private = streams, private
        self._context = zmq.Context()
        line = sockets.control_line(self._context, streams, name)
        self._orders = Subscriber(line, Start, Stop)
        self._line = Publisher(line, self._source)
        self._publishers: dict[str, Publisher] = {}
        self._subscribers: dict[str, Subscriber] = {}
        self._poller = zmq.Poller()
        self._poller.register(line, zmq.POLLIN)
        self._early: list[Received] = []
        self._state, self._note = State.STARTING, "starting"
        self._report_period_ns = int(launch.settings.runtime.health_period_s * NS_PER_S)
        self._next_report_ns = 0

    @property
    def _source(self) -> int:
        return 1 + PROCESSES.index(self._process)

    def report(self, note: str, state: State = State.STARTING) -> None:
        """Tell the supervisor how far this process is."""
        self._state, self._note = state, note
        self._send_health()

    def start(self) -> Clock:
        """Open the streams; when all that are read have been heard, say ready; await the start."""
        self._open_streams()
        gc.collect()
        gc.freeze()  # what exists by now stays: later collections need not walk through it
        self.report("waits for the others")
        unheard = set(self._subscribers)
        while True:
            for publisher in self._publishers.values():
                publisher.send(Hello())
            for name, received in self._arrivals(now_ns() + _HELLO_NS):
                if isinstance(received.message, Start):
                    return self._begin(received.message)
                unheard.discard(name)
                if not isinstance(received.message, Hello):
                    self._early.append(received)
            if not unheard and self._state is State.STARTING:
                self.report("ready", State.READY)

    def messages(self, until_ns: int | None = None) -> Iterator[Received]:
        """What arrives, as it arrives, until a moment (None: for ever); reads at least once."""
        while self._early:
            yield self._early.pop(0)
        due = False
        while not due:
            due = until_ns is not None and now_ns() >= until_ns
            for _, received in self._arrivals(until_ns):
                if not isinstance(received.message, Hello | Start):
                    yield received

    def publishes(self, stream: str) -> bool:
        """Whether this process has the stream open."""
        return stream in self._publishers

    def publish(
        self,
        stream: str,
        message: Message,
        tick: int = -1,
        epoch: int = 0,
        stamp_ns: int | None = None,
    ) -> None:
        """Send on one of the streams that the table lets this process write."""
        self._publishers[stream].send(message, tick, epoch, stamp_ns)

    def done(self, note: str) -> None:
        """Say that the run may end, and why; raises :class:`Stopped` when it does."""
        self.report(note, State.DONE)
        for _ in self.messages():
            pass

    def farewell(self, state: State, note: str) -> None:
        """Say a last word (``STOPPED`` or ``FAILED``) and wait a moment until it is heard."""
        self.report(note, state)
        until_ns = now_ns() + _FAREWELL_NS
        try:
            while now_ns() < until_ns:
                for _ in self._arrivals(until_ns):
                    pass
        except Stopped:
            pass

    def close(self) -> None:
        """Close all sockets; their files stay, for whoever made the folder to remove."""
        self._context.destroy(linger=0)

    def _open_streams(self) -> None:
        present = open_streams(self.launch.settings)
        for stream in self._process.writes:
            folder = self._streams if stream in present else self._private
            if folder is not None:
                socket = sockets.publisher(self._context, folder, stream)
                self._publishers[stream] = Publisher(socket, self._source)
        for stream in present.intersection(self._process.reads):
            socket = sockets.subscriber(self._context, self._streams, stream)
            self._subscribers[stream] = Subscriber(socket, STREAMS[stream], Hello)
            self._poller.register(socket, zmq.POLLIN)

    def _begin(self, start: Start) -> Clock:
        self._state, self._note = State.RUNNING, ""
        self._next_report_ns = start.t0_ns + self._report_period_ns
        return Clock(start.t0_ns, start.period_ns, start.realtime)

    def _arrivals(self, until_ns: int | None) -> Iterator[tuple[str, Received]]:
        """Wait until something arrives, a moment or a report is due; then read what is there."""
        now = now_ns()
        if now >= self._next_report_ns:
            self._send_health()
        wait_until = (
            self._next_report_ns if until_ns is None else min(until_ns, self._next_report_ns)
        )
        left_ns = max(0, wait_until - now)
        if 0 < left_ns < NS_PER_MS:  # less than a poll can wait
            sleep_ns(left_ns)
        ready = dict(self._poller.poll(left_ns // NS_PER_MS))
        if self._orders.socket in ready:
            for received in self._orders.waiting():
                if isinstance(received.message, Stop):
                    raise Stopped
                yield sockets.CONTROL, received
        for name, subscriber in self._subscribers.items():
            if subscriber.socket in ready:
                for received in subscriber.waiting():
                    yield name, received

    def _send_health(self) -> None:
        self._next_report_ns = now_ns() + self._report_period_ns
        self.counters.malformed = sum(each.malformed for each in self._subscribers.values())
        health = Health(state=self._state, note=self._note, **asdict(self.counters))
        self._line.send(health, tick=self.tick)
        self.counters.lateness_ms = 0.0
