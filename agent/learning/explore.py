"""Experience on the way to goals of the agent's own choosing."""

from collections.abc import Callable
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ...configs.settings import Explore
from ...envs import Body
from ..mind import Mind
from ..model import Model
from .dataset import Dataset
from .drive import Errand, drive

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
    poses = np.asarray(model.poses(jnp.asarray(known.frames)))
    chances = _rareness(poses.reshape(len(frames), -1))
    length = known.frames.shape[1]
    errands = [
        Errand(frames[rng.choice(len(frames), p=chances)], 1, not k % settings.segments_per_reset)
        for k in range(-(-settings.frames // length))
    ]
    driven = drive(mind, body, errands, length, settings.noise, seed, progress)
    return replace(known, frames=driven.frames, controls=driven.controls)


def _rareness(poses: Float[np.ndarray, "N d"]) -> Float[np.ndarray, "N"]:
    """Chances that are inverse to how many poses lie near."""
    apart = np.zeros((len(poses), len(poses)))
    for coordinate in poses.T.astype(np.float64):
        apart += (coordinate[:, None] - coordinate) ** 2
    rare = 1 / np.exp(-apart / (2 * _NEAR**2)).sum(1)
    return rare / rare.sum()
