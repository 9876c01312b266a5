"""Kills and stops the processes of a real run at random moments, and measures what follows.

``python tools/chaos.py --minutes 10`` runs the agent with a port and a remote sensor, deals a blow
every so often, and prints a table: for each kind of blow, the tries, the longest time for which
controls from before it still acted (then comes the safe control, or a new plan), until another
process did the work, until the pendulum was upright again, and the most frames that were not
recorded. The figures come from the run's own recording, which ``jopa-agent replay RUN --verify``
can check afterwards. Two short runs follow, whose disk is full or whose folder is deleted on the
way.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
import zmq
from chaos_report import Blow, Row, figures, show
from jopa_agent.transport import PeerError, Sensor
from jopa_agent.transport.clock import now_ns
from jopa_agent.transport.codec import encode
from jopa_agent.transport.messages import Header, Join, Kind, Role

SIGNALS = (signal.SIGKILL, signal.SIGSTOP)
FIRST_S, GAP_S = 8.0, (10.0, 14.0)  # until the first blow, and between two
DEAF, DEAF_S = 20, 8.0  # observers that never read, and for how long: the port's queues fill
SHORT_S, HURT_AT_S = 30, 12.0  # of the runs without a disk or a folder

_WINDOW = """
import sys
from jopa_agent.agent import cli, running

running.display_available = lambda: True  # SDL's dummy, which nobody sees
sys.exit(cli.main(sys.argv[1:]))
"""


def main() -> int:
    arguments = _arguments()
    load = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory(prefix="jopa-chaos-") as name:
        out = arguments.out or Path(name) / "run"
        blows, status = _torment(out, arguments)
        load.append(os.getloadavg()[0])
        summary = json.loads((out / "run.json").read_text())
        rows, others = figures(out, blows, summary["faults"])
        for hurt in (_fill_disk, _delete_folder):
            rows.append(_short(Path(name) / hurt.__name__, arguments, hurt))
        load.append(os.getloadavg()[0])
    show(rows)
    print(f"faults that no blow explains: {others}")
    print(f"exit status {status}; {summary['ticks']} ticks; missed: {summary['misses']}")
    print(f"load of the machine on {os.cpu_count()} cores: {', '.join(f'{x:.1f}' for x in load)}")
    return status


def _torment(out: Path, arguments: argparse.Namespace) -> tuple[list[Blow], int]:
    """Run the agent, a blow every so often; the blows, and its exit status."""
    rng, seconds = random.Random(arguments.seed), 60 * arguments.minutes
    address = _free_address()
    words = ["--listen", address, "--sensor", "probe,rate_hz=20", "--runtime.restarts", "20"]
    run = _start(out, seconds, arguments.window, words)
    with _speaking(address):
        _wait_until_at_work(run, out)
        ends, next_s = time.monotonic() + seconds, time.monotonic() + FIRST_S
        blows, order = [], []
        while run.poll() is None:
            time.sleep(0.01)
            if time.monotonic() < next_s or next_s > ends - GAP_S[1]:
                continue
            working = _at_work(out)
            if not working:
                continue  # still busy with the last one
            order = order or _all_blows(working, rng)
            name, number = order.pop()
            blows.append(Blow(name, number.name if number else "never read", now_ns()))
            if number is None:
                _be_deaf(address)
            else:
                os.kill(working[name], number)
            next_s = time.monotonic() + rng.uniform(*GAP_S)
    return blows, run.returncode


def _all_blows(names: Sequence[str] | dict[str, int], rng: random.Random) -> list:
    """Each process with each signal, and observers that never read, in any order."""
    all_of_them = [(name, number) for name in sorted(names) for number in SIGNALS]
    all_of_them.append((f"{DEAF} observers", None))
    return rng.sample(all_of_them, len(all_of_them))


def _short(out: Path, arguments: argparse.Namespace, hurt) -> Row:
    """What becomes of control when ``hurt`` is done to a run that has begun."""
    figures_file = out.with_name(f"{out.name}.json")
    run = _start(out, SHORT_S, arguments.window, ["--json", str(figures_file)])
    _wait_until_at_work(run, out)
    time.sleep(HURT_AT_S)
    what, lost = hurt(out)
    run.wait()
    summary = json.loads(figures_file.read_text()) if figures_file.exists() else None
    return Row.of_run(what, summary, lost)


def _fill_disk(out: Path) -> tuple[str, str]:
    """The recorder's files may not grow any more."""
    largest = max(file.stat().st_size for file in out.glob("recording-*.mcap"))
    recorder = psutil.Process(_at_work(out)["recorder"])
    recorder.rlimit(psutil.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    return "disk full", "what comes later is not recorded"


def _delete_folder(out: Path) -> tuple[str, str]:
    shutil.rmtree(out)
    return "run folder deleted", "the folder"


def _start(out: Path, seconds: float, window: bool, words: Sequence[str]) -> subprocess.Popen:
    command = [sys.executable, "-c", _WINDOW, "run", "pendulum", "--out", str(out)]
    command += ["--duration", str(seconds), *words]
    environment = dict(os.environ)
    if window:
        environment["SDL_VIDEODRIVER"] = "dummy"
    else:
        command.append("--headless")
    with (Path(tempfile.gettempdir()) / "jopa-chaos.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def _wait_until_at_work(run: subprocess.Popen, out: Path) -> None:
    while not _at_work(out):
        if run.poll() is not None:
            raise SystemExit("the run has ended before it began: see jopa-chaos.log")
        time.sleep(0.05)


def _at_work(out: Path) -> dict[str, int]:
    """Pids of the processes, once all of them work."""
    try:
        roll = json.loads((out / "processes.json").read_text())
    except OSError:
        return {}
    if any(each["state"] != "running" for each in roll.values()):
        return {}
    return {name: each["pid"] for name, each in roll.items()}


@contextmanager
def _speaking(address: str) -> Iterator[None]:
    """A remote sensor sends readings meanwhile."""
    ended = threading.Event()

    def speak() -> None:
        while not ended.is_set():
            with suppress(PeerError), Sensor(address, "probe", rate_hz=20, timeout_s=5) as probe:
                while not ended.wait(0.05):
                    probe.send(0.0)

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _be_deaf(address: str) -> None:
    """Observers that join, and never read."""
    context, join = zmq.Context(), None
    for number in range(DEAF):
        line = context.socket(zmq.DEALER)
        line.setsockopt(zmq.RCVHWM, 1)
        line.connect(address)
        join = Join(Role.OBSERVER, f"deaf{number}", Kind.NOTHING, np.ones(1, np.int64), 1.0, "")
        line.send(encode(Header(0, 0, now_ns()), join))
    time.sleep(DEAF_S)
    context.destroy(linger=0)


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition(chr(10))[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the run [10]")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the order [0]")
    parser.add_argument("--out", type=Path, help="keep the run folder there")
    parser.add_argument(
        "--window", action="store_true", help="with the viewer among the processes, unseen"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
