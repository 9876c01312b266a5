"""Time the four queries of the graph, side by side with other libraries where they are installed.

    python tools/benchmark_graph.py [filter] [plan] [learn] [scale] [smooth] [compile]

Measures the named parts, or all. Needs the package with its extra ``peers`` for the comparisons;
their parallel modes compile for minutes. Calls run on the thread that makes them, for all alike.
Every figure is the best of many warm repetitions, in seconds of the clock and of the processor:
where others use the machine too, only the latter mean something. Libraries that are compared run by
turns, each in a process of its own, so that a machine whose speed drifts is the same for all.
"""

import argparse
import os
from collections.abc import Callable
from functools import partial

import benchmark_peers as peers
import numpy as np
from benchmark_calls import JITTED, OURS, compiled_anew, filterer, learner, planner, smoother
from benchmark_race import Timing, apart, race

_LENGTHS = (100, 1_000, 10_000, 50_000, 1_000_000)


def main() -> None:
    """Measure the parts that are named."""
    parts: dict[str, Callable[[], None]] = {
        "filter": _filter,
        "plan": _plan,
        "learn": _learn,
        "scale": _scale,
        "smooth": _smooth,
        "compile": _compile,
    }
    parser = argparse.ArgumentParser(description=str(__doc__).partition(chr(10))[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}")
    parser.add_argument("--longest", type=float, default=_LENGTHS[-1], help="steps of smoothing")
    parser.add_argument(
        "--sequential", action="store_true", help="leave out the others' parallel smoothers"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(parts)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; choose of {', '.join(parts)}")
    modes = peers.MODES[:1] if arguments.sequential else peers.MODES
    parts["smooth"] = partial(_smooth, arguments.longest, modes)
    for name in peers.missing():
        print(f"{name} is not installed: NOT compared with it; install the extra 'peers'")
    for name in arguments.parts or parts:
        print(f"-- {name}")
        parts[name]()


def _filter() -> None:
    """Per step, d = 4: one call a step, and all in one scan."""
    steps = 10_000
    bounds = {"stream": "60 µs", "scan": "10 µs, aim 3"}
    for way, count in (("stream", 2_000), ("scan", steps)):
        names = [OURS, f"{OURS}, learned"]
        if way == "stream":
            names.insert(1, JITTED)
            names += ["cuthbert"] * ("cuthbert" not in peers.missing())
        else:
            names += [f"{name}, {mode}" for name in _peers() for mode in peers.MODES[:1]]
        times = race({name: (filterer, way, name, count) for name in names})
        for name, timing in times.items():
            bound = bounds[way] if name.startswith(OURS) else ""
            _row(f"filter d=4, {way}, {name}", timing.words(1e6 / count, "µs a step"), bound)
        _ratio(f"filter d=4, {way}", times)


def _plan() -> None:
    """The exact posterior over 20 controls of a linear model, d = 4."""
    times = race({name: (planner, name) for name in (OURS, f"{OURS}, learned")})
    for name, timing in times.items():
        _row(f"plan d=4, H=20, {name}", timing.words(1e3, "ms"), "1 ms")


def _learn() -> None:
    """50 iterations, d = 4, trajectories of 80 steps."""
    for count, bound in ((10, "100 ms, aim 40"), (100, "500 ms, aim 250")):
        for timing in race({OURS: (learner, 4, count, 80, 50)}).values():
            _row(f"learn d=4, {count}×80, 50 iterations", timing.words(1e3, "ms"), bound)
            _row("    free energy's largest rise", f"{timing.reported:.1e}", "none but rounding")


def _scale() -> None:
    """Time and memory of learning from 1,000 steps as the state grows."""
    sizes, steps = (4, 8, 16, 32, 64), 1_000
    seconds, memory = [], []
    for d in sizes:
        short = race({OURS: (learner, d, 1, 16, 10)}, memory=True).get(OURS)
        long = race({OURS: (learner, d, 1, steps, 10)}, memory=True).get(OURS)
        if short is None or long is None:
            return
        seconds.append(long.cpu)
        memory.append((long.reported - short.reported) / 1e6)
        figure = f"{long.words(1e3, 'ms')}, {memory[-1]:.1f} MB"
        bound = "100 MB beyond the data" if d == 32 else ""
        _row(f"learn d={d}, 1×{steps}, 10 iterations", figure, bound)
    print("    memory: peak of the process, less the peak of one that learns from 16 steps")
    for name, values, bound in (("processor time", seconds, 3), ("memory", memory, 2)):
        powers = np.diff(np.log2(np.maximum(values, 1e-9)))
        _row(
            f"    {name} ~ d^k: k at each doubling",
            " ".join(f"{k:.1f}" for k in powers),
            f"{bound}",
        )


def _smooth(longest: float = _LENGTHS[-1], modes: tuple[str, ...] = peers.MODES) -> None:
    """All beliefs of one long trajectory, d = 2, against the other libraries' best mode."""
    per_step = []
    for steps in _LENGTHS:
        if steps > longest:
            continue
        names = [OURS, JITTED, *(f"{name}, {mode}" for name in _peers() for mode in modes)]
        times = race({name: (smoother, name, steps) for name in names})
        for name, timing in times.items():
            figure = timing.words(1e6 / steps, "µs a step")
            _row(f"smooth d=2, T={steps:,}, {name}", figure, f"error {timing.reported:.0e}")
        _ratio(f"smooth d=2, T={steps:,}", times)
        if OURS in times:
            per_step.append(times[OURS].cpu / steps)
    print("    error: largest, of float32 against float64, in sigmas")
    growth = max(per_step[2:], default=np.nan) / min(per_step[2:], default=np.nan)
    _row("    processor time a step, most by least, T >= 1e4", f"{growth:.2f}", "1: linear in T")


def _compile() -> None:
    """The first call of each query in a fresh process, less a warm one."""
    for name in ("filter", "step", "smooth", "plan", "plan within limits", "learn"):
        timing, programs = apart(compiled_anew, name)
        _row(f"compile {name}, {programs} programs", timing.words(1, "s"), "3 s")
        _row("    compilations for new data, new parameters", f"{timing.reported:.0f}", "0")


def _peers() -> list[str]:
    return [name for name in peers.LIBRARIES if name not in peers.missing()]


def _ratio(what: str, times: dict[str, Timing]) -> None:
    """How much faster we are than the fastest of the others, all in a function of the caller's
    that is compiled, where it was measured so."""
    others = [name for name in times if not name.startswith(OURS)]
    mine = JITTED if JITTED in times else OURS
    if not others or mine not in times:
        return
    ours = times[mine]
    wall = min(others, key=lambda name: times[name].wall)
    cpu = min(times[name].cpu for name in others)
    figure = f"{times[wall].wall / ours.wall:.2f} [{cpu / ours.cpu:.2f}] ×"
    _row(f"{what}: {wall} / {mine}", figure, "above 1")


def _row(what: str, figure: str, bound: str) -> None:
    print(f"{what:52} {figure:>36}   {f'({bound})' if bound else ''}", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    main()
