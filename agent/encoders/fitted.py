"""What every kind of encoder is fitted with, and what comes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from ..graph.features import PolynomialFeatures, Powers
from .views import Encoder


@dataclass(frozen=True)
class Schedule:
    """Sizes of an encoder and of its training."""

    components: int
    slow_components: int
    width: int
    steps: int
    batch: int
    learning_rate: float
    window: int  # frames that an autoencoder looks at
    reference: int = 1024  # frames that set the whitening of a step
    filtered: int = 4  # steps that find the velocity before the prediction begins
    predicted: int = 10  # steps predicted without looking
    weight_decay: float = 1e-5
    covariance_penalty: float = 1e-2
    unevenness_penalty: float = 3e-2
    compared: int = 256  # ways that distances of poses are compared with in a step


@dataclass(frozen=True)
class Assignment:
    """What to fit an encoder to: segments of ``frames`` and ``controls``, of a body whose pose has
    ``poses`` coordinates and whose motion is linear in the features ``powers``.

    ``progress`` is called with the optimiser's steps done, of ``schedule.steps``, and the loss.
    """

    frames: UInt8[np.ndarray, "S T height width channel"]
    controls: Float[np.ndarray, "S T-1 p"]
    powers: Powers
    poses: int
    seed: int
    schedule: Schedule
    progress: Callable[[int, float], None] | None = None


class Fitted(NamedTuple):
    """A trained encoder, and the transition that goes with it: its features, and the mean of its
    last layer, float64 ``(k, d)``; what was lost in each round of an encoder that learns in rounds,
    nats a view."""

    encoder: Encoder
    features: PolynomialFeatures
    last_layer: Float[np.ndarray, "k d"]
    losses: tuple[float, ...] = ()
