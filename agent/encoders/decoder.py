"""From a pose back to a frame: trained beside an encoder of any kind, which it does not touch."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.tree_util import Partial
from jaxtyping import Array, Float, UInt8

from ..graph.check import pytree
from ..graph.float32 import f32
from .layers import Network, ascend, linear_network
from .likeness import evenness
from .pictures import leading_components, pixels_of

_HIDDEN = (128, 128)
_COMPONENTS = 64
_STEPS, _BATCH, _RATE = 4000, 128, 3e-3
_ROOM = 1.2
_NEAR = 0.05  # between poses, whose variance is one: frames nearer share what they count


@pytree("network", "mean", "basis", "usual_misfit")
@dataclass(frozen=True)
class Decoder:
    """``mean + network(pose) basis``, as a frame: ``mean`` ``(pixels,)`` is the average frame,
    ``basis`` ``(c, pixels)`` its principal components, each as long as its standard deviation.
    ``usual_misfit`` is about the largest :meth:`misfit` of frames that it was trained with."""

    network: Network
    mean: Float[Array, "pixels"]
    basis: Float[Array, "c pixels"]
    usual_misfit: Float[Array, ""]

    def __call__(self, pose: Float[Array, "d"]) -> Float[Array, "pixels"]:
        """The frame that ``pose`` leads to, from 0 to 1; vmap for many."""
        return jnp.clip(self.mean + self.network(pose) @ self.basis, 0.0, 1.0)

    def misfit(self, pose: Float[Array, "d"], frame: Float[Array, "pixels"]) -> Float[Array, ""]:
        """Mean absolute difference between ``frame``, from 0 to 1, and what ``pose`` leads to."""
        return jnp.mean(jnp.abs(frame - self(pose)))


def fit_decoder(
    poses: Float[np.ndarray, "N d"],
    frames: UInt8[np.ndarray, "N height width channel"],
    seed: int,
    steps: int = _STEPS,
) -> Decoder:
    """The decoder that draws ``frames`` at ``poses`` with the least squared error of pixels.

    It fits whitened principal components, each of which counts by its variance; frames count as if
    the poses were spread evenly, or those at which a body hardly ever is would be drawn badly.
    """
    average, directions, spread, _ = leading_components(frames, _COMPONENTS, seed)
    directions, spread = directions[spread > 0], spread[spread > 0]
    rows = frames.reshape(len(frames), -1) / np.float32(255) - f32(average)
    components = np.asarray(rows @ f32(directions.T / spread))
    d, c = poses.shape[1], len(spread)
    norm = float(np.sqrt(np.mean(np.sum(poses**2, axis=1))))
    network = linear_network(jax.random.key(seed), jnp.zeros((d, c)), jnp.zeros(c), _HIDDEN, norm)
    share = f32(spread**2 / np.sum(spread**2))
    rates = optax.cosine_decay_schedule(_RATE, steps, 0.01)(jnp.arange(steps))
    given = (f32(poses), f32(components), f32(evenness(poses, _NEAR**2)))
    key = jax.random.key(seed)
    network = ascend(Partial(_worth, share), network, given, key, rates, _BATCH)[0]
    decoder = Decoder(network, f32(average), f32(spread[:, None] * directions), f32(0))
    left = jax.lax.map(
        lambda pair: decoder.misfit(pair[0], pixels_of(pair[1])),
        (f32(poses), jnp.asarray(frames)),
        batch_size=256,
    )
    return replace(decoder, usual_misfit=_ROOM * left.max())


def _worth(share: Array, network: Network, rows: tuple[Array, Array, Array], key: Array) -> Array:
    del key
    poses, components, weights = rows
    return -jnp.mean(weights * jnp.sum(share * (network(poses) - components) ** 2, axis=1))
