"""What every process of the agent shares: its settings, its streams, its word to the supervisor."""

import gc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

import zmq

from ...transport import sockets
from ...transport.clock import NS_PER_MS, NS_PER_S, Clock, now_ns, sleep_ns
from ...transport.messages import STREAMS, Health, Message, Order, Start, State, Status, Stop
from ...transport.streams import Publisher, Received, Subscriber
from .folder import Launch
from .leisure import end_leisure
from .table import PROCESSES, SUPERVISOR, TOLD, Process, open_streams, place, places, wanted

_LOOK_NS = 20 * NS_PER_MS
_FAREWELL_NS = NS_PER_S


class Stopped(Exception):
    """The supervisor told this process to stop."""


class Left(Exception):
    """This process ends of its own accord, and the run goes on; the text says why."""


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

    ``generation`` counts the processes of this name in the run, from 0. A later one takes the place
    of one that was lost: ``first_tick`` is where to go on, and ``messages`` begins with the newest
    message of each stream that it reads.
    """

    def __init__(
        self,
        name: str,
        launch: Launch,
        streams: Path,
        private: Path | None,
        generation: int = 0,
        run: Path | None = None,
    ) -> None:
        """Connect to the supervisor, whose socket is in ``streams`` with those of all streams.

        ``private`` is the folder of the private streams; None for a process that has none. ``run``
        is the run folder.
        """
        self.launch = launch
        self.counters = Counters()
        self.generation = generation
        self.folder, self.run = streams, run or streams
        self.clock = Clock(0, NS_PER_S, False)
        self.first_tick = 0
        self.tick = -1
        self._process: Process = next(each for each in PROCESSES if each.name == name)
        self._streams, self._private = streams, private
        self._context = zmq.Context()
        line = sockets.control_line(self._context, streams, f"{name}.{generation}")
        told = open_streams(launch.settings).union(TOLD).intersection(self._process.reads)
        self._orders = Subscriber(line, Start, Stop, *(STREAMS[stream] for stream in told))
        self._line = Publisher(line, self._source)
        self._publishers: dict[str, Publisher] = {}
        self._subscribers: dict[str, Subscriber] = {}
        self._poller = zmq.Poller()
        self._poller.register(line, zmq.POLLIN)
        self._watched: dict[zmq.Socket, Callable[[], None]] = {}
        self._early: list[Received] = []
        self._begun = False
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

    def wait(self, note: str, duration_ns: int) -> None:
        """Be not ready for a while, and say what for; :meth:`watch` goes on."""
        self._note = note
        until_ns = now_ns() + duration_ns
        while now_ns() < until_ns:
            self._early += self._arrivals(until_ns)

    def start(self) -> Clock:
        """Open the streams, say ready when all who read them are there, and await the start."""
        for _ in self.starting():
            pass
        return self.clock

    def starting(self) -> Iterator[Received | None]:
        """As :meth:`start`, for whoever has something to do meanwhile: each status that the
        supervisor tells, and None after every moment. What else arrives is kept for
        :meth:`messages`; ``clock`` has the clock afterwards.

        A process that takes the place of another has to leave the streams to it until then, and
        waits for the readers afterwards.
        """
        self._subscribe()
        gc.collect()
        gc.freeze()  # what exists by now stays: later collections need not walk through it
        if self.generation:
            end_leisure()
            self.report("ready", State.READY)
            yield from self._await_start()
            self._open_publishers()
            if not self.clock.realtime:
                yield from self._await_readers(("sensing", "inference", "actuation"))
        else:
            self._open_publishers()
            self.report("waits for the others")
            yield from self._await_readers(each.name for each in wanted(self.launch.settings))
            self.report("ready", State.READY)
            yield from self._await_start()
        self._state, self._note = State.RUNNING, ""
        self._next_report_ns = max(self.clock.t0_ns, now_ns())

    def watch(self, socket: zmq.Socket, answer: Callable[[], None]) -> None:
        """Call ``answer`` whenever there is something to read on ``socket``, whatever this process
        waits for."""
        self._watched[socket] = answer
        self._poller.register(socket, zmq.POLLIN)

    def messages(self, until_ns: int | None = None) -> Iterator[Received]:
        """What arrives, as it arrives, until a moment (None: for ever); reads at least once."""
        while self._early:
            yield self._early.pop(0)
        due = False
        while not due:
            due = until_ns is not None and now_ns() >= until_ns
            yield from self._arrivals(until_ns)

    def waiting(self) -> Iterator[Received]:
        """What has arrived and was not read yet, and what still comes; waits a moment for it."""
        while True:
            batch = [each for reader in self._subscribers.values() for each in reader.waiting()]
            if not batch and not self._poller.poll(_LOOK_NS // NS_PER_MS):
                return
            yield from batch

    def note(self, text: str) -> None:
        """Tell the supervisor something while the run goes on."""
        if text != self._note:
            self._note = text
            self._send_health()

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

    def leave(self, note: str) -> NoReturn:
        """End this process, and let the run go on without it."""
        raise Left(note)

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

    def _subscribe(self) -> None:
        present, name = open_streams(self.launch.settings), self._process.name
        for stream in present.intersection(self._process.reads):
            where = places(stream, self.launch.settings, but=name)
            socket = sockets.subscriber(self._context, self._streams, where, name)
            self._subscribers[stream] = Subscriber(socket, STREAMS[stream])
            self._poller.register(socket, zmq.POLLIN)

    def _open_publishers(self) -> None:
        present = open_streams(self.launch.settings)
        for stream in self._process.writes:
            folder = self._streams if stream in present else self._private
            if folder is not None:
                socket = sockets.publisher(self._context, folder, place(stream, self._process))
                self._publishers[stream] = Publisher(socket, self._source)

    def _await_readers(self, names: Iterable[str]) -> Iterator[Received | None]:
        """Wait until those processes among ``names`` that read our streams do, and the supervisor
        too: nothing that is published from then on is lost."""
        names = set(names)
        expected = {
            stream: {p.name for p in PROCESSES if p.name in names and stream in p.reads}
            - {self._process.name}
            | {SUPERVISOR}
            for stream in self._publishers
        }
        while any(expected[s] - each.readers() for s, each in self._publishers.items()):
            yield from self._meanwhile(self._early.append)

    def _await_start(self) -> Iterator[Received | None]:
        """Wait for the word; what comes before it is kept: its newest, in the place of another."""
        newest: dict[object, Received] = {}

        def keep(received: Received) -> None:
            kind = kind_of(received.message)
            known = newest.get(kind)
            if known is None or _age(received) >= _age(known):
                newest[kind] = received

        while not self._begun:
            yield from self._meanwhile(keep if self.generation else self._early.append)
        self._early += newest.values()

    def _meanwhile(self, keep: Callable[[Received], None]) -> Iterator[Received | None]:
        """Let a moment go by, or less if the word to start comes; what arrives is for ``keep``, but
        for what the supervisor tells of the others."""
        for received in self._arrivals(now_ns() + _LOOK_NS):
            if isinstance(received.message, Start):
                start = received.message
                self.clock = Clock(start.t0_ns, start.period_ns, start.realtime)
                self.first_tick, self._begun = start.tick, True
                return
            if isinstance(received.message, Status):
                yield received
            else:
                keep(received)
        yield None

    def _arrivals(self, until_ns: int | None) -> Iterator[Received]:
        """Wait until something arrives, a moment or a report is due; then read what is there."""
        self._report_if_due()
        wait_until = (
            self._next_report_ns if until_ns is None else min(until_ns, self._next_report_ns)
        )
        left_ns = max(0, wait_until - now_ns())
        if 0 < left_ns < NS_PER_MS:  # less than a poll can wait
            sleep_ns(left_ns)
        ready = dict(self._poller.poll(left_ns // NS_PER_MS))
        if self._orders.socket in ready:
            for received in self._orders.waiting():
                if isinstance(received.message, Stop):
                    raise Stopped
                yield received
        for subscriber in self._subscribers.values():
            if subscriber.socket in ready:
                for received in subscriber.waiting():
                    yield received
                    self._report_if_due()  # whoever works off what has piled up is not silent
        for socket, answer in self._watched.items():
            if socket in ready:
                answer()

    def _report_if_due(self) -> None:
        if now_ns() >= self._next_report_ns:
            self._send_health()

    def _send_health(self) -> None:
        self._next_report_ns = now_ns() + self._report_period_ns
        self.counters.malformed = sum(each.malformed for each in self._subscribers.values())
        health = Health(state=self._state, note=self._note, **asdict(self.counters))
        self._line.send(health, tick=self.tick)
        self.counters.lateness_ms = 0.0
        for publisher in self._publishers.values():
            publisher.readers()  # takes in what has been told, lest it pile up


def kind_of(message: Message) -> object:
    """What a message is the newest of: its type or, of an order, what is ordered."""
    return (Order, message.what) if isinstance(message, Order) else type(message)


def _age(received: Received) -> tuple[int, int]:
    return received.header.epoch, received.header.tick
