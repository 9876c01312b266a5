"""The body under the agent's own plans, on the way to goals, and what is recorded of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8

from ...configs.sections import Explore
from ...envs import Body
from ..mind import Mind
from ..model import Model
from .dataset import Dataset


class Errand(NamedTuple):
    """A goal picture to make for during ``segments``; before it the body may be ``reset``.

    It is over before that after a segment which ``done``, if there is one, says yes to, from the
    distances ``(T,)`` of the believed pose to the goal's at each of its frames.
    """

    goal: UInt8[np.ndarray, "height width channel"]
    segments: int
    reset: bool
    done: Callable[[Float[np.ndarray, "T"]], bool] | None = None


class Driven(NamedTuple):
    """What was recorded: frames and controls in segments, and which errands were ``done``."""

    frames: UInt8[np.ndarray, "S T height width channel"]
    controls: Float[np.ndarray, "S T-1 p"]
    done: Bool[np.ndarray, "errands"]


@dataclass(frozen=True)
class Outing:
    """What a body is driven for: ``mind``, which holds ``model``, drives ``body``; goals are chosen
    among the frames of ``known``, and segments are as long as its. ``progress`` is called with the
    frames recorded so far."""

    mind: Mind
    model: Model
    body: Body
    known: Dataset
    settings: Explore
    seed: int
    progress: Callable[[int], None] | None = None

    def drive(self, errands: Iterable[Errand], noise: float) -> Driven:
        """Run the ``errands``; see :func:`drive`."""
        length = self.known.frames.shape[1]
        return drive(self.mind, self.body, errands, length, noise, self.seed, self.progress)

    def experience(self, driven: Driven) -> Dataset:
        """What was recorded, as that of ``known``."""
        return replace(self.known, frames=driven.frames, controls=driven.controls)


def drive(
    mind: Mind,
    body: Body,
    errands: Iterable[Errand],
    length: int,
    noise: float,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> Driven:
    """Run the ``errands`` one after the other, in segments of ``length`` frames.

    The first begins with a reset. Random controls of ``noise``, as a share of the limit, are added
    to those that are planned. Each segment goes on one step after the one before, so that no frame
    stands in two. ``progress`` is called with the frames recorded so far.
    """
    rng = np.random.default_rng(seed)
    frames, controls, done = [], [], []
    image = None
    control = np.zeros_like(body.spec.safe_control)
    for errand in errands:
        if image is None or errand.reset:
            image = body.reset(int(rng.integers(2**31)), "gymnasium")
            mind.reset(int(rng.integers(2**31)))
            control = np.zeros_like(body.spec.safe_control)
        mind.set_goal(errand.goal)
        done.append(False)
        for _ in range(errand.segments):
            seen, applied, away = [], [], []
            for _ in range(length):
                step = mind.step(image, control)
                control = _shaken(step.controls[0], body, noise, rng)
                seen.append(image)
                applied.append(control)
                away.append(step.distance)
                image = body.step(control)
            frames.append(np.stack(seen))
            controls.append(np.stack(applied[:-1]))
            if progress:
                progress(len(frames) * length)
            if errand.done and errand.done(np.array(away)):
                done[-1] = True
                break
    return Driven(np.stack(frames), np.stack(controls), np.array(done))


def _shaken(control: np.ndarray, body: Body, noise: float, rng: np.random.Generator) -> np.ndarray:
    low, high = body.spec.control_low, body.spec.control_high
    random = noise * 0.5 * (high - low) * rng.normal(size=low.size)
    return np.clip(control + random, low, high).astype(np.float32)
