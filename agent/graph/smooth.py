"""The smoothing query on a chain: messages from the future, then the chain played forward.

The message from the future about ``x_t`` is kept as whitened rows. One QR per step substitutes
``x_{t+1} = along x_t + offset + noise w`` and integrates the noise ``w`` out (Dyer and McReynolds,
1969): no covariance is ever inverted, so that noise and prior may be singular. What is left over,
``w`` given ``x_t``, is a feedback law, and playing the chain forward under it gives the smoothed
beliefs. Planning is the same with controls among the noises.

Covariances do not depend on the values that were read, and means are refined by a second pass of
their own: where ``jax.vmap`` batches values only, the covariances are worked out once.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from .chain import Chain, Smoothed, closed_loop
from .elimination import eliminated
from .gaussian import Belief
from .rows import Rows
from .square_root import free_root, triangle


class Laws(NamedTuple):
    """What the future asks for: ``w_t = gains_t x_t + ... + roots_t ζ``, and the first state.

    ``future`` ``(T, n, n)`` are the matrices of the messages from the future, without the state's
    own rows.
    """

    gains: Float[Array, "T-1 q n"]
    roots: Float[Array, "T-1 q q"]
    first_root: Float[Array, "k k"]
    future: Float[Array, "T n n"]
    log_volume: Float[Array, ""]


def smooth(chain: Chain) -> Smoothed:
    """Posterior of all states and noises of ``chain``, sequentially in time."""
    laws = backward_laws(chain)
    return play(chain, laws)


def backward_laws(chain: Chain) -> Laws:
    """Sequential backward pass: one QR a step."""
    n, q = chain.noise.shape[1:]

    def step(future, inputs):
        along, noise, own, doubt = inputs
        root = eliminated(along, noise, jnp.concatenate([future, own]), doubt)
        return root[q:, q:], (root[:q], root[q:, q:])

    nothing = jnp.zeros((n, n), chain.noise.dtype)
    inputs = (chain.along, chain.noise, chain.rows.matrix[1:], chain.doubts.matrix)
    _, (noise_rows, future) = jax.lax.scan(step, nothing, inputs, reverse=True)
    return laws_of(chain, noise_rows, jnp.concatenate([future, nothing[None]]))


def laws_of(
    chain: Chain, noise_rows: Float[Array, "T-1 q q+n"], future: Float[Array, "T n n"]
) -> Laws:
    """Feedback laws from the triangular rows about noise and state at every step."""
    q = chain.noise.shape[2]
    corner, side = noise_rows[..., :q], noise_rows[..., q:]
    one = jnp.broadcast_to(jnp.eye(q, dtype=corner.dtype), corner.shape)
    roots = solve_triangular(corner, one)  # well conditioned: its rows hold those of w ~ N(0, I)
    seen = jnp.concatenate([future[0], chain.rows.matrix[0]]) @ chain.prior.root
    k = seen.shape[1]
    first = triangle(jnp.concatenate([jnp.eye(k, dtype=seen.dtype), seen]), k)
    log_volume = -_log_diagonal(corner).sum() - _log_diagonal(first).sum()
    first_root = solve_triangular(first, jnp.eye(k, dtype=seen.dtype))
    return Laws(-(roots @ side), roots, first_root, future, log_volume)


def play(chain: Chain, laws: Laws) -> Smoothed:
    """Smoothed beliefs and evidence, given the feedback laws."""
    closed = closed_loop(chain, laws.gains)
    played = refined(chain, lambda near: _refine(chain, laws, closed, near))
    roots = _roots(chain, laws, closed)
    evidence = -energy(chain, played) + laws.log_volume
    return Smoothed(
        Belief.of(played.states, roots), played.noises, laws.gains, laws.roots, evidence
    )


class Play(NamedTuple):
    """One way that a chain may go: ``states`` (T, n), ``noises`` (T-1, q), ``first`` (k,): the
    standardised deviation of the first state from its prior."""

    states: Float[Array, "T n"]
    noises: Float[Array, "T-1 q"]
    first: Float[Array, "k"]


def refined(chain: Chain, improve: Callable[[Play], Play]) -> Play:
    """The posterior mean, by ``improve`` from zero, and once more for what rounding left."""
    still = Play(
        jnp.zeros((chain.rows.value.shape[0], chain.offset.shape[1]), chain.offset.dtype),
        jnp.zeros(chain.noise.shape[::2], chain.noise.dtype),
        jnp.zeros(chain.prior.root.shape[1], chain.prior.root.dtype),
    )
    return jax.lax.fori_loop(0, 2, lambda _, near: improve(near), still)


def energy(chain: Chain, played: Play) -> Float[Array, ""]:
    """Negative log of all factors along ``played``, up to the noises' own normalisers."""
    misses = jnp.einsum("tmn,tn->tm", chain.rows.matrix, played.states) - chain.rows.value
    both = jnp.concatenate([played.states[:-1], played.noises], axis=1)
    doubts = jnp.einsum("tkz,tz->tk", chain.doubts.matrix, both) - chain.doubts.value
    squares = sum(jnp.sum(part**2) for part in (misses, doubts, played.noises, played.first))
    return 0.5 * squares - chain.rows.log_scale.sum() - chain.doubts.log_scale.sum()


