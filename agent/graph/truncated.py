"""What limits of the controls do to the evidence of a plan, by expectation propagation.

Each limit is stood in for by a Gaussian site, that leaves the control's marginal with the mean and
the variance that the limit would (Minka, 2001; for boxes: Cunningham, Hennig and Lacoste-Julien,
2011). Sites multiply the prior of the controls, so that a sweep is one pass of smoothing.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_solve
from jax.scipy.special import log_ndtr
from jaxtyping import Array, Float

from .system import Steering

Limits = tuple[Float[Array, "p"], Float[Array, "p"]]
Marginals = tuple[Float[Array, "H p"], Float[Array, "H p p"], Float[Array, ""]]

_SWEEPS = 12
_DAMPING = 0.7
_FAR = 8.0  # beyond this many sigmas a normal's tail is an exponential's


class _Sites(NamedTuple):
    """``exp(pull u - precision u² / 2)`` of each control."""

    pull: Float[Array, "H p"]
    precision: Float[Array, "H p"]


def log_evidence_within(
    under: Callable[[Steering], Marginals],
    steering: Steering,
    limits: Limits,
    live: Float[Array, "H"],
) -> Float[Array, ""]:
    """Log evidence under the prior ``steering``, truncated to ``limits`` where ``live``.

    ``under`` gives means and covariances of the controls, and the log evidence, for any prior of
    theirs.
    """
    none = jnp.zeros_like(steering.mean)
    counts = live[:, None] > 0
    untouched = (steering.mean, jnp.sum(steering.root**2, axis=2))

    def sweep(_, carry: tuple[_Sites, Array]) -> tuple[_Sites, Array]:
        """Better sites, and the log evidence with those that there were."""
        sites, _ = carry
        prior, log_mass = _multiplied(steering, sites)
        mean, cov, evidence = under(prior)
        variance = jnp.diagonal(cov, axis1=1, axis2=2)
        cavity = _cavity(mean, variance, sites)
        means, variances = (jnp.stack(pair) for pair in zip(cavity, untouched, strict=True))
        (share, before), (inside, _), (spread, _) = _tilted(means, variances, limits)
        share = share + _partition(*cavity) - _partition(mean, variance) - before
        evidence += jnp.sum(log_mass * live) + jnp.sum(jnp.where(counts, share, 0.0))
        precision = jnp.maximum(1 / spread - 1 / cavity[1], 0.0)
        pull = inside / spread - cavity[0] / cavity[1]
        better = _Sites(pull, precision)
        mixed = jax.tree.map(lambda new, old: old + _DAMPING * (new - old), better, sites)
        return jax.tree.map(lambda x: jnp.where(counts, x, 0.0), mixed), evidence

    start = (_Sites(none, none), jnp.zeros((), none.dtype))
    return jax.lax.fori_loop(0, _SWEEPS + 1, sweep, start)[1]


def _multiplied(steering: Steering, sites: _Sites) -> tuple[Steering, Float[Array, "H"]]:
    """The prior times the sites, normalised; and the log of what normalised it."""

    def at(mean, root, pull, precision):
        # In standard normals z of the prior: z ~ N(0, I), u = mean + root z.
        one = jnp.eye(mean.shape[0], dtype=root.dtype)
        inner = one + root.T @ (precision[:, None] * root)
        lower = jnp.linalg.cholesky(inner)
        force = root.T @ (pull - precision * mean)
        centre = cho_solve((lower, True), force)
        spread = jax.scipy.linalg.solve_triangular(lower, one, lower=True).T
        log_mass = 0.5 * force @ centre - jnp.log(jnp.diag(lower)).sum()
        log_mass = log_mass + jnp.sum(pull * mean - 0.5 * precision * mean**2)
        return Steering(mean + root @ centre, root @ spread), log_mass

    return jax.vmap(at)(*steering, *sites)


def _cavity(mean, variance, sites: _Sites) -> tuple[Array, Array]:
    """Mean and variance of each control without its own site."""
    left = 1 / variance - sites.precision
    floor = jnp.finfo(mean.dtype).eps / variance
    cavity = 1 / jnp.maximum(left, floor)
    return cavity * (mean / variance - sites.pull), cavity


def _partition(mean: Array, variance: Array) -> Array:
    """Log integral of ``exp(u mean / variance - u² / (2 variance))``."""
    return 0.5 * mean**2 / variance + 0.5 * jnp.log(2 * math.pi * variance)


def _tilted(mean: Array, variance: Array, limits: Limits) -> tuple[Array, Array, Array]:
    """Log share of each normal within the limits, and the mean and variance that it has there."""
    std = jnp.sqrt(variance)
    share, inside, spread = _within((limits[0] - mean) / std, (limits[1] - mean) / std)
    return share, mean + std * inside, variance * spread


def _within(low: Array, high: Array) -> tuple[Array, Array, Array]:
    """Log probability that a standard normal lies between the bounds, its mean and variance there.

    Far out in a tail it is an exponential one, cut off by the farther bound.
    """
    flip = low + high < 0  # to the upper tail
    near, far = jnp.where(flip, -high, low), jnp.where(flip, -low, high)
    top, bottom = log_ndtr(-jnp.stack([near, far]))
    eps = jnp.finfo(top.dtype).eps
    share = top + jnp.log1p(-jnp.exp(jnp.minimum(bottom - top, -eps)))
    at_near, at_far = jnp.exp(_log_density(near) - share), jnp.exp(_log_density(far) - share)
    mean = at_near - at_far
    bent = jnp.where(jnp.isfinite(near), near, 0.0) * at_near
    bent = bent - jnp.where(jnp.isfinite(far), far, 0.0) * at_far
    variance = 1 + bent - mean**2
    tail = jnp.where(near > _FAR, near, _FAR)
    width = jnp.clip(jnp.where(jnp.isfinite(far), far - near, 1e6), 1e-6, 1e6)
    reach = jnp.minimum(tail * width, 80.0)
    odds, rest = jnp.exp(-reach), -jnp.expm1(-reach)
    # How much of the curvature of the normal's log there is room for.
    bend = 1 - odds * (1 + reach + reach**2 / 2 + reach**3 / 6 + reach**4 / 24)
    tail_mean = tail + 1 / tail - 2 * bend / tail**3 - width * odds / rest
    tail_variance = 1 / tail**2 - 6 * bend / tail**4 - width**2 * odds / rest**2
    out = near > _FAR
    mean = jnp.where(out, tail_mean, mean)
    variance = jnp.where(out, tail_variance, variance)
    variance = jnp.clip(variance, 1e-6 / (1 + jnp.maximum(near, 0.0) ** 2), 1.0)
    return share, jnp.where(flip, -mean, mean), variance


def _log_density(x: Array) -> Array:
    bounded = jnp.where(jnp.isfinite(x), x, 0.0)
    return jnp.where(jnp.isfinite(x), -0.5 * bounded**2 - 0.5 * math.log(2 * math.pi), -jnp.inf)
