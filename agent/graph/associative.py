"""Smoothing and filtering of a chain in a depth that grows with the logarithm of time.

Both are prefixes of an associative product: an element says how a stretch of the chain leads from
its first state to its last, the rows on the way taken in, and what these say about the first
state (Särkkä and García-Fernández, 2021; with square roots: Yaghoobi, Corenflos, Hassan and
Särkkä, 2022). Elements hold no values here: two stretches are joined by the QR that the sequential
pass takes at every step, and means follow as affine recurrences, the products of which are
associative too. Means of the smoother are refined as in the sequential pass.

A stretch that no row reaches is propagated as it is. A mode that grows beyond the largest float
within it overflows here, even where a later row bounds it in the sequential pass.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax.scipy.linalg import block_diag, solve_triangular
from jaxtyping import Array, Float

from .chain import Chain, Smoothed, closed_loop
from .elimination import eliminated
from .filter import Filtered, update
from .gaussian import Belief
from .rows import Rows
from .smooth import Laws, Play, energy, laws_of, refined
from .square_root import triangle

Stack = TypeVar("Stack")


class Element(NamedTuple):
    """A stretch of the chain: ``x_end = along x_start + noise ζ`` with ``ζ ~ N(0, I)`` once all its
    rows are taken in, and the ``rows`` that these leave about ``x_start``."""

    along: Float[Array, "*t n n"]
    noise: Float[Array, "*t n n"]
    rows: Float[Array, "*t n n"]


def smooth_parallel(chain: Chain) -> Smoothed:
    """Posterior of all states and noises of ``chain``: :func:`smooth.smooth`, parallel in time."""
    with jax.default_matmul_precision("highest"):
        laws = parallel_laws(chain)
        closed = closed_loop(chain, laws.gains)
        played = refined(chain, lambda near: _refine(chain, laws, closed, near))
        first = _square(chain.prior.root @ laws.first_root)
        roots = _spread(first, closed, chain.noise @ laws.roots)
        evidence = laws.log_volume - energy(chain, played)
        states = Belief.of(played.states, roots)
        return Smoothed(states, played.noises, laws.gains, laws.roots, evidence)


def parallel_laws(chain: Chain) -> Laws:
    """What the future asks for: :func:`smooth.backward_laws`, parallel in time."""

    def law(along, noise, future, seen, doubt):
        return eliminated(along, noise, jnp.concatenate([future, seen]), doubt)[: noise.shape[1]]

    future = backward_messages(chain)
    inputs = (chain.along, chain.noise, future[1:], chain.rows.matrix[1:], chain.doubts.matrix)
    return laws_of(chain, jax.vmap(law)(*inputs), future)


def backward_messages(chain: Chain) -> Float[Array, "T n n"]:
    """Matrices of the messages from the future about every state, without the state's own rows."""
    nothing = jnp.zeros_like(chain.along, shape=(1, *chain.along.shape[1:]))
    ahead = prefixes(joined, elements(chain), _neutral(nothing[0]), reverse=True)
    return jnp.concatenate([ahead.rows, nothing])


def elements(chain: Chain) -> Element:
    """The steps from ``x_t`` to ``x_{t+1}``, doubts and the rows of ``x_{t+1}`` taken in:
    ``(T-1, ...)``."""

    def step(along, noise, seen, doubt):
        return _ruled(along, noise, eliminated(along, noise, seen, doubt))

    inputs = (chain.along, chain.noise, chain.rows.matrix[1:], chain.doubts.matrix)
    found = jax.vmap(step)(*inputs)
    return found._replace(noise=_square(found.noise))


def joined(first: Element, second: Element) -> Element:
    """The stretch of ``first`` and then ``second``, each a single element."""
    before = jnp.pad(first.rows, ((0, 0), (0, first.noise.shape[1])))
    root = eliminated(first.along, first.noise, second.rows, before)
    along, noise, rows = _ruled(first.along, first.noise, root)
    both = jnp.concatenate([second.along @ noise, second.noise], axis=1)
    return Element(second.along @ along, _square(both), rows)


def filter_parallel(chain: Chain) -> Filtered:
    """Beliefs about every state from the rows so far, stacked over time, parallel in time.

    A doubt about ``(x_t, w_t)`` counts from ``x_{t+1}`` on.
    """
    with jax.default_matmul_precision("highest"):
        first = update(chain.prior, jax.tree.map(lambda x: x[0], chain.rows))
        root = _square(first.belief.root)
        none = jnp.zeros_like(root)
        begin = Element(none, root, none)
        stretches = jax.tree.map(_prepended, begin, elements(chain))
        roots = prefixes(joined, stretches, _neutral(none)).noise[:-1]
        means = _filtered_means(chain, first.belief.mean, roots)
        ahead = jax.tree.map(lambda x: x[1:], chain.rows)
        inputs = (chain.along, chain.offset, chain.noise, chain.doubts, ahead)
        later = jax.vmap(_filter_step)(Belief.of(means, roots), *inputs)
        first = first._replace(belief=Belief.of(first.belief.mean, root))
        return jax.tree.map(_prepended, first, later)


