"""The supervisor's child processes: started, heard, spoken to, and ended together."""

import signal
from collections.abc import Iterable

import zmq

from ...transport import sockets
from ...transport.clock import NS_PER_S, now_ns
from ...transport.codec import WireError, decode, encode
from ...transport.messages import Header, Health, Message, Start, State, Stop
from .member import Folders, Member, spawn
from .table import Process

_TERMINATE_S = 0.5


class Family:
    """All children of a run. Leaving the ``with`` block ends those that are still there.

    ``members`` are those that do the work, by name, ``spares`` those that stand by for them, and
    ``past`` has the last words of those that were replaced.
    """

    def __init__(self, context: zmq.Context, folders: Folders, stop_timeout_s: float) -> None:
        self.socket = sockets.control_centre(context, folders.streams)
        self.members: dict[str, Member] = {}
        self.spares: dict[str, Member] = {}
        self.past: list[Health] = []
        self._folders, self._stop_timeout_s = folders, stop_timeout_s
        self._generations: dict[str, int] = {}
        self._sequence = 0

    def launch(self, processes: Iterable[Process]) -> None:
        """Start ``processes``."""
        for process in processes:
            self.members[process.name] = self._spawn(process)

    def stand_by(self, process: Process) -> None:
        """Start a spare for ``process``."""
        self.spares[process.name] = self._spawn(process, spare=True)

    def replace(self, name: str) -> None:
        """Put another process in the place of the one called ``name``, which is killed if it still
        lives: its spare where that is ready."""
        member = self.members[name]
        member.kill()
        if member.health:
            self.past.append(member.health)
        spare = self.spares.pop(name, None)
        if spare and spare.alive:
            spare.hurry()
        else:
            spare = None
        self.members[name] = spare or self._spawn(member.process)

    def dismiss(self, name: str) -> None:
        """Go on without the process called ``name``."""
        member = self.members.pop(name)
        member.kill()
        if member.health:
            self.past.append(member.health)

    def dismiss_those_who_left(self) -> None:
        """Go on without those that have ended of their own accord, where the run may."""
        for name, member in list(self.members.items()):
            if member.process.optional and member.state is State.STOPPED:
                self.dismiss(name)

    def __enter__(self) -> "Family":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def hear(self) -> None:
        """Take in what the children have said; answer a last word, so that its sender may go."""
        while True:
            try:
                parts = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            member = next((each for each in self._all() if each.identity == parts[0]), None)
            try:
                header, health = decode(parts[-1])
            except WireError:
                continue
            if member is None or not isinstance(health, Health):
                continue
            member.hear(health, header.tick)
            if health.state in (State.STOPPED, State.FAILED):
                self.tell(member, Stop())

    def healths(self) -> list[Health]:
        """The last words of all who have worked in this run."""
        return self.past + [each.health for each in self.members.values() if each.health]

    def refused(self, optional: bool = True) -> str | None:
        """Why a process says that the run cannot go on, in one line, or None; those that are
        optional count where it is said so."""
        for name, member in self.members.items():
            counts = optional or not member.process.optional
            if counts and member.state is State.FAILED and member.health is not None:
                return f"{name}: {member.health.note}"
        return None

    def fault(self) -> str | None:
        """Why the run cannot begin: what :meth:`refused` says, or that a process has ended."""
        for name, member in self.members.items():
            if not member.alive and member.state is not State.FAILED:
                return f"{name} {member.end()}"
        return self.refused()

    def unheard(self) -> bool:
        """Whether one that lives has not said anything yet."""
        return any(each.alive and each.health is None for each in self.members.values())

    def all_ready(self) -> bool:
        return all(member.state is State.READY for member in self.members.values())

    def done(self) -> bool:
        """Whether one of them has said that the run may end."""
        return any(member.state is State.DONE for member in self.members.values())

    def begin(self, start: Start) -> None:
        for member in self.members.values():
            self.tell(member, start)

    def tell(self, member: Member, message: Message, header: Header | None = None) -> None:
        """Send ``member`` a message, under a header of its own or one that it came with."""
        data = encode(header or Header(0, self._sequence, now_ns()), message)
        self.socket.send_multipart([member.identity, data], zmq.NOBLOCK)
        self._sequence += 1

    def stop(self) -> None:
        """End all of them: by word, then by signal; those that are not ready yet at once."""
        for member in self._all():
            if member.state is State.STARTING:
                member.popen.terminate()
            else:
                self.tell(member, Stop())
        self._await_end(self._stop_timeout_s)
        self._signal_living(signal.SIGTERM)
        self._await_end(_TERMINATE_S)
        for member in self._all():
            member.kill()

    def _all(self) -> list[Member]:
        return [*self.members.values(), *self.spares.values()]

    def _spawn(self, process: Process, spare: bool = False) -> Member:
        generation = self._generations.get(process.name, -1) + 1
        self._generations[process.name] = generation
        return spawn(process, generation, self._folders, spare)

    def _await_end(self, timeout_s: float) -> None:
        deadline_ns = now_ns() + int(timeout_s * NS_PER_S)
        while now_ns() < deadline_ns and any(member.alive for member in self._all()):
            self.socket.poll(10)
            self.hear()

    def _signal_living(self, number: signal.Signals) -> None:
        for member in self._all():
            if member.alive:
                member.popen.send_signal(number)
