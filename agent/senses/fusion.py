"""Fuses readings of a remote sensor with a belief, each at its own moment within the tick.

A reading tells of the state a part of a tick before the belief's moment, where the pose was less
far on: ``(p - age v, v, δ)``, as the pose moves in a line within a tick. An update is linearised
at the belief, and again where that has led (the iterated extended Kalman filter; Bell and Cathey,
1993). While the pose is hardly known, the belief is a sum of normal densities about poses of
experience, each updated by itself, and then collapsed to its moments (Alspach and Sorenson,
Nonlinear Bayesian estimation using Gaussian sum approximations, 1972).
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..graph.filter import update
from ..graph.gaussian import Belief
from ..graph.rows import Rows, reading_rows
from ..graph.square_root import free_root
from .factors import Linear, Sense, Taught
from .places import Places

_OUTLYING = 3.0  # sigmas, beyond which a number counts the less, the farther off it is
_STRANGE = 6.0  # sigmas: a reading that noise does not explain
_OFTEN = 3  # strange readings in a row that no camera contradicts: it is the belief that is wrong
_FARTHEST = 1e3  # sigmas: whatever is farther off counts as if it were so far, and that is nothing
_ROUNDS = 2  # linearisations of one update


class _Told(NamedTuple):
    """A belief, how far off the reading was in sigmas, and the log evidence."""

    belief: Belief
    miss: Float[Array, ""]
    evidence: Float[Array, ""]


def fuse(
    sense: Sense,
    places: Places,
    start: Belief,
    belief: Belief,
    strange: Int[Array, ""],
    values: Array,
    ages: Float[Array, "R"],
    live: Bool[Array, "R"],
    alone: Bool[Array, ""],
) -> tuple[Belief, Int[Array, ""]]:
    """``belief`` ``(n,)`` after readings ``values`` ``(R, ...)`` of one sensor, one by one.

    ``ages`` are the parts of a tick that they came before the belief's moment; those that are not
    ``live`` only fill up. Of a reading, a number that is more than three sigmas off is weighed
    down, by its distance to the fourth power: a spike does next to nothing. ``strange`` counts the
    readings in a row that were far off; where there are some, and they are ``alone``, as no frame
    says better, the body has been struck or the belief was wrong, and pose and velocity are sought
    anew, as little known as at the ``start``. The new count is returned as well.
    """

    def take(known, reading):
        value, age, told = reading
        listen = partial(_listen, sense, places, start, *known, value, age, alone)
        return jax.lax.cond(told, listen, lambda: known), None

    return jax.lax.scan(take, (belief, strange), (values, ages, live))[0]


def at_age(state: Float[Array, "n"], age: Float[Array, ""]) -> Float[Array, "n"]:
    """The state ``age`` ticks before ``state`` ``(p, v, δ)``."""
    d = state.shape[0] // 3
    return state.at[:d].add(-age * state[d : 2 * d])


def _listen(sense, places, start, belief, strange, value, age, alone):
    """Belief and count of strange readings after one more."""
    factor, value = sense.heard(value, at_age(belief.mean, age))

    def begun_anew():
        d = belief.mean.shape[0] // 3
        anything = jnp.concatenate([belief.root, start.root[:, : 2 * d]], axis=1)
        return Belief.of(belief.mean, free_root(anything))

    def tell(state):
        *_, lost, _ = state
        told = _tell(factor, places, value, age, jax.lax.cond(lost, begun_anew, lambda: belief))
        count = jnp.where(told.miss > _STRANGE, strange + 1, 0)
        again = ~lost & alone & (count >= _OFTEN)
        return told.belief, jnp.where(lost, 0, count), again, again

    yes, no = jnp.bool_(True), jnp.bool_(False)
    todo = (belief, strange, no, yes)
    after, strange, *_ = jax.lax.while_loop(lambda state: state[3], tell, todo)
    sound = jnp.isfinite(after.mean).all() & jnp.isfinite(after.root).all()
    after = jax.tree.map(lambda new, old: jnp.where(sound, new, old), after, belief)
    return after, strange


def _tell(factor, places, value, age, belief) -> _Told:
    d = places.poses.shape[1]
    unsure = jnp.max(belief.std[:d]) > places.apart
    near, anywhere = (partial(each, factor, value, age) for each in (_near, _anywhere))
    return jax.lax.cond(unsure, lambda: anywhere(places, belief), lambda: near(belief))


def _near(factor: Linear | Taught, value, age, belief: Belief) -> _Told:
    """Update of a belief about which the factor is nearly linear."""

    def expect(state):
        return factor.expect(at_age(state, age))

    expected, slope = expect(belief.mean), jax.jacfwd(expect)(belief.mean)
    root = factor.noise_root(at_age(belief.mean, age))
    columns = jnp.concatenate([slope @ belief.root, root], axis=1)
    sigma = jnp.sqrt(jnp.sum(columns**2, axis=1))
    far = jnp.clip((value - expected) / sigma, -_FARTHEST, _FARTHEST)
    value = expected + far * sigma
    wider = jnp.maximum(1.0, (far / _OUTLYING) ** 2)

    def linearised(_, found):
        at = found[0].mean
        slope = jax.jacfwd(expect)(at)
        noise = wider[:, None] * factor.noise_root(at_age(at, age))
        told = update(belief, reading_rows(slope, value - expect(at) + slope @ at, noise))
        return told.belief, told.evidence

    begin = belief, jnp.zeros((), belief.mean.dtype)
    after, evidence = jax.lax.fori_loop(0, _ROUNDS, linearised, begin)
    return _Told(after, jnp.sqrt(jnp.mean(far**2)), evidence)


def _anywhere(factor: Linear | Taught, value, age, places: Places, belief: Belief) -> _Told:
    """Update of a belief that may be anywhere among the ``places``."""
    n, d = belief.mean.shape[0], places.poses.shape[1]
    pose = jnp.eye(d, n, dtype=belief.mean.dtype) / places.apart

    def there(place):
        near = update(belief, Rows(pose, place / places.apart, jnp.zeros(())))
        told = _near(factor, value, age, near.belief)
        return told._replace(evidence=told.evidence + near.evidence)

    each = jax.vmap(there)(places.poses)
    evidence = jnp.where(jnp.isfinite(each.evidence), each.evidence, -jnp.inf)
    weights = jax.nn.softmax(evidence)
    mean = weights @ each.belief.mean
    away = jnp.sqrt(weights)[:, None] * (each.belief.mean - mean)
    columns = jnp.moveaxis(jnp.sqrt(weights)[:, None, None] * each.belief.root, 0, 1)
    root = free_root(jnp.concatenate([columns.reshape(n, -1), away.T], axis=1))
    return _Told(Belief.of(mean, root), jnp.min(each.miss), jax.nn.logsumexp(evidence))
