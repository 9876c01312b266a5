"""Checks of what a user asks a model's queries."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .check import is_traced
from .gaussian import Belief, Gaussian

_CONTROL = "control"
_LARGEST_SEED = 2**31 - 1


def one_observation(observation: Any) -> Mapping[str, Any]:
    """What was observed at one step, by block; ValueError where it is no dict of blocks."""
    if observation is None:
        return {}
    if not isinstance(observation, Mapping):
        raise ValueError(
            f"observation is {type(observation).__name__}: it does not say which block it is of; "
            "give a dict of block name to what was observed"
        )
    if _CONTROL in observation:
        raise ValueError(
            "observation holds 'control', which is no block: it would be left out; give it as the "
            "argument control"
        )
    return observation


def stream_state(state: Any, kind: type, size: int) -> None:
    """ValueError unless ``state`` is of the ``kind`` of a stream's, about ``size`` coordinates."""
    if not isinstance(state, kind):
        raise ValueError(
            f"state is {type(state).__name__}: a stream goes on from what start or step returned; "
            "give that (from a belief: model.start(belief))"
        )
    found = state.joint.mean.shape  # type: ignore[attr-defined]
    if found != (size,):
        raise ValueError(
            f"state is about {found} coordinates, but the model has ({size},): it is of another "
            "model; give what start or step of this one returned"
        )


def control_numbers(name: str, controls: Any) -> Any:
    """``controls`` as an array; ValueError where they are no numbers in rows of one length."""
    if any(map(is_traced, jax.tree.leaves(controls))):
        return jnp.asarray(controls)
    try:
        return np.asarray(controls, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} are no array of numbers ({error}): nothing can be moved by them; give numbers "
            "in rows of one length"
        ) from None


def known_forgetting(forgetting: Any) -> Any:
    """``forgetting`` as it is; ValueError unless it is a number above 0, and at most 1."""
    if is_traced(forgetting):
        return forgetting
    number = isinstance(forgetting, int | float | np.number | np.ndarray | jax.Array)
    if not number or isinstance(forgetting, bool) or np.ndim(forgetting) or not 0 < forgetting <= 1:
        raise ValueError(
            f"forgetting is {forgetting!r}: it is the share of certainty that is kept; give a "
            "number above 0 and at most 1, which forgets nothing"
        )
    return forgetting


def known_seed(seed: Any) -> Any:
    """``seed`` as it is; ValueError unless it is a whole number that jax can take."""
    if isinstance(seed, jax.Array | np.ndarray | np.integer):
        whole = jnp.issubdtype(seed.dtype, jnp.integer) and np.ndim(seed) == 0
    else:
        whole = isinstance(seed, int) and not isinstance(seed, bool) and abs(seed) <= _LARGEST_SEED
    if not whole:
        raise ValueError(
            f"seed is {seed!r}: random guesses are drawn with it; give a whole number of at most "
            f"{_LARGEST_SEED}"
        )
    return seed


def in_moments(name: str, given: Gaussian | Belief) -> Belief:
    """A belief from one in either form; ValueError where a precision has no inverse."""
    if isinstance(given, Belief):
        return given
    belief = given.belief()
    if not is_traced(belief.root) and not np.isfinite(np.asarray(belief.root)).all():
        raise ValueError(
            f"the precision of {name} is singular, or not positive definite: its covariance would "
            "be infinite; give a positive definite one, or a Belief"
        )
    return Belief(belief.mean, belief.cov)
