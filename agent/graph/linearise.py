"""Linearisation of transitions and sensors near a belief: by Jacobians or by sigma points.

Sigma points are those of spherical cubature of degree three (Arasaratnam and Haykin, 2009), and
the linearisation is statistical linear regression on them, whose residue counts as noise
(García-Fernández, Svensson, Morelande and Särkkä, 2015).
"""

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from .factor import Local, Transition
from .gaussian import Belief, lower_root
from .inference import Inference
from .square_root import free_root


def transition_near(
    transition: Transition, belief: Belief, control: Float[Array, "p"], inference: Inference
) -> Local:
    """``transition`` near ``belief``, whose mean the returned mean belongs to."""
    local = transition.local(belief.mean, control, inference.parameters)
    if transition.linear or inference.linearise == "extended":
        return local
    mean, along, residue, points = regress_on(lambda x: transition.mean(x, control), belief)
    noise = jax.vmap(lambda x: transition.local(x, control, inference.parameters).noise)(points)
    noise = jnp.moveaxis(noise, 0, 1).reshape(mean.shape[0], -1) / jnp.sqrt(points.shape[0])
    columns = jnp.concatenate([residue, noise], axis=1)
    return local._replace(mean=mean, along_state=along, noise=free_root(columns))


def regress_on(function, belief: Belief):
    """Statistical linear regression of ``function`` on the sigma points of ``belief``.

    Returns the mean ``(m,)``, the slope ``(m, n)``, columns ``(m, 2n)`` of the residue's
    covariance, and the points ``(2n, n)``. Where the belief is certain the slope is zero.
    """
    n = belief.mean.shape[0]
    root = lower_root(belief.root)
    unit = jnp.sqrt(jnp.asarray(n, root.dtype)) * jnp.eye(n, dtype=root.dtype)
    spread = jnp.concatenate([unit, -unit])
    points = belief.mean + spread @ root.T
    values = jax.vmap(function)(points)
    mean = values.mean(0)
    away = (values - mean) / jnp.sqrt(2.0 * n)
    across = away.T @ (spread / jnp.sqrt(2.0 * n))
    residue = away.T - across @ (spread / jnp.sqrt(2.0 * n)).T
    diagonal = jnp.diag(root)
    told = jnp.abs(diagonal) > n * jnp.finfo(root.dtype).eps * jnp.abs(root).max()
    corner = jnp.where(told[:, None] & told, root, jnp.diag(jnp.where(told, diagonal, 1.0)))
    slope = solve_triangular(corner, jnp.where(told, across, 0.0).T, lower=True, trans=1).T
    return mean, slope, residue, points
