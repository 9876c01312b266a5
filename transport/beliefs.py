"""What kind of belief a message carries, told by its numbers alone."""

import numpy as np

_ROUNDING = 1e-4


def is_categorical(mean: np.ndarray, std: np.ndarray) -> bool:
    """Whether ``mean`` ``(..., k)`` are probabilities of ``k`` states, and ``std`` the deviations
    of their indicators: then a belief is about which of them it is, and no Gaussian.

    Rows of which nothing is known, with a NaN, are left out.
    """
    mean, std = np.asarray(mean, np.float64), np.asarray(std, np.float64)
    known = np.isfinite(mean).all(axis=-1)
    mean, std = mean[known], std[known]
    if mean.shape[-1] < 2 or not mean.size or (mean < -_ROUNDING).any():
        return False
    sums = np.abs(mean.sum(axis=-1) - 1) < _ROUNDING
    spread = np.abs(std**2 - mean * (1 - mean)) < _ROUNDING
    return bool(sums.all() and spread.all())
