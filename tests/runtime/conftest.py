"""Runs of the real processes over real sockets, in a place whose remains can be looked at."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
import tomli_w
from jopa_agent.agent.prepare import prepare
from jopa_agent.agent.runtime import supervisor
from jopa_agent.configs.settings import Settings, read_preset, settings_from, shipped_model

_SUPERVISE = """
import signal
import sys
from pathlib import Path
from jopa_agent.agent.prepare import prepare
from jopa_agent.agent.runtime import supervisor
from jopa_agent.agent.runtime.errors import RunError
from jopa_agent.configs.settings import read_file, settings_from

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run where it is ignored
base, model = map(Path, sys.argv[1:])
try:
    launch, goal = prepare(settings_from(read_file(base / "settings.toml")), model)
    if unwritten := supervisor.run(launch, goal, base / "run").unwritten:
        raise unwritten
except RunError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def wait_until(condition: Callable[[], Any], timeout_s: float = 120.0) -> Any:
    """Look again and again until ``condition`` holds; its value."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("the condition did not come true")
        time.sleep(0.01)
    return value


class Place:
    """A folder for one run or several: ``out`` is the run folder, ``temporary`` is TMPDIR.

    What is spawned gets ``prefix`` in front of its command.
    """

    prefix: Sequence[str] = ()

    def __init__(self, base: Path) -> None:
        self.out, self.temporary = base / "run", base / "tmp"
        self.model = shipped_model("pendulum")
        self._base = base
        self.temporary.mkdir()

    def settings(self, **run: Any) -> Settings:
        """A short run in lockstep without a window, but for what ``run`` says."""
        short = {"headless": True, "clock": "lockstep", "duration_s": 1.0}
        return settings_from(read_preset("pendulum"), {"run": short | run})

    def run(self, settings: Settings) -> supervisor.Outcome:
        """A run with its supervisor in this process."""
        return supervisor.run(*prepare(settings, self.model), self.out)

    def spawn(self, settings: Settings) -> subprocess.Popen:
        """A run with its supervisor in a process of its own."""
        (self._base / "settings.toml").write_text(tomli_w.dumps(settings.model_dump()))
        command = [*self.prefix, sys.executable, "-c", _SUPERVISE, str(self._base), str(self.model)]
        environment = os.environ | {"TMPDIR": str(self.temporary)}
        with (self._base / "terminal.txt").open("wb") as terminal:
            return subprocess.Popen(command, stderr=terminal, env=environment)

    def terminal(self) -> str:
        """What the spawned run has printed so far."""
        return (self._base / "terminal.txt").read_text()

    def processes(self) -> list[psutil.Process]:
        """Processes of runs in this place."""
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if any(str(self._base) in word for word in process.info["cmdline"] or ())
        ]

    def remains(self) -> list[Any]:
        """Processes, sockets and temporary folders that are left of a run."""
        return [*self.processes(), *self.temporary.iterdir()]

    def child(self, name: str) -> psutil.Process | None:
        """The process called ``name`` of a run in this place."""
        named = [process for process in self.processes() if name in process.info["cmdline"]]
        return named[0] if named else None


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    base = Path(tempfile.mkdtemp(prefix="jopa-test-", dir="/tmp"))  # sockets need a short path
    place = Place(base)
    monkeypatch.setattr(tempfile, "tempdir", str(place.temporary))
    yield place
    for process in place.processes():
        process.kill()
    shutil.rmtree(base)


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., Any]:
    return wait_until
