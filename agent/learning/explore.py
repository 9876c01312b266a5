"""Experience on the way to goals of the agent's own choosing."""

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ...configs.settings import Explore
from ...envs import Body
from ..mind import Mind
from ..model import Model
from .dataset import Dataset

_NEAR = 0.2  # poses this near count as known to each other, in the pose's standard deviations


def explore(
    mind: Mind,
    model: Model,
    body: Body,
    known: Dataset,
    settings: Explore,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> Dataset:
    """Record ``settings.frames`` frames while ``mind``, which holds ``model``, drives ``body``.

    At the start of every segment it wishes for a frame of ``known``, the rarer its pose the
    likelier; random controls are added to those that it plans. ``progress`` is called with the
    frames recorded so far. Segments are as long as those of ``known``.
    """
    rng = np.random.default_rng(seed)
    frames = known.frames.reshape(-1, *known.frames.shape[2:])
    chances = _rareness(np.asarray(jax.jit(jax.vmap(model.encoder))(jnp.asarray(frames))))
    length = known.frames.shape[1]
    count = -(-settings.frames // length)
    shape = (count, length, *body.spec.frame_shape)
    seen = np.empty(shape, np.uint8)
    applied = np.zeros((count, length - 1, body.spec.control_low.size), np.float32)
    for segment in range(count):
        if segment % settings.segments_per_reset == 0:
            image = body.reset(int(rng.integers(2**31)), "gymnasium")
            mind.reset(int(rng.integers(2**31)))
            control = np.zeros_like(body.spec.safe_control)
        mind.set_goal(frames[rng.choice(len(frames), p=chances)])
        seen[segment, 0] = image
        for step in range(length - 1):
            control = _shaken(mind.step(image, control).controls[0], body, settings.noise, rng)
            image = body.step(control)
            applied[segment, step], seen[segment, step + 1] = control, image
        # The next segment begins one step on, so that no frame stands in two.
        control = _shaken(mind.step(image, control).controls[0], body, settings.noise, rng)
        image = body.step(control)
        if progress:
            progress((segment + 1) * length)
    return replace(known, frames=seen, controls=applied)


def _rareness(poses: Float[np.ndarray, "N d"]) -> Float[np.ndarray, "N"]:
    """Chances that are inverse to how many poses lie near."""
    apart = np.zeros((len(poses), len(poses)))
    for coordinate in poses.T.astype(np.float64):
        apart += (coordinate[:, None] - coordinate) ** 2
    rare = 1 / np.exp(-apart / (2 * _NEAR**2)).sum(1)
    return rare / rare.sum()


def _shaken(control: np.ndarray, body: Body, noise: float, rng: np.random.Generator) -> np.ndarray:
    low, high = body.spec.control_low, body.spec.control_high
    random = noise * 0.5 * (high - low) * rng.normal(size=low.size)
    return np.clip(control + random, low, high).astype(np.float32)
