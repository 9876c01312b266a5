"""Time calls by turns, each in a process of its own."""

import multiprocessing
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

_CONTEXT = multiprocessing.get_context("spawn")
_PATIENCE_S = 400

Call = tuple[Callable[[], Any], Callable[[Any], float]]
"""What is timed, and what to report of its result."""


class Timing(NamedTuple):
    """Best seconds of a warm call by the clock and of processor time, all threads together; and
    what the contender reported of its result."""

    wall: float
    cpu: float
    reported: float

    def words(self, scale: float, unit: str) -> str:
        """Both, the processor's in brackets."""
        return f"{self.wall * scale:.4g} [{self.cpu * scale:.4g}] {unit}"


def race(
    contenders: dict[str, tuple[Any, ...]], rounds: int = 4, memory: bool = False
) -> dict[str, Timing]:
    """Time each contender ``(make, *arguments)``, where ``make(*arguments)`` gives a call and what
    to report of its result; if ``memory``, the peak of the process in bytes is reported instead.

    Who fails, or does not answer for some minutes, is said to and left out.
    """
    lanes: dict[str, tuple[Any, Connection]] = {}
    best: dict[str, Timing] = {}
    for name, task in contenders.items():
        near, far = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=_contend, args=(far, task, memory), daemon=True)
        process.start()
        far.close()
        lanes[name] = process, near
        reported = _answer(name, near)
        if reported is not None:
            best[name] = Timing(np.inf, np.inf, reported)
    for _ in range(rounds):
        for name in list(best):
            lanes[name][1].send(True)
            found, so_far = _answer(name, lanes[name][1]), best.pop(name)
            if found is not None:
                wall, cpu = found
                best[name] = Timing(min(so_far.wall, wall), min(so_far.cpu, cpu), so_far.reported)
    for process, near in lanes.values():
        near.close()
        process.join(2)
        process.kill()
    return best


def _contend(pipe: Connection, task: tuple[Any, ...], memory: bool) -> None:
    """Warm up, report, and then run for a while whenever asked to."""
    make, *arguments = task
    try:
        run_at_once()
        call, report = make(*arguments)
        found = call()
        call()
        pipe.send(float(_peak_bytes() if memory else report(found)))
        del found
        while pipe.recv():
            pipe.send(_best(call))
    except EOFError:
        return
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
        raise


def run_at_once() -> None:
    """Have jax run programs on the thread that calls them: handing short ones over takes longer
    than to run them."""
    import jax

    jax.config.update("jax_cpu_enable_async_dispatch", False)


def _best(call: Callable[[], Any], seconds: float = 0.7) -> tuple[float, float]:
    began, walls, cpus = time.perf_counter(), [], []
    while not walls or time.perf_counter() - began < seconds:
        wall, cpu = timed(call)
        walls.append(wall)
        cpus.append(cpu)
    # The processor's clock is coarse: short calls are averaged.
    return min(walls), min(cpus) if min(walls) > 0.02 else sum(cpus) / len(cpus)


def timed(call: Callable[[], Any]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def _answer(name: str, pipe: Connection) -> Any:
    try:
        found = pipe.recv() if pipe.poll(_PATIENCE_S) else f"no answer in {_PATIENCE_S} s"
    except EOFError:
        found = "the process ended"
    if isinstance(found, str):
        print(f"    {name} FAILED: {found}", flush=True)
        return None
    return found


def apart(function: Callable, *arguments: Any) -> Any:
    """``function(*arguments)`` in a fresh process."""
    with _CONTEXT.Pool(1) as pool:
        return pool.apply(function, arguments)


def _peak_bytes() -> int:
    """Peak resident memory of this process."""
    status = Path("/proc/self/status")
    if status.exists():
        # Unlike getrusage, without what the parent had in use when it started this process.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