def _filter_step(belief: Belief, along, offset, noise, doubt: Rows, rows: Rows) -> Filtered:
    """From the belief about ``x_t`` to that about ``x_{t+1}``."""
    q = noise.shape[1]
    flow = jnp.concatenate([along, noise], axis=1)
    one = jnp.eye(q, dtype=noise.dtype)
    both = Belief.of(jnp.pad(belief.mean, (0, q)), block_diag(belief.root, one))
    evidence = doubt.log_scale
    if doubt.value.shape[0]:
        told = update(both, doubt)
        both, evidence = told.belief, told.evidence
    found = update(Belief.of(flow @ both.mean + offset, flow @ both.root), rows)
    belief = Belief.of(found.belief.mean, _square(found.belief.root))
    return found._replace(belief=belief, evidence=found.evidence + evidence)


def _filtered_means(
    chain: Chain, first: Float[Array, "n"], roots: Float[Array, "T-1 n n"]
) -> Float[Array, "T-1 n"]:
    """Means of the beliefs with these ``roots``, about all states but the last."""
    n = first.shape[0]

    def gain(root, along, noise, seen, doubt):
        ahead = jnp.concatenate([along @ root, noise], axis=1)
        told = jnp.concatenate(
            [jnp.concatenate([doubt[:, :n] @ root, doubt[:, n:]], axis=1), seen @ ahead]
        )
        m = told.shape[0]
        one = jnp.eye(m + n, m, dtype=told.dtype)
        columns = jnp.concatenate([one, jnp.concatenate([told, ahead])], axis=1)
        post = triangle(columns.T, m)
        return solve_triangular(post[:m, :m], post[:m, m:]).T

    seen, doubt = chain.rows.matrix[1:], chain.doubts.matrix
    gains = jax.vmap(gain)(roots, chain.along, chain.noise, seen, doubt)
    misses = chain.rows.value[1:] - _apply(seen, chain.offset)
    told = jnp.concatenate([chain.doubts.value, misses], axis=1)
    closed = chain.along - gains @ jnp.concatenate([doubt[..., :n], seen @ chain.along], axis=1)
    after = recurrence(closed, chain.offset + _apply(gains, told), first)
    return _prepended(first, after)[:-1]


def _refine(chain: Chain, laws: Laws, closed: Float[Array, "T-1 n n"], near: Play) -> Play:
    """Posterior mean as a deviation from ``near``, which need not obey the dynamics."""
    n = chain.offset.shape[1]
    none = jnp.zeros_like(chain.prior.mean)
    onward = _apply(chain.along, near.states[:-1]) + _apply(chain.noise, near.noises)
    gap = chain.prior.mean + chain.prior.root @ near.first - near.states[0]
    defect = _prepended(gap, onward + chain.offset - near.states[1:])
    miss = chain.rows.value - _apply(chain.rows.matrix, near.states + defect)
    own = _back(chain.rows.matrix, miss) - _back(laws.future, _apply(laws.future, defect))
    both = jnp.concatenate([near.states[:-1], near.noises], axis=1)
    doubt = _back(chain.doubts.matrix, chain.doubts.value - _apply(chain.doubts.matrix, both))
    wish = doubt[:, n:] - near.noises

    drift = _back(closed, own[1:]) + _back(laws.gains, wish) + doubt[:, :n]
    future = recurrence(closed.mT[::-1], drift[::-1], none)[::-1]
    pull = own + jnp.concatenate([future, none[None]])
    push = _apply(laws.roots, _back(laws.roots, wish + _back(chain.noise, pull[1:])))
    first = chain.prior.root.T @ pull[0] - near.first
    first = laws.first_root @ (laws.first_root.T @ first)

    start = gap + chain.prior.root @ first
    after = recurrence(closed, _apply(chain.noise, push) + defect[1:], start)
    change = _prepended(start, after)
    noises = near.noises + push + _apply(laws.gains, change[:-1])
    return Play(near.states + change, noises, near.first + first)


def recurrence(
    matrices: Float[Array, "S n n"], vectors: Float[Array, "S n"], start: Float[Array, "n"]
) -> Float[Array, "S n"]:
    """Every ``v_t = matrices_t v_{t-1} + vectors_t`` after ``start``, parallel in time."""

    def join(first, second):
        return second[0] @ first[0], second[0] @ first[1] + second[1]

    if not vectors.shape[0]:
        return vectors
    begun = vectors.at[0].add(matrices[0] @ start)
    neutral = (jnp.eye(start.shape[0], dtype=start.dtype), jnp.zeros_like(start))
    return prefixes(join, (matrices, begun), neutral)[1]


