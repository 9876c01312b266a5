"""From a pose back to a frame: trained beside the encoder, which it does not touch."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.tree_util import Partial
from jaxtyping import Array, Float

from .layers import Network, ascend, linear_network

_HIDDEN = (128, 128)
_STEPS, _BATCH, _RATE = 4000, 128, 3e-3


def fit_decoder(
    poses: Float[np.ndarray, "N d"],
    components: Float[np.ndarray, "N c"],
    spread: Float[np.ndarray, "c"],
    seed: int,
    steps: int = _STEPS,
) -> Network:
    """A network from ``poses`` to whitened principal ``components`` of their frames.

    ``spread`` is the standard deviation of each component in the frames: with it, the squared
    error that is minimised is that of pixels.
    """
    d, c = poses.shape[1], components.shape[1]
    norm = float(np.sqrt(np.mean(np.sum(poses**2, axis=1))))
    network = linear_network(jax.random.key(seed), jnp.zeros((d, c)), jnp.zeros(c), _HIDDEN, norm)
    share = _f32(spread**2 / np.sum(spread**2))
    rates = optax.cosine_decay_schedule(_RATE, steps, 0.01)(jnp.arange(steps))
    rows = (_f32(poses), _f32(components))
    return ascend(Partial(_worth, share), network, rows, jax.random.key(seed), rates, _BATCH)[0]


def _worth(share: Array, network: Network, rows: tuple[Array, Array], key: Array) -> Array:
    del key
    poses, components = rows
    return -jnp.mean(jnp.sum(share * (network(poses) - components) ** 2, axis=1))


def _f32(values) -> Array:
    return jnp.asarray(values, jnp.float32)
