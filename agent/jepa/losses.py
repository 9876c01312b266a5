"""What a world model is trained by: prediction, and what keeps its latents from collapsing.

Bardes, Ponce and LeCun, VICReg: variance-invariance-covariance regularization, ICLR 2022.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .layers import through
from .model import WorldModel, imagine, joined

_FLOOR = 1e-4  # under the root of a variance


@dataclass(frozen=True)
class Weights:
    """What each term counts."""

    prediction: float = 25.0
    raw: float = 10.0
    variance: float = 25.0
    covariance: float = 1.0


class Terms(NamedTuple):
    """The terms of the loss before they are weighted.

    ``prediction``: mean squared error of predicted projections; ``raw``: of the predicted latents
    themselves; ``variance``: what the standard deviations of projections and of latents lack to 1;
    ``covariance``: squared covariances of different coordinates of projections, and of the scene.
    The scene stands still: it is not predicted, so projections are of what moves alone.
    """

    prediction: Float[Array, ""]
    raw: Float[Array, ""]
    variance: Float[Array, ""]
    covariance: Float[Array, ""]

    def total(self, weights: Weights) -> Float[Array, ""]:
        """Their weighted sum."""
        return (
            weights.prediction * self.prediction
            + weights.raw * self.raw
            + weights.variance * self.variance
            + weights.covariance * self.covariance
        )


def terms_of(
    model: WorldModel,
    moving: Float[Array, "many 1+looks moving"],
    scene: Float[Array, "many scene"],
    actions: Float[Array, "many time-1 2"],
    times: Int[Array, "looks"],
) -> Terms:
    """The terms for trajectories, predicted open loop from their first frames.

    ``moving`` are the latents of the first frames and of those after ``times`` actions.
    """
    foretold = imagine(model, moving[:, 0], scene, actions)[:, times - 1]
    seen = moving[:, 1:]
    target, guess = through(model.head, seen), through(model.head, foretold)
    flat = target.reshape(-1, target.shape[-1])
    scenes = jnp.broadcast_to(scene[:, None], (*seen.shape[:2], scene.shape[-1]))
    latents = joined(seen, scenes).reshape(flat.shape[0], -1)
    return Terms(
        prediction=jnp.mean((guess - target) ** 2),
        raw=jnp.mean((foretold - seen) ** 2),
        variance=_lack(flat) + _lack(latents),
        covariance=_correlation(flat) + _correlation(scene),
    )


def _lack(values: Float[Array, "rows size"]) -> Float[Array, ""]:
    """How far the standard deviations are below 1."""
    spread = jnp.sqrt(jnp.var(values, axis=0) + _FLOOR)
    return jnp.mean(jnp.maximum(0.0, 1 - spread))


def _correlation(values: Float[Array, "rows size"]) -> Float[Array, ""]:
    """Sum of the squared covariances of different coordinates, for each coordinate."""
    rows, size = values.shape
    away = values - values.mean(0)
    covariance = away.T @ away / (rows - 1)
    return (jnp.sum(covariance**2) - jnp.sum(jnp.diag(covariance) ** 2)) / size