def _spread(
    first: Float[Array, "n n"], closed: Float[Array, "S n n"], fresh: Float[Array, "S n q"]
) -> Float[Array, "S+1 n n"]:
    """Roots of every state's covariance, from that of the ``first``."""

    def join(before, after):
        both = jnp.concatenate([after[0] @ before[1], after[1]], axis=1)
        return after[0] @ before[0], _square(both)

    none = jnp.zeros_like(first)
    neutral = (jnp.eye(first.shape[0], dtype=first.dtype), none)
    stretches = (_prepended(none, closed), _prepended(first, _square(fresh)))
    return prefixes(join, stretches, neutral)[1]


def prefixes(
    join: Callable[[Stack, Stack], Stack], stack: Stack, neutral: Stack, reverse: bool = False
) -> Stack:
    """Products of all elements up to each; with ``reverse``, of all from each on.

    ``join(first, second)`` takes single elements, of which ``neutral`` changes none. Runs of
    ``log S / 2`` of the ``S`` elements are gone through side by side, the products of runs are
    joined by doubling (Hillis and Steele, 1986), and the runs are gone through again from there:
    a depth of ``2 log S`` with the work of four loops. All of these are one loop with one copy of
    ``join``; a recursive scan is compiled with ``2 log S`` copies.
    """
    many = jax.vmap((lambda first, second: join(second, first)) if reverse else join)
    count = jax.tree.leaves(stack)[0].shape[0]
    if count < 2:
        return stack
    length = count.bit_length() // 2
    runs = -(-count // length)
    doublings = [2**k for k in range((runs - 1).bit_length())]

    def folded(x, none):
        end = jnp.broadcast_to(none, (runs * length - count, *none.shape))
        x = jnp.concatenate([x[::-1] if reverse else x, end])
        x = x.reshape(runs, length, *none.shape).swapaxes(0, 1)
        idle = jnp.broadcast_to(none, (len(doublings), runs, *none.shape))
        return jnp.concatenate([x, idle, x])

    def unfolded(x):
        x = x[-length:].swapaxes(0, 1).reshape(runs * length, *x.shape[2:])[:count]
        return x[::-1] if reverse else x

    def step(ends, inputs):
        element, shift, doubling = inputs

        def earlier(x, none):
            rolled = jnp.roll(x, shift, axis=0)
            return jax.vmap(jnp.where, (0, 0, None))(jnp.arange(runs) >= shift, rolled, none)

        second = jax.tree.map(partial(jnp.where, doubling), ends, element)
        after = many(jax.tree.map(earlier, ends, neutral), second)
        return after, after

    still = [0] * length
    shifts = jnp.array([*still, *doublings, 1, *still[1:]])
    doubling = jnp.array([*still, *(1 for _ in doublings), *still], bool)
    begin = jax.tree.map(lambda none: jnp.broadcast_to(none, (runs, *none.shape)), neutral)
    inputs = (jax.tree.map(folded, stack, neutral), shifts, doubling)
    return jax.tree.map(unfolded, jax.lax.scan(step, begin, inputs)[1])


def _ruled(
    along: Float[Array, "n n"], noise: Float[Array, "n q"], root: Float[Array, "q+n q+n"]
) -> Element:
    """``x' = along x + noise w`` under the law of the first ``q`` rows of ``root``."""
    q = noise.shape[1]
    one = jnp.eye(q, dtype=root.dtype)
    solved = solve_triangular(root[:q, :q], jnp.concatenate([one, root[:q, q:]], axis=1))
    return Element(along - noise @ solved[:, q:], noise @ solved[:, :q], root[q:, q:])


def _neutral(nothing: Float[Array, "n n"]) -> Element:
    return Element(jnp.eye(nothing.shape[0], dtype=nothing.dtype), nothing, nothing)


def _square(columns: Float[Array, "*t n k"]) -> Float[Array, "*t n n"]:
    """A root of ``n`` columns of the same covariance."""
    n, k = columns.shape[-2:]
    if k <= n:
        return jnp.pad(columns, [(0, 0)] * (columns.ndim - 1) + [(0, n - k)])
    root = partial(triangle, leading=0)
    for _ in columns.shape[:-2]:
        root = jax.vmap(root)
    return root(columns.mT).mT


def _prepended(first: Float[Array, "..."], later: Float[Array, "S ..."]) -> Float[Array, "S+1 ..."]:
    return jnp.concatenate([first[None], later])


def _apply(matrices: Float[Array, "t m n"], vectors: Float[Array, "t n"]) -> Float[Array, "t m"]:
    return jnp.einsum("tmn,tn->tm", matrices, vectors)


def _back(matrices: Float[Array, "t m n"], vectors: Float[Array, "t m"]) -> Float[Array, "t n"]:
    return jnp.einsum("tmn,tm->tn", matrices, vectors)
