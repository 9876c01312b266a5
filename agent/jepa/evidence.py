"""Whether ways are open: what imagined walks foretell of it, and what real steps tell.

Every short way is open or shut. A walk along it ends a distance ``r`` from where it was to end:
in the plane a normal error of a small deviation where the way is open, of a large one where it is
shut. A witness is wrong with a small probability, so the log odds that one walk can tell are
bounded: an imagined walk is doubted more than a step that was really made. Before any walk a way
is rather taken for shut, as a try in vain costs more than a way around a doubt. Ways close to each
other share their fate, so a step counts for another way by a kernel of how far that passes from
where it happened, and of how parallel they are; the log odds of all steps are added, as if steps
were independent.

A stopped walk is begun again, so on a way that is open with the probability ``p`` an expected
``1 / p`` walks are made: what a way costs is finite, and each is tried when all others cost more.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .places import Places, moves_px

PRIOR = -3.0  # log odds that a way is open, before any walk along it
_KERNEL_PX = 1.0  # by which the kernel falls off
_BEYOND_PX = 0.4  # behind the point where a step ended is what stopped it
_SURE = 9.0  # log odds that nothing takes a way beyond
TRIALS = 256  # that are kept


class Witness(NamedTuple):
    """How far walks miss their ends where a way is open or shut (standard deviations of each
    coordinate, px), and how often what they tell is wrong."""

    open_px: float | Float[Array, ""]
    shut_px: float
    wrong: float


REAL = Witness(open_px=0.3, shut_px=1.2, wrong=0.001)
_IMAGINED = Witness(open_px=0.3, shut_px=1.5, wrong=0.02)
_RAYLEIGH = 1.1774  # median of a distance in the plane, in standard deviations


class Trials(NamedTuple):
    """Steps that were made: from ``places``, past the ``points`` ``(t, 2)`` and along the unit
    vectors ``directions`` ``(t, 2)``, both px as seen from there, with the ``log_odds`` ``(t,)``
    that the way is open. Trials that were not made yet have log odds of zero."""

    places: Places
    points: Float[Array, "t 2"]
    directions: Float[Array, "t 2"]
    log_odds: Float[Array, "t"]


def no_trials(moving: int) -> Trials:
    """Room for trials, none of which was made."""
    shapes = ((moving,), (moving, 2), (2, 2), ())
    places = Places(*(jnp.ones((TRIALS, *shape)) for shape in shapes))
    none = jnp.zeros((TRIALS, 2))
    return Trials(places, none, none, none[:, 0])


def told_by(witness: Witness, missed: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """The log odds that a way is open when a walk along it ``missed`` its end by so many px."""
    ratio = 2 * jnp.log(witness.shut_px / witness.open_px)
    ratio -= 0.5 * missed**2 * (witness.open_px**-2 - witness.shut_px**-2)
    wrong = jnp.log(witness.wrong / (1 - witness.wrong))
    return jnp.logaddexp(ratio, wrong) - jnp.logaddexp(0.0, ratio + wrong)


def imagination(missed: Float[Array, "*n"]) -> Witness:
    """The witness that imagined walks are, which ``missed`` so much, NaN where there was none: as
    most short ways are open, the median tells the deviation of walks on open ones. It is kept
    between 0.3 px and half of that on shut ones."""
    usual = jnp.nanmedian(missed) / _RAYLEIGH
    open_px = jnp.clip(usual, _IMAGINED.open_px, _IMAGINED.shut_px / 2)
    return _IMAGINED._replace(open_px=open_px)


@jax.jit
def trial(place: Places, asked: Float[Array, "2"], moved: Float[Array, "2"]) -> Trials:
    """One step: ``asked`` for at a place, and what it ``moved`` the dot by, in px.

    A step that was stopped tells that a way is shut; one that was not has gone but a part of a way,
    and tells nothing of the rest.
    """
    direction = asked / jnp.maximum(jnp.linalg.norm(asked), 1e-6)
    log_odds = jnp.minimum(told_by(REAL, jnp.linalg.norm(moved - asked)), 0.0)
    ended = jnp.clip(moved @ direction, 0.0, jnp.linalg.norm(asked))
    point = (ended + _BEYOND_PX) * direction
    return Trials(place, point[None], direction[None], log_odds[None])


@jax.jit
def heard(
    trials: Trials, starts: Float[Array, "n moving"], moves: Float[Array, "n k 2"]
) -> Float[Array, "n k"]:
    """The log odds that the trials add to those of straight ways, ``moves`` in px from each of the
    ``starts``."""
    at, away = moves_px(starts, trials.places)
    aside = away**2 - jnp.sum(at**2, axis=-1)
    to = trials.points - at
    squared = jnp.maximum(jnp.sum(moves**2, axis=-1), 1e-6)
    along = jnp.einsum("ntc,nkc->ntk", to, moves) / squared[:, None]
    nearest = to[:, :, None] - jnp.clip(along, 0, 1)[..., None] * moves[:, None]
    apart = jnp.sum(nearest**2, axis=-1) + aside[..., None]
    parallel = jnp.einsum("tc,nkc->ntk", trials.directions, moves) ** 2 / squared[:, None]
    weight = jnp.exp(-apart / (2 * _KERNEL_PX**2)) * parallel
    return jnp.einsum("ntk,t->nk", weight, trials.log_odds)


def tries(log_odds: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """The expected number of walks until one passes: ``1 / p``."""
    return 1 + jnp.exp(-jnp.clip(log_odds, -_SURE, _SURE))
