"""One child process of the supervisor: how it is started, and what was last heard of it."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from ...transport.clock import now_ns
from ...transport.messages import Health, State
from .folder import log_file
from .leisure import HURRY
from .progress import Progress
from .table import PRIVATE, Process


@dataclass(frozen=True)
class Folders:
    """``run`` is left behind; ``streams`` has the launch files and all sockets but the scoring
    ones, which are in ``private``."""

    run: Path
    streams: Path
    private: Path | None


@dataclass
class Member:
    """One child: its process, and the last that was heard of it."""

    process: Process
    generation: int
    popen: subprocess.Popen
    log: Path
    health: Health | None = None
    began_ns: int = field(default_factory=now_ns)
    progress: Progress = field(default_factory=lambda: Progress(now_ns()))

    @property
    def identity(self) -> bytes:
        """Its name on the control channel."""
        return f"{self.process.name}.{self.generation}".encode()

    @property
    def state(self) -> State:
        return State.STARTING if self.health is None else self.health.state

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    @property
    def stopped(self) -> bool:
        """Whether a signal holds it up, as far as the system tells (macOS does not)."""
        if not self.alive or not hasattr(os, "waitid"):
            return False
        look = os.WSTOPPED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.popen.pid, look) is not None

    @property
    def tick(self) -> int:
        return self.progress.tick

    def hear(self, health: Health, tick: int) -> None:
        """Take in what it has said."""
        self.health = health
        self.progress.hear(now_ns(), tick)

    def end(self) -> str:
        """How it ended, in words."""
        status = self.popen.returncode
        if status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        lines = [line for line in lines if line.strip()]
        said = lines[-1].strip() if lines else f"exit status {status}"
        return f"ended: {said} (see {self.log})"

    def hurry(self) -> None:
        """End the leisure of a spare: it is needed."""
        if self.alive:
            self.popen.send_signal(HURRY)

    def kill(self) -> None:
        """End it at once, and wait until it has ended."""
        if self.alive:
            self.popen.kill()
        self.popen.wait()
        if self.popen.stdin:
            self.popen.stdin.close()


def spawn(process: Process, generation: int, folders: Folders, spare: bool = False) -> Member:
    """Start a process, with the command that starts it by hand; a ``spare`` gets ready without
    haste.

    It is in a session of its own, so that Ctrl-C reaches the supervisor alone; its standard input
    is a pipe, whose end tells it that the supervisor has died.
    """
    command: list[str | Path] = [sys.executable, "-P", "-m", str(__package__)]
    command += [process.name, folders.streams, "--run", folders.run.absolute()]
    if folders.private and set(PRIVATE).intersection(process.writes):
        command += ["--private", folders.private]
    if generation:
        command += ["--generation", str(generation)]
    if spare:
        command.append("--spare")
    file = log_file(folders.run, process.name)
    try:
        log = file.open("ab" if generation else "wb")
    except OSError:  # the run folder is gone, or the disk full: the run goes on
        log = None
    try:
        popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log or subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    finally:
        if log:
            log.close()
    return Member(process, generation, popen, file)
