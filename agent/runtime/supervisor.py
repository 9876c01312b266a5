"""The supervisor: starts the processes, waits until all are ready, keeps score, ends them."""

import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import zmq

from ...configs.settings import Settings
from ...envs import Goal
from ...transport import sockets
from ...transport.clock import NS_PER_MS, NS_PER_S, Clock, now_ns
from ...transport.messages import STREAMS, Start, State
from ...transport.streams import Subscriber
from ..runs.launch import Launch
from . import folder
from .display import Display
from .errors import BEFORE_START, INTERRUPTED, RunError
from .family import Family
from .herald import Herald
from .member import Folders
from .nurse import Nurse
from .record import RunRecord
from .roll import Roll
from .scorekeeper import Scorekeeper
from .slowness import Slowness
from .summary import Summary
from .table import PRIVATE, SUPERVISOR, open_streams, places, wanted

_POLL_MS = 100
_HEAD_START_NS = 50 * NS_PER_MS  # from the word to begin to tick 0
_SEEN_WITHIN_NS = NS_PER_S  # or the others start all the same
_LAST_MESSAGES_NS = NS_PER_S


class Outcome(NamedTuple):
    """What is left of a run; ``unwritten`` says why its figures are not in its folder."""

    summary: Summary
    record: RunRecord
    unwritten: RunError | None = None


def run(launch: Launch, goal: Goal, out: Path) -> Outcome:
    """Run the agent until its time is up, a process says so, or the user interrupts.

    ``goal`` is the one of ``launch``, to score the run by, ``out`` the run folder, made if need be.
    Raises :class:`RunError` with the reason and the exit code when the run cannot begin or has to
    end. A process that is lost on the way is replaced. Afterwards no process, no socket and no
    temporary folder is left.
    """
    settings = launch.settings
    with ExitStack() as stack:
        stack.enter_context(folder.claim(out))
        folder.write(out, launch)
        interrupted = stack.enter_context(_interrupts())
        streams = stack.enter_context(_temporary_folder())
        seen = settings.run.score or settings.run.instruments
        private = stack.enter_context(_temporary_folder()) if seen else None
        if private and settings.run.instruments:
            folder.tell_instruments(out, private)
        folder.write(streams, launch)
        context = zmq.Context()
        stack.callback(context.destroy, linger=0)
        scorekeeper = Scorekeeper(settings, goal, launch.body.period_s)
        folders = Folders(out, streams, private)
        family = stack.enter_context(Family(context, folders, settings.runtime.stop_timeout_s))
        display = stack.enter_context(Display())
        watch = _Watch(context, settings, folders, family, scorekeeper, display, Roll(out))
        stack.callback(watch.end)
        _launch(watch, settings, interrupted)
        _start_up(watch, settings, interrupted)
        _play(watch, interrupted)
        family.stop()
        if not scorekeeper.begun:
            raise RunError("stopped before the first frame", INTERRUPTED)
        outcome = Outcome(watch.summary(), scorekeeper.record())
        try:
            folder.write_summary(out, outcome.summary)
        except RunError as error:  # they can still be told
            outcome = outcome._replace(unwritten=error)
    return outcome


