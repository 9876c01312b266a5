"""Experience on the way to goals of the agent's own choosing."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .dataset import Dataset
from .drive import Errand, Outing

_NEAR = 0.2  # poses this near count as known to each other, in the pose's standard deviations


def explore(outing: Outing) -> Dataset:
    """Record ``settings.frames`` frames on an ``outing``.

    At the start of every segment it is for a frame of those ``known``, the rarer its pose the
    likelier; random controls are added to those that are planned.
    """
    known, settings = outing.known, outing.settings
    rng = np.random.default_rng(outing.seed)
    frames = known.frames.reshape(-1, *known.frames.shape[2:])
    poses = np.asarray(outing.model.poses(jnp.asarray(known.frames)))
    chances = _rareness(poses.reshape(len(frames), -1))
    length = known.frames.shape[1]
    errands = [
        Errand(frames[rng.choice(len(frames), p=chances)], 1, not k % settings.segments_per_reset)
        for k in range(-(-settings.frames // length))
    ]
    return outing.experience(outing.drive(errands, settings.noise))


def _rareness(poses: Float[np.ndarray, "N d"]) -> Float[np.ndarray, "N"]:
    """Chances that are inverse to how many poses lie near."""
    apart = np.zeros((len(poses), len(poses)))
    for coordinate in poses.T.astype(np.float64):
        apart += (coordinate[:, None] - coordinate) ** 2
    rare = 1 / np.exp(-apart / (2 * _NEAR**2)).sum(1)
    return rare / rare.sum()
