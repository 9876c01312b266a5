"""What can be known at best: exact inference with the true model, in plain numpy, for scoring."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Exact(NamedTuple):
    """Probabilities of the states, ``(N, T, k)``: from each frame alone, from the frames up to it,
    and from all."""

    single: Float[np.ndarray, "N T k"]
    filtered: Float[np.ndarray, "N T k"]
    smoothed: Float[np.ndarray, "N T k"]


def gaussian_log_likelihood(
    emissions: Float[np.ndarray, "N T d"], means: Float[np.ndarray, "k d"]
) -> Float[np.ndarray, "N T k"]:
    """Of emissions with unit variance around their state's mean, but for a constant."""
    return -0.5 * np.square(emissions[:, :, None] - means).sum(axis=-1)


def exact_posteriors(
    log_likelihood: Float[np.ndarray, "N T k"],
    transition: Float[np.ndarray, "k k u"],
    actions: Int[np.ndarray, "N T-1"],
    prior: Float[np.ndarray, "k"],
) -> Exact:
    """Forward and backward recursions of a hidden Markov model, float64 (Rabiner, 1989)."""
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=-1, keepdims=True))
    moves = np.moveaxis(transition, -1, 0)[actions]  # (N, T-1, next, state)
    count, length, states = likelihood.shape
    forward, backward = np.empty_like(likelihood), np.ones_like(likelihood)
    predicted = np.broadcast_to(prior, (count, states))
    for step in range(length):
        forward[:, step] = _normal(predicted * likelihood[:, step])
        if step < length - 1:
            predicted = np.einsum("njk,nk->nj", moves[:, step], forward[:, step])
    for step in range(length - 2, -1, -1):
        later = likelihood[:, step + 1] * backward[:, step + 1]
        backward[:, step] = _normal(np.einsum("njk,nj->nk", moves[:, step], later))
    return Exact(_normal(prior * likelihood), forward, _normal(forward * backward))


def _normal(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum(axis=-1, keepdims=True)
