"""Which category stands for which state: for scoring alone, as no agent is told."""

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment


def aligned(
    found: Int[np.ndarray, "*n"], states: Int[np.ndarray, "*n"], count: int
) -> Int[np.ndarray, "*n"]:
    """``found`` in the states' numbers: the one-to-one assignment with the fewest errors."""
    return assignment(found, states, count)[found]


def assignment(
    found: Int[np.ndarray, "*n"], states: Int[np.ndarray, "*n"], count: int
) -> Int[np.ndarray, "count"]:
    """The state that each category is taken for (Kuhn, 1955)."""
    hits = np.zeros((count, count))
    np.add.at(hits, (found.ravel(), states.ravel()), 1)
    return linear_sum_assignment(-hits)[1]


def confusion(
    found: Int[np.ndarray, "*n"], states: Int[np.ndarray, "*n"], count: int
) -> Float[np.ndarray, "count count"]:
    """How often each true state, a row, is taken for each, as shares of the row."""
    hits = np.zeros((count, count))
    np.add.at(hits, (states.ravel(), found.ravel()), 1)
    return hits / np.maximum(hits.sum(axis=1, keepdims=True), 1)
