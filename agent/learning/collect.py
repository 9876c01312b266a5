"""Experience under random controls: what the body looks like, and what its controls do."""

from collections.abc import Callable

import numpy as np

from ...configs.sections import Collect
from ...envs import Body
from .dataset import Dataset


def collect(
    body: Body, settings: Collect, seed: int, progress: Callable[[int], None] | None = None
) -> Dataset:
    """Record ``settings.frames`` frames of ``body`` under random controls.

    Every segment begins with the environment's own reset. A control is uniform within the limits
    and held for a random number of steps: torque that changes every step averages out and
    moves a heavy body very little. ``progress`` is called with the frames recorded so far.
    """
    rng = np.random.default_rng(seed)
    length = min(settings.segment_frames, settings.frames)
    segments = -(-settings.frames // length)
    frames = np.empty((segments, length, *body.spec.frame_shape), dtype=np.uint8)
    controls = np.empty((segments, length - 1, body.spec.control_low.size), dtype=np.float32)
    for segment in range(segments):
        frames[segment, 0] = body.reset(int(rng.integers(2**31)), "gymnasium")
        controls[segment] = _held_controls(rng, length - 1, settings.hold_steps, body)
        for step, control in enumerate(controls[segment]):
            frames[segment, step + 1] = body.step(control)
        if progress:
            progress((segment + 1) * length)
    return Dataset(frames, controls, body.spec.name, seed)


def _held_controls(rng: np.random.Generator, steps: int, longest: int, body: Body) -> np.ndarray:
    low, high = body.spec.control_low, body.spec.control_high
    holds = rng.integers(1, longest + 1, size=steps)
    values = rng.uniform(low, high, size=(steps, low.size))
    return np.repeat(values, holds, axis=0)[:steps].astype(np.float32)
