"""Evaluation: the same mind as the inference process, without sockets, episode after episode."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from ...configs.settings import Settings
from ...envs import Body, read_goal
from ..bodies import body_for
from ..jax_setup import set_up_jax
from ..mind import Mind, load_mind
from .score import Score, score

RETURN_STEPS = 200  # the length of Pendulum-v1's own episodes


@dataclass(frozen=True)
class Episode:
    """One episode: the torques played, the sum of the first 200 rewards, and the true score."""

    seed: int
    controls: np.ndarray
    reward_sum: float
    score: Score

    def as_dict(self) -> dict[str, Any]:
        """As JSON takes it; without the torques."""
        return {"seed": self.seed, "return": self.reward_sum, **asdict(self.score)}


def play_episode(
    mind: Mind, body: Body, goal: np.ndarray, goal_angle: float, settings: Settings, seed: int
) -> Episode:
    """Play ``settings.run.duration_s`` seconds of the body's time from the start of ``seed``."""
    run = settings.run
    image = body.reset(seed, run.start)
    mind.reset(seed)
    mind.set_goal(goal)
    control = np.zeros_like(body.spec.safe_control)
    angles, rewards, controls = [body.truth().state[0]], [], []
    for _ in range(round(run.duration_s / body.spec.period_s)):
        control = mind.step(image, control).controls[0]
        image = body.step(control)
        truth = body.truth()
        angles.append(truth.state[0])
        rewards.append(truth.reward)
        controls.append(control)
    result = score(np.array(angles), goal_angle, body.spec.period_s, run.tolerance_rad)
    return Episode(seed, np.array(controls), float(np.sum(rewards[:RETURN_STEPS])), result)


def evaluate(
    settings: Settings,
    model: Path,
    episodes: int,
    progress: Callable[[Episode], None] | None = None,
) -> dict[str, Any]:
    """Play ``episodes`` episodes with seeds from ``settings.run.seed`` on, over all cores.

    Returns what the command writes as JSON: every episode and the means of all. The result of an
    episode does not depend on the others, nor on how many cores there are.
    """
    seeds = range(settings.run.seed, settings.run.seed + episodes)
    workers = min(episodes, _cpus())
    done: list[Episode] = []
    with ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=_prepare, initargs=(settings, model)
    ) as pool:
        try:
            for future in as_completed([pool.submit(_play, seed) for seed in seeds]):
                done.append(future.result())
                if progress:
                    progress(done[-1])
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)  # only what is being played ends
            raise
    done.sort(key=lambda episode: episode.seed)
    scores = [episode.score for episode in done]
    steps = [each.steps_to_reach for each in scores if each.steps_to_reach is not None]
    return {
        "environment": settings.body.name,
        "model": str(model),
        "goal": settings.run.goal,
        "reset": settings.run.start,
        "seconds": settings.run.duration_s,
        "seed": settings.run.seed,
        "mean_return": float(np.mean([episode.reward_sum for episode in done])),
        "return_standard_error": float(
            np.std([episode.reward_sum for episode in done]) / np.sqrt(episodes)
        ),
        "reached_fraction": float(np.mean([each.reached for each in scores])),
        "held_fraction": float(np.mean([each.held for each in scores])),
        "median_steps_to_reach": float(np.median(steps)) if steps else None,
        "max_error_last_10s": float(max(each.max_error_last_10s for each in scores)),
        "episodes": [episode.as_dict() for episode in done],
    }


class _Worker:
    """What one worker process keeps between episodes."""

    mind: Mind
    body: Body
    settings: Settings
    goal: np.ndarray
    goal_angle: float


def _prepare(settings: Settings, model: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    set_up_jax()
    _Worker.settings = settings
    _Worker.body = body_for(settings)
    goal = read_goal(settings.run.goal, _Worker.body)
    _Worker.goal, _Worker.goal_angle = goal.image, goal.angle
    _Worker.mind = load_mind(model, settings)
    _Worker.mind.compile()


def _play(seed: int) -> Episode:
    return play_episode(
        _Worker.mind, _Worker.body, _Worker.goal, _Worker.goal_angle, _Worker.settings, seed
    )


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
