"""A bar that turns in a small picture: frames, controls and angles to train encoders on."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from jopa_agent.agent.encoders.fitted import Assignment, Schedule
from jopa_agent.agent.graph.features import polynomial_powers

SEGMENTS, LENGTH, SIZE, POSES = 12, 40, 10, 2
POWERS = polynomial_powers(2 * POSES, 1, 2, 1)
STEPS = 400  # progress is told every 200
SCHEDULE = Schedule(
    components=10,
    slow_components=4,
    width=8,
    steps=STEPS,
    batch=8,
    learning_rate=3e-3,
    window=2,
    reference=128,
    filtered=3,
    predicted=4,
)


class Movie(NamedTuple):
    frames: np.ndarray
    controls: np.ndarray
    angles: np.ndarray


@cache
def make_movie() -> Movie:
    """A blurred spot on a circle, pushed by a random torque and slowed by friction."""
    rng = np.random.default_rng(0)
    controls = np.repeat(rng.uniform(-1, 1, (SEGMENTS, LENGTH, 1)), 4, axis=1)[:, : LENGTH - 1]
    angle, speed = rng.uniform(0, 2 * np.pi, SEGMENTS), np.zeros(SEGMENTS)
    angles = [angle]
    for control in controls[:, :, 0].T:
        speed = 0.95 * speed + 0.05 * control
        angle = angle + speed
        angles.append(angle)
    turned = np.stack(angles, axis=1)
    axis = np.linspace(-1.5, 1.5, SIZE)
    away = (axis[:, None] - np.sin(turned)[..., None, None]) ** 2
    away = away + (axis - np.cos(turned)[..., None, None]) ** 2
    frames = (255 * np.exp(-away / 0.3)).astype(np.uint8)[..., None]
    return Movie(frames, controls.astype(np.float32), turned)


def assignment(seed: int, progress: Callable[[int, float], None]) -> Assignment:
    """To learn the poses of the movie."""
    movie = make_movie()
    return Assignment(movie.frames, movie.controls, POWERS, POSES, seed, SCHEDULE, progress)
