"""One episode of the mind with a body, and what was noted of it."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ...configs.settings import Settings
from ...envs import Body, Goal
from ..mind import Mind
from .conditions import AS_IT_IS, PRESS, PRESSED_S, Conditions, FaultyCamera
from .score import Score, angle_error, score_errors

RETURN_STEPS = 200  # the length of Pendulum-v1's own episodes
_FRAMES = 12
NEAR = 0.15
"""Of the poses' standard deviation: where a body has no angle, this near counts as at the goal."""


@dataclass(frozen=True)
class Task:
    """What is to be done: a goal, the seed of the start, and what it is made harder with."""

    goal: Goal
    seed: int
    conditions: Conditions = AS_IT_IS

    def play(self, mind: Mind, body: Body, settings: Settings) -> "Episode":
        """Play it; see :func:`play_episode`."""
        return play_episode(mind, body, self, settings)


@dataclass(frozen=True)
class Episode:
    """One episode, tick by tick: ``states`` ``(T+1, 2)`` true angle and velocity, ``controls``
    ``(T, p)`` as planned, ``distances`` ``(T,)`` of the believed pose from the goal's, ``errors``
    what it was scored by, ``surprises`` ``(T,)`` of the frames in sigmas and ``filter_ms`` and
    ``plan_ms`` ``(T,)``; ``frames`` at ``frame_ticks``; the sum of the first 200 rewards, and the
    number of coordinates of a pose."""

    goal: str
    goal_can_be_held: bool | None
    seed: int
    score: Score
    reward_sum: float
    poses: int
    states: np.ndarray = field(repr=False)
    controls: np.ndarray = field(repr=False)
    distances: np.ndarray = field(repr=False)
    errors: np.ndarray = field(repr=False)
    surprises: np.ndarray = field(repr=False)
    filter_ms: np.ndarray = field(repr=False)
    plan_ms: np.ndarray = field(repr=False)
    frames: np.ndarray = field(repr=False)
    frame_ticks: np.ndarray = field(repr=False)

    @property
    def succeeded(self) -> bool:
        """Held, or passed again and again where the goal cannot be held."""
        return self.score.passed if self.goal_can_be_held is False else self.score.held

    def as_dict(self) -> dict[str, Any]:
        """Its figures, as JSON takes them."""
        return {
            "goal": self.goal,
            "seed": self.seed,
            "succeeded": self.succeeded,
            "return": self.reward_sum,
            **asdict(self.score),
        }


def play_episode(mind: Mind, body: Body, task: Task, settings: Settings) -> Episode:
    """Play ``settings.run.duration_s`` seconds of the body's time from the start of the seed.

    What is scored is the true angle or, where the body has none, the believed distance.
    """
    run, seed, goal, period_s = settings.run, task.seed, task.goal, body.spec.period_s
    conditions = task.conditions
    ticks = round(run.duration_s / period_s)
    camera = FaultyCamera(conditions.faults, ticks, period_s, seed)
    kept = np.unique(np.linspace(0, max(ticks - 1, 0), _FRAMES).round().astype(int))
    sign = 1 if seed % 2 else -1
    if conditions.change:
        body.alter(body.physics)  # type: ignore[attr-defined]
    image = body.reset(seed, run.start)
    mind.reset(seed)
    can_be_held = mind.set_goal(goal.image)
    control = np.zeros_like(body.spec.safe_control)
    states, rewards, steps, frames = [body.truth().state], [], [], []
    for tick in range(ticks):
        if tick == ticks // 2 and isinstance(conditions.kick, float):
            body.push(sign * conditions.kick)  # type: ignore[attr-defined]
        if tick == ticks // 2 and conditions.change:
            body.alter(conditions.change)  # type: ignore[attr-defined]
        step = mind.step(camera.sees(tick, image), control)
        if run.learn:
            mind.learn()
        if tick in kept:
            frames.append(image)
        control = step.controls[0]
        pressed = conditions.kick == PRESS and 0 <= tick - ticks // 2 < PRESSED_S / period_s
        image = body.step(_pressing(body, sign) if pressed else control)
        truth = body.truth()
        states.append(truth.state)
        rewards.append(truth.reward)
        steps.append(step)
    distances = np.array([step.distance for step in steps])
    angles = np.array(states)[:, 0]
    by_angle = goal.angle is not None
    errors = angle_error(angles, goal.angle) if by_angle else distances  # type: ignore[arg-type]
    tolerance = run.tolerance_rad if by_angle else NEAR
    return Episode(
        goal=goal.name,
        goal_can_be_held=goal.can_be_held if by_angle else can_be_held,
        seed=seed,
        score=score_errors(errors, period_s, tolerance),
        reward_sum=float(np.sum(rewards[:RETURN_STEPS])),
        poses=steps[0].goal.size,
        states=np.array(states),
        controls=np.array([step.controls[0] for step in steps]),
        distances=distances,
        errors=errors,
        surprises=np.array([step.surprise for step in steps]),
        filter_ms=np.array([step.filter_ns for step in steps]) / 1e6,
        plan_ms=np.array([step.plan_ns for step in steps]) / 1e6,
        frames=np.array(frames),
        frame_ticks=kept,
    )


def _pressing(body: Body, sign: int) -> np.ndarray:
    return body.spec.control_high if sign > 0 else body.spec.control_low
