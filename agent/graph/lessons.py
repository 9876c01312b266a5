"""Learning while acting: what a stream of transitions says about a layer that has been trained.

Bayesian linear regression whose data fade and whose prior does not: with forgetting ``γ`` the
statistics of past transitions shrink by ``γ`` a step, while the trained posterior keeps its weight.
What is visited is learned anew, what is not stays as it was trained (stabilised forgetting, Kulhavy
and Zarrop, International Journal of Control 58, 1993). In coordinates in which the trained
posterior's precision is the identity all numbers are of order one, as float32 needs.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax.scipy.linalg import cho_solve, solve_triangular
from jaxtyping import Array, Float

from .check import replaced
from .learned_features import LearnedFeatures

_NOTHING = 1e-12


class Lessons(NamedTuple):
    """Faded sums over transitions, of whitened features ``φ`` of length one: ``precision``
    ``(k, k)``, the identity and ``φ φᵀ``; ``pull`` ``(d, k)``, what the trained layer missed times
    ``φᵀ``."""

    precision: Float[Array, "k k"]
    pull: Float[Array, "d k"]


def no_lessons(trained: LearnedFeatures) -> Lessons:
    """Before the first transition."""
    d, k = trained.layer.mean.shape
    return Lessons(jnp.eye(k), jnp.zeros((d, k)))


def with_lesson(
    lessons: Lessons,
    trained: LearnedFeatures,
    state: Float[Array, "n"],
    control: Float[Array, "p"],
    output: Float[Array, "d"],
    weight: Float[Array, ""] | float,
    forgetting: float,
) -> Lessons:
    """One more transition, in which the layer put out ``output`` at ``state`` and ``control``.

    ``weight`` is what it counts against all that ``trained`` knows of the features there: as in
    normalised least mean squares, how sure the training is of itself does not matter.
    """
    phi = trained.phi(state, control)
    white = _columns(trained).T @ phi
    length = jnp.sqrt(jnp.sum(white**2) + _NOTHING)
    white, miss = white / length, (output - trained.layer.mean @ phi) / length
    one = jnp.eye(white.shape[0], dtype=white.dtype)
    faded = one + forgetting * (lessons.precision - one)
    return Lessons(
        faded + weight * jnp.outer(white, white),
        forgetting * lessons.pull + weight * jnp.outer(miss, white),
    )


def taught(trained: LearnedFeatures, lessons: Lessons) -> LearnedFeatures:
    """``trained`` with the layer that follows from ``lessons``; its posterior stays as it was."""
    lower = jnp.linalg.cholesky(lessons.precision)
    change = cho_solve((lower, True), lessons.pull.T).T
    root = trained.layer.doubt_root
    layer = trained.layer._replace(
        mean=trained.layer.mean + change @ _columns(trained).T,
        doubt_root=solve_triangular(lower, root.T, lower=True).T,
    )
    return replaced(trained, layer=layer)


def _columns(trained: LearnedFeatures) -> Float[Array, "k k"]:
    """Root of the covariance of the trained weights, in units of the noise."""
    return trained.layer.doubt_root / jnp.sqrt(trained.outputs)
