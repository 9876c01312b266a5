"""Evaluation: the same mind as the inference process, without sockets, episode after episode."""

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from ...configs.settings import Settings
from ...envs import Body
from ..bodies import body_for
from ..jax_setup import set_up_jax
from ..mind import Mind, load_mind
from .conditions import AS_IT_IS, Conditions
from .episode import Episode, Task, play_episode


def evaluate(
    settings: Settings,
    model: Path,
    tasks: Sequence[Task],
    conditions: Conditions = AS_IT_IS,
    progress: Callable[[Episode], None] | None = None,
) -> list[Episode]:
    """Play the ``tasks`` over all cores; the episodes come in their order.

    The result of an episode does not depend on the others, nor on how many cores there are.
    """
    done: dict[int, Episode] = {}
    with ProcessPoolExecutor(
        min(len(tasks), _cpus()),
        get_context("spawn"),
        initializer=_prepare,
        initargs=(settings, model, conditions),
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
    conditions: Conditions


def _prepare(settings: Settings, model: Path, conditions: Conditions) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    set_up_jax()
    _Worker.settings, _Worker.conditions = settings, conditions
    _Worker.body = body_for(settings)
    _Worker.mind = load_mind(model, settings)
    _Worker.mind.compile()


def _play(task: Task) -> Episode:
    return play_episode(_Worker.mind, _Worker.body, task, _Worker.settings, _Worker.conditions)


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
