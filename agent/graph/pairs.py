"""Pairs of successive states, and expectations under them: what learning needs of smoothing."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from .chain import Chain, Smoothed, closed_loop
from .gaussian import Belief


class Pairs(NamedTuple):
    """Joint beliefs about each state, its successor, and what noise pushed it, over time.

    All three are written in the same ``r`` standard normals: means ``(T-1, n)``, roots
    ``(T-1, n, r)``.
    """

    before: Belief
    after: Belief
    push: Belief


def pairs_of(chain: Chain, smoothed: Smoothed) -> Pairs:
    """The pairs of a smoothed chain."""
    states, root = smoothed.states.mean, smoothed.states.root[:-1]
    fresh = chain.noise @ smoothed.noise_roots
    answer = chain.noise @ smoothed.gains @ root
    onward = closed_loop(chain, smoothed.gains) @ root
    still = jnp.zeros_like(fresh)
    push = jnp.einsum("tnq,tq->tn", chain.noise, smoothed.noises)
    return Pairs(
        Belief.of(states[:-1], jnp.concatenate([root, still], axis=2)),
        Belief.of(states[1:], jnp.concatenate([onward, fresh], axis=2)),
        Belief.of(push, jnp.concatenate([answer, fresh], axis=2)),
    )


def moments(left: Belief, right: Belief, weights: Float[Array, "T"]) -> Float[Array, "k n"]:
    """Sum over time of ``E[left rightᵀ]``."""
    means = jnp.einsum("ti,tj,t->ij", left.mean, right.mean, weights)
    return means + jnp.einsum("tir,tjr,t->ij", left.root, right.root, weights)


def sigma_points(belief: Belief) -> Float[Array, "2r n"]:
    """Points of spherical cubature in the ``r`` standard normals of ``belief``, of equal weight."""
    spread = jnp.sqrt(jnp.asarray(belief.root.shape[1], belief.mean.dtype)) * belief.root.T
    return belief.mean + jnp.concatenate([spread, -spread])