class _Watch:
    """The supervisor's eyes and ears on all streams and all children."""

    def __init__(
        self,
        context: zmq.Context,
        settings: Settings,
        folders: Folders,
        family: Family,
        scorekeeper: Scorekeeper,
        display: Display,
        roll: Roll,
    ) -> None:
        self.family, self.scorekeeper = family, scorekeeper
        self._runtime, self._display, self._roll = settings.runtime, display, roll
        self._nurse: Nurse | None = None
        self._slowness = Slowness()
        self._herald = Herald()
        where = dict.fromkeys(open_streams(settings), folders.streams)
        if folders.private:
            where |= dict.fromkeys(PRIVATE, folders.private)
        self._subscribers = {
            name: Subscriber(
                sockets.subscriber(context, folder, places(name, settings), SUPERVISOR),
                STREAMS[name],
            )
            for name, folder in where.items()
        }
        self._poller = zmq.Poller()
        self._poller.register(family.socket, zmq.POLLIN)
        for subscriber in self._subscribers.values():
            self._poller.register(subscriber.socket, zmq.POLLIN)

    def begin(self, start: Start) -> None:
        """Give all processes the word; from now on whoever is lost is replaced."""
        self.family.begin(start)
        clock = Clock(start.t0_ns, start.period_ns, start.realtime)
        self.scorekeeper.timeline.begin(clock)
        self._nurse = Nurse(self.family, self._runtime, start)

    def look(self) -> None:
        """Wait a moment for messages, take in those that are there, and look after the children."""
        ready = dict(self._poller.poll(_POLL_MS))
        for subscriber in self._subscribers.values():
            if subscriber.socket in ready:
                for header, message, _ in subscriber.waiting():
                    self.scorekeeper.take(header, message)
                    if self._nurse:
                        self._nurse.take(header, message)
        if self.family.socket in ready:
            self.family.hear()
        if self._nurse:
            self._nurse.look()
        self._roll.keep(self.family, self._nurse, self.scorekeeper, self._slowness)
        self._herald.tell(self.family, self._nurse, self._slowness)
        self._display.show(self.family, self._nurse.faults if self._nurse else [], self._slowness)
        self._display.tell(self.scorekeeper.attendance.news)

    def summary(self) -> Summary:
        """The figures of the run so far."""
        faults = self._nurse.faults if self._nurse else []
        return self.scorekeeper.summary(self.family.healths(), faults)

    def end(self) -> None:
        """Note that no process is left."""
        self._roll.close(self.family, self._nurse, self.scorekeeper, self._slowness)


def _launch(watch: _Watch, settings: Settings, interrupted: Callable[[], bool]) -> None:
    """Start the processes, those that are seen before the others: all at once they would all be
    late."""
    processes = wanted(settings)
    watch.family.launch(each for each in processes if each.seen)
    deadline_ns = now_ns() + _SEEN_WITHIN_NS
    while watch.family.unheard() and now_ns() < deadline_ns and not interrupted():
        watch.look()
    watch.family.launch(each for each in processes if not each.seen)


def _start_up(watch: _Watch, settings: Settings, interrupted: Callable[[], bool]) -> None:
    """Wait until every process is ready, then give the word."""
    timeout_s = settings.runtime.startup_timeout_s
    deadline_ns = now_ns() + int(timeout_s * NS_PER_S)
    while not watch.family.all_ready():
        watch.look()
        if interrupted() or watch.family.done():
            raise RunError("stopped before the first frame", INTERRUPTED)
        if fault := watch.family.fault():
            raise RunError(fault, BEFORE_START)
        if now_ns() >= deadline_ns:
            late = [
                f"{name} ({member.health.note if member.health else 'not heard of'})"
                for name, member in watch.family.members.items()
                if member.state is not State.READY
            ]
            raise RunError(
                f"not ready within runtime.startup_timeout_s = {timeout_s:g}: {', '.join(late)}: "
                "set it higher on a slower machine"
            )
    period_ns = round(NS_PER_S / settings.run.rate_hz)
    realtime = settings.run.clock == "realtime"
    watch.begin(Start(now_ns() + _HEAD_START_NS, period_ns, realtime, 0))


def _play(watch: _Watch, interrupted: Callable[[], bool]) -> None:
    """Keep score until the run ends; :class:`RunError` where it cannot go on."""
    while not watch.family.done():
        watch.look()
        if interrupted():
            return
    deadline_ns = now_ns() + _LAST_MESSAGES_NS
    while not watch.scorekeeper.complete() and now_ns() < deadline_ns and not interrupted():
        watch.look()


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A private folder for sockets; gone afterwards, whatever a process still had in it."""
    with tempfile.TemporaryDirectory(prefix="jopa-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Whether the user asked to end: SIGINT, SIGTERM or a closed terminal are noted, no more."""
    noted: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        noted.append(number)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield lambda: bool(noted)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
