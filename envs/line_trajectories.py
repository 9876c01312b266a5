"""Many trajectories of the line world at once, under random actions; their labels apart."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from .line_world import ACTIONS, MEANS, NOISE, STATES, transition_matrix


class Trajectories(NamedTuple):
    """What an agent may see: emissions, and the actions between two of them."""

    emissions: Float[np.ndarray, "N T 2"]
    actions: Int[np.ndarray, "N T-1"]


Labels = Int[np.ndarray, "N T"]


def draw_trajectories(
    seed: int | Sequence[int], count: int, length: int, noise: float = NOISE
) -> tuple[Trajectories, Labels]:
    """``count`` trajectories of ``length`` frames, and their true states, for scoring alone.

    They begin in all states equally often; actions are drawn evenly. Emissions are float32.
    """
    rng = np.random.default_rng(seed)
    actions = rng.integers(len(ACTIONS), size=(count, length - 1))
    cumulative = transition_matrix(noise).cumsum(axis=0)
    states = np.empty((count, length), np.int64)
    states[:, 0] = rng.permutation(np.arange(count) % STATES)
    for step in range(length - 1):
        below = cumulative[:-1, states[:, step], actions[:, step]]
        states[:, step + 1] = (rng.random(count) > below).sum(axis=0)
    emissions = MEANS[states] + rng.standard_normal((count, length, 2))
    return Trajectories(emissions.astype(np.float32), actions), states
