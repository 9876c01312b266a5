"""Learning while acting: how strong the forces of a trained motion are now.

A body that is heavier, longer or worn moves by the same forces in other proportions. So each kind
of force has a strength, one when it was trained: what the pose alone exerts, what comes with the
velocity, and each control. Strengths are unknowns of the graph beside the state. Their joint
posterior is had from two filters in a row (Friedland, Treatment of bias in recursive filtering,
IEEE Transactions on Automatic Control 14, 1969): that of the state, which takes the strengths for
known, and one of the strengths alone, which sees by what the first one missed. It needs to know
only how the state's mean depends on them.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .check import replaced
from .gaussian import Belief
from .learned_features import LearnedFeatures


class Lessons(NamedTuple):
    """What has been learned of the strengths ``(g,)``.

    ``mean`` and ``cov`` ``(g, g)``: the belief about them; ``along`` ``(n, g)``: how the mean of
    the state's filter depends on them.
    """

    mean: Float[Array, "g"]
    cov: Float[Array, "g g"]
    along: Float[Array, "n g"]


def no_lessons(trained: LearnedFeatures) -> Lessons:
    """Before the first frame: the body is taken for that of the training."""
    n, g = trained.dim, kinds_of_force(trained).shape[1]
    return Lessons(jnp.ones(g), jnp.zeros((g, g)), jnp.zeros((n, g)))


def kinds_of_force(trained: LearnedFeatures) -> Float[np.ndarray, "k g"]:
    """One where a feature belongs to a kind: pose alone, with velocity, each of the controls."""
    d, powers = trained.outputs, trained.features.powers  # type: ignore[attr-defined]
    last = np.array([max(power, default=0) for power in powers])
    kinds = np.where(last < d, 0, np.where(last < 2 * d, 1, last - 2 * d + 2))
    return np.eye(2 + trained.controls, dtype=np.float32)[kinds]


def with_lesson(
    lessons: Lessons,
    trained: LearnedFeatures,
    before: Belief,
    control: Float[Array, "p"],
    pose: Float[Array, "d"],
    pose_cov: Float[Array, "d d"],
    told: Float[Array, ""],
) -> tuple[Lessons, Float[Array, "n"]]:
    """One tick more: from the state ``before`` the ``control`` led to a frame that shows ``pose``.

    ``told`` is 1 where the frame counts, and 0 where there was none. Returns by how much the mean
    of the state's filter changes, too: it was worked out with the strengths that were known before.
    """
    d, g = pose.shape[0], lessons.mean.shape[0]
    now = taught(trained, lessons)
    local = now.local(before.mean, control, "predictive")
    forces = trained.layer.mean * trained.phi(before.mean, control) @ kinds_of_force(trained)
    along = local.along_state @ lessons.along + trained.skeleton.entry @ forces
    root = jnp.concatenate([local.along_state @ before.root, local.noise], axis=1)
    shared = root @ root[:d].T
    alone = shared[:d] + pose_cov
    gain = told * jnp.linalg.solve(alone, shared.T).T
    seen = along[:d]
    pull = told * jnp.linalg.solve(alone + seen @ lessons.cov @ seen.T, seen @ lessons.cov).T
    change = pull @ (pose - local.mean[:d])
    rest = jnp.eye(g) - pull @ seen
    cov = rest @ lessons.cov @ rest.T + pull @ alone @ pull.T
    along = along - gain @ seen
    lessons = Lessons(lessons.mean + change, 0.5 * (cov + cov.T), along)
    return lessons, along @ change


def faded(lessons: Lessons, std: float, memory: float) -> Lessons:
    """``lessons`` a tick later: strengths wander about one with the standard deviation ``std``,
    and keep the share ``memory`` of what they are off in a tick."""
    anything = std**2 * jnp.eye(lessons.mean.shape[0])
    return lessons._replace(
        mean=1 + memory * (lessons.mean - 1),
        cov=anything + memory**2 * (lessons.cov - anything),
    )


def anew(lessons: Lessons) -> Lessons:
    """``lessons`` where the state's filter begins anew: nothing in it depends on the strengths."""
    return lessons._replace(along=jnp.zeros_like(lessons.along))


def taught(trained: LearnedFeatures, lessons: Lessons) -> LearnedFeatures:
    """``trained`` with forces as strong as ``lessons`` have it; its posterior stays as it was."""
    strengths = kinds_of_force(trained) @ lessons.mean
    return replaced(trained, layer=trained.layer._replace(mean=trained.layer.mean * strengths))
