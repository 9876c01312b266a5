"""Encoders of one channel: two kinds, both small convolutional networks.

``Profiles`` looks at patches, as a convolution does whose stride is its width, and then at the sums
of what it finds along rows and along columns: a dot, a wall and a door are told by where they are
along each axis, and two profiles cost far less than a map. Where a wall stands changes its profile
an order of magnitude more than where its door is, so all numbers of the profiles are brought to
the same spread before they are read. ``Convolutions`` is the usual tower of strided 3 x 3 layers,
with all of the last map read out.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...envs.two_rooms import SIZE_PX
from .layers import Dense, Layers, dense, layers, through

_PATCH_PX = 5
_ALONG = SIZE_PX // _PATCH_PX  # patches along each side
_KERNEL = 3
_LEAST_SPREAD = 0.1  # of a number of a profile, as a share of what is usual


class Profiles(NamedTuple):
    """``patch`` ``(25, channels)``, then the ``head`` on both profiles ``(2 * 13 * channels,)``,
    from which ``middle`` is taken and which are multiplied by ``scale``."""

    patch: Dense
    middle: Float[Array, "profiles"]
    scale: Float[Array, "profiles"]
    head: Layers

    def __call__(self, pictures: Float[Array, "many size size"]) -> Float[Array, "many out"]:
        """What pictures, 0 to 1, are encoded to."""
        return through(self.head, (_profiles(self.patch, pictures) - self.middle) * self.scale)


class Convolutions(NamedTuple):
    """Strided 3 x 3 layers: ``kernels`` ``(3, 3, in, out)`` with ``biases``, then the ``head``."""

    kernels: tuple[Float[Array, "3 3 in out"], ...]
    biases: tuple[Float[Array, "out"], ...]
    head: Layers

    def __call__(self, pictures: Float[Array, "many size size"]) -> Float[Array, "many out"]:
        """What pictures, 0 to 1, are encoded to."""
        maps = pictures[..., None]
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            maps = jax.nn.relu(_strided(maps, kernel) + bias)
        return through(self.head, maps.reshape(maps.shape[0], -1))


Branch = Profiles | Convolutions


def profiles(
    key: Array, channels: int, sizes: tuple[int, ...], pictures: Float[Array, "many size size"]
) -> Profiles:
    """A random branch; ``sizes`` are those of the head's layers, the last what comes out.

    ``pictures``, 0 to 1, are such as it will see: over them the numbers of the profiles begin with
    mean zero and the same spread (Krähenbühl et al., Data-dependent initializations of
    convolutional neural networks, 2016).
    """
    key_patch, key_head = jax.random.split(key)
    patch = dense(key_patch, _PATCH_PX**2, channels, gain=2.0)
    found = _profiles(patch, pictures)
    variance = jnp.var(found, axis=0)
    scale = jax.lax.rsqrt(variance + _LEAST_SPREAD**2 * jnp.mean(variance))
    head = layers(key_head, (found.shape[1], *sizes))
    return Profiles(patch, jnp.mean(found, axis=0), scale, head)


def convolutions(key: Array, channels: tuple[int, ...], out: int) -> Convolutions:
    """A random branch with these channels after each layer."""
    keys = jax.random.split(key, len(channels) + 1)
    side, before, kernels = SIZE_PX, 1, []
    for each, after in zip(keys[:-1], channels, strict=True):
        shape = (_KERNEL, _KERNEL, before, after)
        size = jnp.sqrt(2 / (_KERNEL**2 * before))
        kernels.append(size * jax.random.normal(each, shape))
        side, before = (side + 1) // 2, after
    biases = tuple(jnp.zeros(count) for count in channels)
    return Convolutions(tuple(kernels), biases, layers(keys[-1], (side**2 * before, out)))


def _profiles(
    patch: Dense, pictures: Float[Array, "many size size"]
) -> Float[Array, "many profiles"]:
    """What is found in patches, summed along rows, and along columns."""
    many = pictures.shape[0]
    tiles = pictures.reshape(many, _ALONG, _PATCH_PX, _ALONG, _PATCH_PX)
    tiles = tiles.transpose(0, 1, 3, 2, 4).reshape(many, _ALONG, _ALONG, _PATCH_PX**2)
    found = jax.nn.silu(patch(tiles))
    rows, columns = found.sum(2), found.sum(1)
    return jnp.concatenate([rows.reshape(many, -1), columns.reshape(many, -1)], axis=1)


def _strided(
    maps: Float[Array, "many height width in"], kernel: Float[Array, "3 3 in out"]
) -> Float[Array, "many h w out"]:
    """A convolution with stride 2 as one product: far faster on a CPU than XLA's own in a loop."""
    height, width = ((side + 1) // 2 for side in maps.shape[1:3])
    padded = jnp.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [
        padded[:, row : row + 2 * height - 1 : 2, column : column + 2 * width - 1 : 2]
        for row in range(_KERNEL)
        for column in range(_KERNEL)
    ]
    return jnp.concatenate(shifted, axis=-1) @ kernel.reshape(-1, kernel.shape[-1])
