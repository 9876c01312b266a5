"""Slow features alone: a fixed linear map from a frame's principal components to its pose."""

import numpy as np

from .fitted import Assignment, Fitted
from .prediction import fit_last_layer
from .seen import see
from .slow_features import slow_directions


def fit_slow(asked: Assignment) -> Fitted:
    """Slow features, and the transition that predicts them best."""
    seen, few = see(asked), asked.schedule.slow_components
    slow = np.zeros((asked.poses, seen.components.shape[-1]))
    slow[:, :few] = slow_directions(
        seen.components[..., :few].astype(np.float64), asked.poses, seen.weights
    )
    encoder = seen.encoder(slow)
    return Fitted(encoder, *fit_last_layer(seen.poses(encoder), asked, seen.even))
