"""The supervisor's child processes: how they are started, heard, and ended."""

import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import zmq

from ...transport import sockets
from ...transport.clock import NS_PER_S, now_ns
from ...transport.codec import WireError, decode, encode
from ...transport.messages import Header, Health, Start, State, Stop
from .folder import log_file
from .table import PRIVATE, Process

_TERMINATE_S = 0.5


@dataclass
class Member:
    """One child: its process, and the last that was heard of it."""

    process: Process
    popen: subprocess.Popen
    health: Health | None = None
    tick: int = -1

    @property
    def state(self) -> State:
        return State.STARTING if self.health is None else self.health.state

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None


class Family:
    """All children of a run. Leaving the ``with`` block ends those that are still there."""

    def __init__(
        self,
        context: zmq.Context,
        run: Path,
        streams: Path,
        private: Path | None,
        stop_timeout_s: float,
    ) -> None:
        """``run`` is the run folder, ``streams`` the folder of all sockets but the scoring ones,
        which are in ``private``."""
        self.socket = sockets.control_centre(context, streams)
        self.members: dict[str, Member] = {}
        self._run, self._streams, self._private = run, streams, private
        self._stop_timeout_s = stop_timeout_s
        self._sequence = 0

    def launch(self, processes: Iterable[Process]) -> None:
        """Start ``processes``, with the command that starts them by hand."""
        module = [sys.executable, "-P", "-m", str(__package__)]
        for process in processes:
            command = [*module, process.name, self._run, self._streams]
            if self._private and set(PRIVATE).intersection(process.writes):
                command += ["--private", self._private]
            self.members[process.name] = Member(process, self._spawn(process.name, command))

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
            member = self.members.get(parts[0].decode(errors="replace"))
            try:
                header, health = decode(parts[-1])
            except WireError:
                continue
            if member is None or not isinstance(health, Health):
                continue
            member.health, member.tick = health, header.tick
            if health.state in (State.STOPPED, State.FAILED):
                self._tell(member, Stop())

    def fault(self) -> str | None:
        """Why the run cannot go on, in one line, or None."""
        for name, member in self.members.items():
            if member.state is State.FAILED and member.health is not None:
                return f"{name}: {member.health.note}"
            if not member.alive:
                return f"{name} {self._end_of(name, member.popen.returncode)}"
        return None

    def all_ready(self) -> bool:
        return all(member.state is State.READY for member in self.members.values())

    def done(self) -> bool:
        """Whether one of them has said that the run may end."""
        return any(member.state is State.DONE for member in self.members.values())

    def begin(self, start: Start) -> None:
        for member in self.members.values():
            self._tell(member, start)

    def stop(self) -> None:
        """End all of them: by word, then by signal; those that are not ready yet at once."""
        for member in self.members.values():
            if member.state is State.STARTING:
                member.popen.terminate()
            else:
                self._tell(member, Stop())
        self._await_end(self._stop_timeout_s)
        self._signal_living(signal.SIGTERM)
        self._await_end(_TERMINATE_S)
        self._signal_living(signal.SIGKILL)
        for member in self.members.values():
            member.popen.wait()
            if member.popen.stdin:
                member.popen.stdin.close()

    def _spawn(self, name: str, command: list[str | Path]) -> subprocess.Popen:
        """Start a child: in a session of its own, so that Ctrl-C reaches the supervisor alone; its
        standard input a pipe, whose end tells it that the supervisor has died."""
        with log_file(self._run, name).open("wb") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _tell(self, member: Member, message: Start | Stop) -> None:
        data = encode(Header(0, self._sequence, now_ns()), message)
        self.socket.send_multipart([member.process.name.encode(), data], zmq.NOBLOCK)
        self._sequence += 1

    def _await_end(self, timeout_s: float) -> None:
        deadline_ns = now_ns() + int(timeout_s * NS_PER_S)
        while now_ns() < deadline_ns and any(member.alive for member in self.members.values()):
            self.socket.poll(10)
            self.hear()

    def _signal_living(self, number: signal.Signals) -> None:
        for member in self.members.values():
            if member.alive:
                member.popen.send_signal(number)

    def _end_of(self, name: str, status: int) -> str:
        file = log_file(self._run, name)
        if status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        lines = [line for line in file.read_text(errors="replace").splitlines() if line.strip()]
        said = lines[-1].strip() if lines else f"exit status {status}"
        return f"ended: {said} (see {file})"
