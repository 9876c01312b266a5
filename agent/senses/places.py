"""Poses that a model has seen, spread over all of them: where a body may be that is looked for."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..encoders.views import still_view
from ..model import Model

_GUESSES = 256
_ROUNDS = 12  # after so many, drawn and seen again, guesses lie among the poses of experience
_KEPT = 32


class Places(NamedTuple):
    """``poses`` ``(K, d)``, and how far they are ``apart`` ``()``: a mixture of normal densities
    about them, as wide as that, covers the poses of experience."""

    poses: Float[Array, "K d"]
    apart: Float[Array, ""]


def places_of(model: Model) -> Places:
    """Places of a ``model``, the same for the same model.

    Poses of experience have unit variance but need not fill the space: a pendulum's make a ring.
    Guesses from a normal density are drawn by the decoder and seen by the encoder, again and
    again, which brings them there; of these, some far from one another are kept.
    """
    d = model.transition.outputs
    guesses = np.random.default_rng(0).standard_normal((_GUESSES, d)).astype(np.float32)
    poses = np.asarray(_seen_again(model, guesses))
    poses = poses[np.isfinite(poses).all(1)]
    kept = [0]
    nearest = np.linalg.norm(poses - poses[0], axis=1)
    while len(kept) < min(_KEPT, len(poses)):
        kept.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, np.linalg.norm(poses - poses[kept[-1]], axis=1))
    spread = poses[kept]
    between = np.linalg.norm(spread[:, None] - spread, axis=2)
    np.fill_diagonal(between, np.inf)
    return Places(jnp.asarray(spread), jnp.asarray(np.median(between.min(1)), jnp.float32))


@jax.jit
def _seen_again(model: Model, poses: Float[Array, "K d"]) -> Float[Array, "K d"]:
    def once(pose):
        frame = jnp.round(255 * model.picture(pose)).astype(jnp.uint8)
        return model.encoder(still_view(frame, model.encoder.window))

    again = partial(jax.lax.map, once)
    return jax.lax.fori_loop(0, _ROUNDS, lambda _, poses: again(poses), poses)