def _refine(chain: Chain, laws: Laws, closed: Array, near: Play) -> Play:
    """Posterior mean, worked out as a deviation from ``near``, so that large values cancel.

    ``near`` need not obey the dynamics: where it does not, the defect is made up for.
    """
    n = chain.offset.shape[1]
    miss = chain.rows.value - jnp.einsum("tmn,tn->tm", chain.rows.matrix, near.states)
    own = jnp.einsum("tmn,tm->tn", chain.rows.matrix, miss)
    onward = jnp.einsum("tij,tj->ti", chain.along, near.states[:-1]) + chain.offset
    defect = onward + jnp.einsum("tiq,tq->ti", chain.noise, near.noises) - near.states[1:]
    both = jnp.concatenate([near.states[:-1], near.noises], axis=1)
    doubt_miss = chain.doubts.value - jnp.einsum("tkz,tz->tk", chain.doubts.matrix, both)
    doubt = jnp.einsum("tkz,tk->tz", chain.doubts.matrix, doubt_miss)

    def seen(matrix, rows, vector):
        return matrix.T @ (matrix @ vector) + rows.T @ (rows @ vector)

    def back(future, inputs):
        along, noise, gain, root, own, defect, matrix, rows, doubt, before = inputs
        pull = future + own - seen(matrix, rows, defect)
        wish = noise.T @ pull + doubt[n:] - before
        return along.T @ pull + doubt[:n] + gain.T @ wish, root @ (root.T @ wish)

    inputs = (
        chain.along, chain.noise, laws.gains, laws.roots, own[1:], defect,
        laws.future[1:], chain.rows.matrix[1:], doubt, near.noises,
    )  # fmt: skip
    future, push = jax.lax.scan(back, jnp.zeros_like(own[0]), inputs, reverse=True)
    gap = chain.prior.mean + chain.prior.root @ near.first - near.states[0]
    pull = future + own[0] - seen(laws.future[0], chain.rows.matrix[0], gap)
    wish = chain.prior.root.T @ pull - near.first
    first = laws.first_root @ (laws.first_root.T @ wish)

    def forward(change, inputs):
        closed, noise, push, defect = inputs
        after = closed @ change + noise @ push + defect
        return after, after

    start = gap + chain.prior.root @ first
    _, after = jax.lax.scan(forward, start, (closed, chain.noise, push, defect))
    change = jnp.concatenate([start[None], after])
    noises = near.noises + push + jnp.einsum("tqn,tn->tq", laws.gains, change[:-1])
    return Play(near.states + change, noises, near.first + first)


def _roots(chain: Chain, laws: Laws, closed: Array) -> Float[Array, "T n n"]:
    """Roots of the smoothed covariances: one QR a step."""
    n = chain.offset.shape[1]
    fresh = chain.noise @ laws.roots
    first = square_root(chain.prior.root @ laws.first_root)

    def step(root, inputs):
        closed, fresh = inputs
        root = free_root(jnp.concatenate([closed @ root, fresh], axis=1))[:, :n]
        return root, root

    _, later = jax.lax.scan(step, first, (closed, fresh))
    return jnp.concatenate([first[None], later])


def square_root(columns: Float[Array, "n k"]) -> Float[Array, "n n"]:
    """A square root of the same covariance as ``columns``."""
    n, k = columns.shape
    if k < n:
        return jnp.pad(columns, ((0, 0), (0, n - k)))
    return free_root(columns)


def _log_diagonal(root: Float[Array, "... k k"]) -> Float[Array, "..."]:
    return jnp.log(jnp.abs(jnp.diagonal(root, axis1=-2, axis2=-1))).sum(-1)


__all__ = ["Laws", "Play", "Rows", "backward_laws", "energy", "laws_of", "play", "smooth"]
