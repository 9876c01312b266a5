"""Evaluation: the same mind as the inference process, without sockets, episode after episode."""

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol, TypeVar

from ...configs.settings import Settings
from ...envs import Body
from ..bodies import body_for
from ..jax_setup import set_up_jax
from ..mind import Mind
from ..minds import load_mind

Played = TypeVar("Played")
Result = TypeVar("Result", covariant=True)


class Task(Protocol[Result]):
    """Something to be played with a mind and a body, and what comes of it."""

    def play(self, mind: Mind, body: Body, settings: Settings) -> Result:
        """Play it from the start of an episode."""
        ...


def evaluate(
    settings: Settings,
    model: Path,
    tasks: Sequence[Task[Played]],
    progress: Callable[[Played], None] | None = None,
) -> list[Played]:
    """Play the ``tasks`` over all cores; what comes of them is in their order.

    The result of a task does not depend on the others, nor on how many cores there are.
    """
    done: dict[int, Played] = {}
    with ProcessPoolExecutor(
        min(len(tasks), _cpus()),
        get_context("spawn"),
        initializer=_prepare,
        initargs=(settings, model),
    ) as pool:
        try:
            waiting = {pool.submit(_play, task): index for index, task in enumerate(tasks)}
            for future in as_completed(waiting):
                done[waiting[future]] = future.result()
                if progress:
                    progress(future.result())
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)  # only what is being played ends
            raise
    return [done[index] for index in range(len(tasks))]


class _Worker:
    """What one worker process keeps between episodes."""

    mind: Mind
    body: Body
    settings: Settings


def _prepare(settings: Settings, model: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    set_up_jax(one_thread=True)
    _Worker.settings = settings
    _Worker.body = body_for(settings)
    _Worker.mind = load_mind(model, settings)
    _Worker.mind.compile()


def _play(task: Task[Played]) -> Played:
    return task.play(_Worker.mind, _Worker.body, _Worker.settings)


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
