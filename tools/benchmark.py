"""Measure what the README promises: training, filter and plan, a soak, the rate, and the start.

    python tools/benchmark.py [--soak-minutes 10] [--skip train,plan,soak,rate,start]

Needs the package installed with its extra ``test``. Prints one row a figure, with its bound.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

_COMMAND = [sys.executable, "-m", "jopa_agent.agent"]
_PARTS = ("train", "plan", "soak", "rate", "start")
_RATES_HZ = (20, 30, 40, 50, 60, 70, 80, 100)


def main() -> None:
    """Measure all parts but those that are skipped."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition(chr(10))[0])
    parser.add_argument("--soak-minutes", type=float, default=10.0, metavar="MINUTES")
    parser.add_argument("--skip", default="", metavar="PART,…", help=f"of {', '.join(_PARTS)}")
    arguments = parser.parse_args()
    skipped = arguments.skip.split(",") if arguments.skip else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "train" not in skipped:
            _train(folder)
        if "plan" not in skipped:
            _plan()
        if "soak" not in skipped:
            _soak(folder, arguments.soak_minutes)
        if "rate" not in skipped:
            _rate(folder)
        if "start" not in skipped:
            _start(folder)


def _train(folder: Path) -> None:
    """Learn the pendulum from nothing, with the seed 0."""
    file = folder / "train.json"
    seconds = _timed("train", "pendulum", "--seed", "0", "--out", folder / "model", "--json", file)
    found = json.loads(file.read_text())
    what = f"training from nothing, {found['frames']} frames"
    _row(what, f"{found['verdict']}, {seconds:.0f} s", "300 s")


def _plan() -> None:
    """Filter and plan, warm, on one core, as inference runs them, over a minute of the closed loop
    from hanging; and the filter once more by itself, with the processor's caches its own."""
    if hasattr(os, "sched_setaffinity"):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cores)})
    import jax
    from jopa_agent.agent.graph.motion import start_belief
    from jopa_agent.agent.jax_setup import set_up_jax
    from jopa_agent.agent.learning.checkpoint import load_model
    from jopa_agent.agent.minds import load_mind
    from jopa_agent.agent.observe import observe
    from jopa_agent.configs.settings import read_preset, settings_from, shipped_model
    from jopa_agent.envs.camera import Camera
    from jopa_agent.envs.pendulum import Pendulum

    set_up_jax(one_thread=True)
    settings = settings_from(read_preset("pendulum"))
    body = Pendulum(Camera(settings.body.camera_crop_px, settings.body.camera_size_px))
    mind = load_mind(shipped_model("pendulum"), settings)
    mind.compile()
    image, control = body.reset(0, "hanging"), np.zeros(1, np.float32)
    mind.set_goal(body.picture(0.0))
    times, seen = [], []
    for _ in range(1200):
        seen.append((image, control))
        step = mind.step(image, control)
        control = step.controls[0]
        image = body.step(control)
        times.append((step.filter_ns, step.plan_ns))
    model = load_model(shipped_model("pendulum"), settings.body)
    alone, filtered = [], jax.jit(observe)
    belief = start_belief(model.transition, np.zeros(model.transition.outputs, np.float32))
    for tick, (image, control) in enumerate(seen):
        began = time.perf_counter_ns()
        found = filtered(model, belief, image, control, np.bool_(tick == 0), np.bool_(True))
        belief, _ = jax.block_until_ready(found)
        alone.append(time.perf_counter_ns() - began)
    filters, plans = np.array(times[1:]).T
    for name, values, bound in (
        ("filter by itself", alone[1:], 0.5),
        ("filter between plans", filters, 0.5),
        ("plan", plans, 10),
    ):
        p50, p99 = np.percentile(np.array(values) / 1e6, [50, 99])
        _row(f"{name} p50 / p99, one core", f"{p50:.2f} / {p99:.2f} ms", f"p99 {bound} ms")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def _soak(folder: Path, minutes: float) -> None:
    """All processes in real time, headless, with their memory watched."""
    file = folder / "soak.json"
    words = ["run", "pendulum", "--headless", "--duration", f"{60 * minutes:g}"]
    run = subprocess.Popen(
        [*_COMMAND, *words, "--out", folder / "soak", "--json", file],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    seconds, memory = zip(*_memory_of(run), strict=True)
    if run.returncode:
        raise SystemExit(f"the soak ended with exit code {run.returncode}")
    figures = json.loads(file.read_text())
    latency = figures["frame_to_command_ms"]
    share = figures["missed_deadlines"] / figures["ticks"]
    # The end of the run, when the picture is drawn, is not part of the loop.
    settled = [size for at, size in zip(seconds, memory, strict=True) if 60 < at < seconds[-1] - 10]
    growth = max(settled) - settled[0] if settled else float("nan")
    _row("missed deadlines", f"{figures['missed_deadlines']} ({share:.3%})", "0.1 %")
    _row("frame to command p50 / p99", f"{latency['p50']:.1f} / {latency['p99']:.1f} ms", "15 / 40")
    _row("memory growth after the first minute", f"{growth / 2**20:.1f} MiB", "20 MB")
    _row("held to the end", str(figures["held"]), "True")
    rhythm = figures["step_periods"]
    _row("jitter of the steps, in periods", f"{rhythm['std']:.4f}", "0.05")
    _row("mean period off by", f"{abs(rhythm['mean'] - 1):.4%}", "0.5 %")


def _rate(folder: Path) -> None:
    """The highest rate at which 20 s miss no deadline; the body goes faster than it is."""
    best = None
    for rate in _RATES_HZ:
        file = folder / "rate.json"
        words = ("--rate", str(rate), "--duration", f"{rate:d}", "--runtime.command_lead_ms", "1")
        _timed("run", "pendulum", "--headless", *words, "--out", folder / "rate", "--json", file)
        figures = json.loads(file.read_text())
        missed, plan = figures["missed_deadlines"], figures["plan_ms"]["p99"]
        _row(f"missed of {figures['ticks']} at {rate} Hz", f"{missed}, plan p99 {plan:.1f} ms", "0")
        best = rate if not missed else best
        if missed > 0.2 * figures["ticks"]:
            break
    _row("highest rate without a miss", f"{best} Hz", "aim 100 Hz")


def _memory_of(run: subprocess.Popen) -> Iterator[tuple[float, int]]:
    """Seconds since the start, and resident bytes of all processes of the run, until it ends."""
    began = time.monotonic()
    parent = psutil.Process(run.pid)
    while run.poll() is None:
        try:
            family = [parent, *parent.children(recursive=True)]
            yield time.monotonic() - began, sum(each.memory_info().rss for each in family)
        except psutil.NoSuchProcess:
            continue
        time.sleep(2)


def _start(folder: Path) -> None:
    """From the command to the first torque, with everything compiled before."""
    for name in ("cold or warm", "warm"):
        file = folder / "start.json"
        began = time.monotonic_ns()
        _timed("run", "pendulum", "--headless", "--duration", "1", "--out", folder / "start",
               "--json", file)  # fmt: skip
        seconds = (json.loads(file.read_text())["first_command_ns"] - began) / 1e9
        _row(f"command to first torque, {name}", f"{seconds:.1f} s", "15 s, warm")


def _timed(*words: str | Path) -> float:
    began = time.monotonic()
    subprocess.run([*_COMMAND, *words], check=True, capture_output=True)
    return time.monotonic() - began


def _row(what: str, figure: str, bound: str) -> None:
    print(f"{what:38} {figure:>22}   (bound: {bound})", flush=True)


if __name__ == "__main__":
    main()
