"""How soon the window opens, and whether control is later with a window than without.

    python tools/benchmark_window.py [--pairs 5] [--seconds 20]

Runs of the pendulum with and without a window by turns, the window on a virtual screen of Xvfb,
found by xwininfo. Prints a row a run, then the medians, and by how much they differ.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

_TITLE = "jopa-agent: pendulum"
_PATIENCE_S = 60.0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=5, metavar="N", help="of runs [5]")
    parser.add_argument("--seconds", type=float, default=20.0, metavar="S", help="of each [20]")
    arguments = parser.parse_args()
    if not (shutil.which("Xvfb") and shutil.which("xwininfo")):
        print("needs Xvfb and xwininfo: install them with the system's packages", file=sys.stderr)
        return 2
    opened: list[float] = []
    spreads: dict[bool, list[dict[str, float]]] = {True: [], False: []}
    with screen() as display, tempfile.TemporaryDirectory() as name:
        for number in range(2 * arguments.pairs):
            windowed = number % 2 == 1
            after_s, spread = played(Path(name) / str(number), display, windowed, arguments.seconds)
            spreads[windowed].append(spread)
            if after_s is not None:
                opened.append(after_s)
            after = "" if after_s is None else f", open after {after_s:.2f} s"
            kind = "window  " if windowed else "headless"
            print(f"{kind}  p50 {spread['p50']:.2f}, p99 {spread['p99']:.2f} ms{after}", flush=True)
    print(f"the window opens {median(opened):.2f} s after the command (longest {max(opened):.2f})")
    for name in ("p50", "p99"):
        bare, shown = (median(each[name] for each in spreads[kind]) for kind in (False, True))
        more = 100 * (shown / bare - 1)
        print(f"frame to command, {name}: {bare:.2f} ms, with it {shown:.2f} ms ({more:+.1f} %)")
    return 0


@contextmanager
def screen() -> Iterator[str]:
    """A virtual screen; its name."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    command.append("-noreset")  # which would take a moment after each window
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as told:
        yield f":{told.readline().strip()}"
    server.terminate()
    server.wait()


def played(
    out: Path, display: str, windowed: bool, seconds: float
) -> tuple[float | None, dict[str, float]]:
    """One run: after how many seconds its window was there, if it has one, and how the times from
    frame to command are spread."""
    command = [sys.executable, "-m", "jopa_agent.agent", "run", "pendulum"]
    command += ["--duration", str(seconds), "--out", str(out)]
    if not windowed:
        command.append("--headless")
    environment = os.environ | {"DISPLAY": display}
    environment.pop("SDL_VIDEODRIVER", None)
    began = time.monotonic()
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet) as run:
        after_s = seen_after(began, environment) if windowed else None
        run.wait()
    return after_s, json.loads((out / "run.json").read_text())["frame_to_command_ms"]


def seen_after(began: float, environment: dict[str, str]) -> float:
    """Seconds until the window is on the screen."""
    command = ["xwininfo", "-name", _TITLE]
    while time.monotonic() < began + _PATIENCE_S:
        found = subprocess.run(command, env=environment, capture_output=True, check=False)
        if found.returncode == 0:
            return time.monotonic() - began
        time.sleep(0.02)
    raise TimeoutError(f"no window within {_PATIENCE_S:g} s")


if __name__ == "__main__":
    sys.exit(main())
