"""How alike frames look: places of frames, in units of pixels, and what lies near each other."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

_USUAL = 0.75  # of the mean squared change: about the median, where a body does not rest
_NEAR = 0.2  # of the usual squared change: what a neighbour should differ by
_NEIGHBOURS = 8
_FLOOR = 1e-6  # of a squared distance between poses, whose variance is one


def usual_change(places: Float[np.ndarray, "segment time component"]) -> float:
    """The squared distance by which a picture usually changes from one frame to the next."""
    return float(_USUAL * (np.diff(places, axis=1) ** 2).sum(-1).mean()) or 1.0


def squared_distances(places: Float[np.ndarray, "N component"]) -> Float[np.ndarray, "N N"]:
    """Between all pairs of ``places``."""
    sizes = (places**2).sum(1)
    return np.maximum(sizes[:, None] + sizes - 2 * places @ places.T, 0.0)


class Neighbours(NamedTuple):
    """For each frame some ``others`` ``(N, k)`` that look a little different, and the logarithms of
    the squared distances ``apart`` ``(N, k)`` between their pictures."""

    others: Int[Array, "N k"]
    apart: Float[Array, "N k"]


def neighbours(places: Float[np.ndarray, "segment time component"]) -> Neighbours:
    """The frames that lie as near to each as nearly as can be: much nearer than one frame to the
    next of a body in motion, where the distance of pictures still grows with that of poses."""
    flat = places.reshape(-1, places.shape[-1])
    wanted = _NEAR * usual_change(places)
    apart = np.log(np.maximum(squared_distances(flat), 1e-6 * wanted))
    count = min(_NEIGHBOURS, len(flat))
    others = np.argpartition(np.abs(apart - np.log(wanted)), count - 1, axis=1)[:, :count]
    told = np.take_along_axis(apart, others, axis=1)
    return Neighbours(jnp.asarray(others), jnp.asarray(told, jnp.float32))


def unevenness(
    poses: Float[Array, "n d"], others: Float[Array, "n d"], apart: Float[Array, "n"]
) -> Float[Array, ""]:
    """How unevenly poses are stretched: the variance of the logarithm of the squared distance
    between ``poses`` and those of their neighbours as a multiple of that between their pictures,
    whose logarithm is ``apart``.

    Zero where the encoder is an isometry up to scale, along what was seen (Lee, Yoon, Son and Park,
    Regularized autoencoders for isometric representation learning, ICLR 2022, with another measure
    of distortion).
    """
    squares = jnp.sum((poses - others) ** 2, axis=1)
    return jnp.var(jnp.log(squares + _FLOOR) - apart)


def drawn_neighbours(
    near: Neighbours, frames: Int[Array, "n"], key: jax.Array
) -> tuple[Int[Array, "n"], Float[Array, "n"]]:
    """One neighbour of each of the ``frames``, by lot, and how far apart they are."""
    column = jax.random.randint(key, frames.shape, 0, near.others.shape[1])
    return near.others[frames, column], near.apart[frames, column]
