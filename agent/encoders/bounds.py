"""What the training and the M step of a variational autoencoder maximise, picture by picture."""

import math
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jax.tree_util import Partial
from jaxtyping import Array, Float

from .pictures import pixels_of

if TYPE_CHECKING:
    from .vae import LearnedVAE

Image = Float[Array, "height width *channel"]

_SAMPLES = 8  # of each belief, where an objective is evaluated
_LOG_TWO_PI = math.log(2 * math.pi)


def bound(vae: "LearnedVAE", image: Image, key: Array) -> Float[Array, ""]:
    """Evidence lower bound of one picture, with one sample of the latent."""
    mean, precision = vae.moments(image)
    posterior = 1 + precision
    mean = precision * mean / posterior
    latent = mean + jax.random.normal(key, mean.shape, mean.dtype) / jnp.sqrt(posterior)
    divergence = 0.5 * jnp.sum(1 / posterior + mean**2 - 1 + jnp.log(posterior))
    return _log_likelihood(vae, image, latent) - stop_gradient(vae.beta) * divergence


def worth(weight: Array, vae: "LearnedVAE", row: Any, key: Array) -> Float[Array, ""]:
    """What the M step maximises, of one picture and the belief about its latent."""
    image, mean, root = row
    sampling, anchoring = jax.random.split(key)
    seen = _log_likelihood(vae, image, _sample(mean, root, sampling))
    return seen + _log_message(vae, image, mean, root) + weight * bound(vae, image, anchoring)


def correction(vae: "LearnedVAE", row: Any, key: Array) -> Float[Array, ""]:
    """``E[log m(x | y) - log p(y | x)]`` of one picture and the belief about its latent."""
    image, mean, root = row
    told = _log_message(vae, image, mean, root)
    return told - likelihood(vae, row, key)


def likelihood(vae: "LearnedVAE", row: Any, key: Array) -> Float[Array, ""]:
    """``E[log p(y | x)]`` of one picture and the belief about its latent."""
    image, mean, root = row
    return _log_likelihood(vae, image, _sample(mean, root, key))


def _log_likelihood(vae: "LearnedVAE", image: Image, latent: Array) -> Float[Array, ""]:
    """``log p(y | x)``."""
    std = stop_gradient(vae.pixel_std)
    error = (pixels_of(image) - vae.decode(latent).reshape(-1)) / std
    return -0.5 * jnp.sum(error**2) - error.size * (jnp.log(std) + 0.5 * _LOG_TWO_PI)


def _log_message(vae: "LearnedVAE", image: Image, mean: Array, root: Array) -> Float[Array, ""]:
    """``E[log m(x | y)]`` for x of this ``mean`` and ``root``."""
    told, precision = vae.moments(image)
    square = (mean - told) ** 2 + jnp.sum(root**2, axis=1)
    return 0.5 * jnp.sum(jnp.log(precision) - _LOG_TWO_PI - precision * square)


def _sample(mean: Array, root: Array, key: Array) -> Array:
    return mean + root @ jax.random.normal(key, root.shape[1:], root.dtype)


def mean_bound(vae: "LearnedVAE", images: Array, key: Array) -> Float[Array, ""]:
    """Mean of :func:`bound` over pictures."""
    keys = jax.random.split(key, images.shape[0])
    return jax.vmap(bound, (None, 0, 0))(vae, images, keys).mean()


def mean_worth(weight: Array, vae: "LearnedVAE", rows: Any, key: Array) -> Float[Array, ""]:
    """Mean of :func:`worth` over pictures and beliefs."""
    keys = jax.random.split(key, rows[1].shape[0])
    return jax.vmap(worth, (None, None, 0, 0))(weight, vae, rows, keys).mean()


@jax.jit
def evaluated(of_one: Partial, vae: "LearnedVAE", rows: Any, seed: int) -> Float[Array, "N"]:
    """``of_one(vae, row, key)`` of every row, each averaged over the same few samples."""
    count = jax.tree.leaves(rows)[0].shape[0]
    keys = jax.random.split(jax.random.key(seed), (count, _SAMPLES))

    def averaged(given):
        row, samples = given
        return jax.vmap(lambda key: of_one(vae, row, key))(samples).mean()

    return jax.lax.map(averaged, (rows, keys))
