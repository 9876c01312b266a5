"""Pictures as networks take them: what is accepted, their pixels, their principal components."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_SLACK = 1e-3  # beyond 0 and 1, that rounding and interpolation leave
_ENOUGH = 1024  # pictures for principal components
_LEAST_SPREAD = 1e-4  # of the leading component's


def pixels_of(image: Array) -> Float[Array, "pixels"]:
    """All values of a picture, 0 to 1, in one row; uint8 is divided by 255."""
    if image.dtype != jnp.uint8 and not jnp.issubdtype(image.dtype, jnp.floating):
        raise ValueError(_dtype_line("image", image.dtype))
    row = jnp.asarray(image, jnp.float32).reshape(-1)
    return row / jnp.float32(255) if image.dtype == jnp.uint8 else row


def checked_pictures(name: str, images: Any) -> np.ndarray:
    """``images`` as an array ``(N, height, width)`` or ``(N, height, width, channels)``.

    Raises ValueError unless they are uint8 or finite floats from 0 to 1, at least two.
    """
    try:
        array = np.asarray(images)
    except ValueError:
        array = np.asarray(None)
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise ValueError(_dtype_line(name, array.dtype))
    if array.ndim not in (3, 4) or array.shape[0] < 2 or 0 in array.shape:
        raise ValueError(
            f"{name} has the shape {array.shape}: no network can be trained on it; give two or "
            "more pictures (N, height, width) or (N, height, width, channels)"
        )
    if array.dtype == np.uint8:
        return array
    if not np.isfinite(array).all():
        where = int(np.argwhere(~np.isfinite(array))[0][0])
        raise ValueError(
            f"{name}[{where}] has a pixel that is not finite: every weight would become NaN; "
            "leave that picture out"
        )
    low, high = float(array.min()), float(array.max())
    if low < -_SLACK or high > 1 + _SLACK:
        raise ValueError(
            f"{name} has pixels from {low:g} to {high:g}: pixel_std is meant for 0 to 1; scale or "
            "clip them, or give uint8"
        )
    return array.astype(np.float32)


class Components(NamedTuple):
    """Average picture, unit principal components, and the standard deviation along each; ``norm``
    is the root mean square length of a picture less the average."""

    average: Float[np.ndarray, "pixels"]
    directions: Float[np.ndarray, "count pixels"]
    spread: Float[np.ndarray, "count"]
    norm: float


def leading_components(images: np.ndarray, count: int, seed: int) -> Components:
    """Principal components of at most 1024 of the pictures, drawn by ``seed``.

    Those beyond what the pictures vary in are zero.
    """
    rng = np.random.default_rng(seed)
    some = images[rng.permutation(len(images))[:_ENOUGH]]
    rows = some.reshape(len(some), -1).astype(np.float64)
    rows = rows / 255 if images.dtype == np.uint8 else rows
    average = rows.mean(0)
    rows -= average
    # the eigenvectors of the smaller of the two products; a spread is the root of an eigenvalue
    wide = rows.shape[0] < rows.shape[1]
    values, vectors = np.linalg.eigh((rows @ rows.T if wide else rows.T @ rows) / len(rows))
    spread = np.sqrt(np.maximum(values[::-1], 0))
    if spread[0] == 0:
        raise ValueError(
            "images are all the same: there is nothing that a latent could tell; give pictures "
            "that differ"
        )
    found = int((spread[:count] > _LEAST_SPREAD * spread[0]).sum())
    leading = vectors[:, ::-1][:, :found]
    leading = rows.T @ leading if wide else leading
    directions = np.zeros((count, rows.shape[1]))
    directions[:found] = (leading / np.linalg.norm(leading, axis=0)).T
    norm = float(np.sqrt((spread**2).sum()))
    return Components(average, directions, np.append(spread[:found], np.zeros(count - found)), norm)


def _dtype_line(name: str, dtype: Any) -> str:
    return (
        f"{name} has the type {dtype}: its scale would be a guess; give uint8 (0 to 255) or floats "
        "(0 to 1), all of one shape"
    )
