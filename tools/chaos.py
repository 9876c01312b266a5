"""Kills and stops the processes of a real run at random moments, and measures what follows.

``python tools/chaos.py --minutes 10`` prints a table: for each process and signal, the tries, the
longest time from the blow until another did its work, until the pendulum was upright again, and the
most frames that were not recorded; and how old a plan was that still acted. The figures come from
the run's own recording, which ``jopa-agent replay RUN --verify`` can check afterwards.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jopa_agent.agent.runs.recorded import RecordedRun
from jopa_agent.transport.clock import NS_PER_S, now_ns
from jopa_agent.transport.messages import Belief, Command, Frame, Origin

SIGNALS = (signal.SIGKILL, signal.SIGSTOP)
UPRIGHT = 0.15  # latent distance
FIRST_S, GAP_S = 8.0, (10.0, 14.0)  # until the first fault, and between two


@dataclass
class Blow:
    """A signal that a process was sent, and when (monotonic)."""

    process: str
    signal: signal.Signals
    moment_ns: int


def main() -> int:
    arguments = _arguments()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="jopa-chaos-") as name:
        out = arguments.out or Path(name) / "run"
        blows, status = _torment(out, arguments.minutes * 60, rng, arguments.window)
        summary = json.loads((out / "run.json").read_text())
        faults = [f for f in summary["faults"] if f["back_after_s"] is not None]
        if len(faults) != len(blows):
            print(f"{len(blows)} blows, but {len(faults)} faults that ended")
        back_ns = [fault["lost_ns"] + fault["back_after_s"] * NS_PER_S for fault in faults]
        _report(out, blows, back_ns)
        print(f"exit status {status}; missed: {summary['misses']}; {summary['ticks']} ticks")
    return status


def _torment(out: Path, seconds: float, rng: random.Random, window: bool) -> tuple[list[Blow], int]:
    """Run the agent for ``seconds``, a blow every so often; the blows, and its exit status."""
    command = [sys.executable, "-m", "jopa_agent.agent", "run", "pendulum", "--out", str(out)]
    command += ["--duration", str(seconds), "--runtime.restarts", "20"]
    if not window:
        command.append("--headless")
    with (Path(tempfile.gettempdir()) / "jopa-chaos.log").open("wb") as log:
        run = subprocess.Popen(command, stdout=log, stderr=log)
    while not _at_work(out):
        time.sleep(0.05)
    ends, next_s = time.monotonic() + seconds, time.monotonic() + FIRST_S
    blows, order = [], []
    while run.poll() is None:
        time.sleep(0.01)
        if time.monotonic() < next_s or next_s > ends - GAP_S[1]:
            continue
        working = _at_work(out)
        order = order or rng.sample(
            [(name, number) for name in sorted(working) for number in SIGNALS],
            len(working) * len(SIGNALS),
        )
        name, number = order.pop()
        if name in working:
            blows.append(Blow(name, number, now_ns()))
            os.kill(working[name], number)
        next_s = time.monotonic() + rng.uniform(*GAP_S)
    return blows, run.returncode


def _at_work(out: Path) -> dict[str, int]:
    """Pids of the processes, once all of them work."""
    try:
        roll = json.loads((out / "processes.json").read_text())
    except OSError:
        return {}
    if any(each["state"] != "running" for each in roll.values()):
        return {}
    return {name: each["pid"] for name, each in roll.items()}


def _report(out: Path, blows: list[Blow], back_ns: list[float]) -> None:
    run = RecordedRun(out)
    period_ns = run.launch.body.period_s * NS_PER_S
    frames: dict[int, int] = {}
    commands: dict[int, tuple[Origin, int]] = {}
    away: list[tuple[int, float]] = []
    for recorded in run:
        header, message = recorded.header, recorded.message
        match message:
            case Frame():
                frames[header.tick] = message.applied_ns
            case Command():
                commands[header.tick] = message.origin, message.frame_stamp_ns
            case Belief():
                away.append((header.stamp_ns, message.distance))
    stamps, distances = (np.array(column) for column in zip(*away, strict=True))
    oldest = max(
        (frames[tick] - stamp) / period_ns
        for tick, (origin, stamp) in commands.items()
        if origin is not Origin.SAFE and tick in frames
    )
    rows: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for number, (blow, back_at) in enumerate(zip(blows, back_ns, strict=False)):
        back = (back_at - blow.moment_ns) / NS_PER_S
        until = blows[number + 1].moment_ns if number + 1 < len(blows) else stamps[-1]
        later = (stamps > blow.moment_ns) & (stamps <= until)
        wrong = np.flatnonzero(later & (distances > UPRIGHT))
        regained = (stamps[wrong[-1]] - blow.moment_ns) / NS_PER_S if len(wrong) else 0.0
        still = distances[later][-1] > UPRIGHT if later.any() else True
        expected = (until - blow.moment_ns) / period_ns
        lost = expected - sum(blow.moment_ns < at <= until for at in frames.values())
        key = blow.process, blow.signal.name
        rows.setdefault(key, []).append((back, np.inf if still else regained, max(0.0, lost)))
    print(f"{'process':10} {'signal':8} tries  back s  upright again s  frames lost   (worst)")
    for (process, name), found in sorted(rows.items()):
        back, regained, lost = (max(column) for column in zip(*found, strict=True))
        print(f"{process:10} {name:8} {len(found):5} {back:7.2f} {regained:16.1f} {lost:12.0f}")
    print(f"the oldest plan that acted: {oldest:.2f} periods from its frame's capture")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition(chr(10))[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the run [10]")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the order [0]")
    parser.add_argument("--out", type=Path, help="keep the run folder there")
    parser.add_argument("--window", action="store_true", help="with the viewer among the processes")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
