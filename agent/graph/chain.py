"""A linear-Gaussian chain: what a model says about one trajectory, near its linearisation."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .gaussian import Belief
from .rows import Rows


class Chain(NamedTuple):
    """States ``x_0 ... x_{T-1}`` of ``n`` coordinates, driven by ``q`` unit noises per step.

    ``x_0 ~ prior``, ``x_{t+1} = along_t x_t + offset_t + noise_t w_t`` with ``w_t ~ N(0, I)``;
    ``rows`` multiply every state, and ``doubts`` every pair ``(x_t, w_t)``: these hold what
    uncertain parameters of the transition cost.
    """

    prior: Belief
    along: Float[Array, "T-1 n n"]
    offset: Float[Array, "T-1 n"]
    noise: Float[Array, "T-1 n q"]
    rows: Rows
    doubts: Rows


class Smoothed(NamedTuple):
    """Posterior of a chain.

    ``states``: beliefs about each state, stacked ``(T, n)``. ``noises`` ``(T-1, q)``: posterior
    mean of the noises; given the state, ``w_t = noises_t + gains_t (x_t - states.mean_t) +
    noise_roots_t ζ``. ``evidence``: log of the integral of all factors.
    """

    states: Belief
    noises: Float[Array, "T-1 q"]
    gains: Float[Array, "T-1 q n"]
    noise_roots: Float[Array, "T-1 q q"]
    evidence: Float[Array, ""]


def closed_loop(chain: Chain, gains: Float[Array, "T-1 q n"]) -> Float[Array, "T-1 n n"]:
    """How each state follows from the one before, once the noise answers the future."""
    return chain.along + chain.noise @ gains


def pair_roots(chain: Chain, smoothed: Smoothed) -> Float[Array, "T-1 2n n+q"]:
    """Roots of the joint covariances of each state and its successor."""
    before = smoothed.states.root[:-1]
    onward = closed_loop(chain, smoothed.gains) @ before
    fresh = chain.noise @ smoothed.noise_roots
    return jnp.concatenate(
        [
            jnp.concatenate([before, jnp.zeros_like(fresh)], axis=2),
            jnp.concatenate([onward, fresh], axis=2),
        ],
        axis=1,
    )


def each(function, *arguments):
    """``function`` at every step of arguments that are stacked over time."""
    return jax.vmap(function)(*arguments)
