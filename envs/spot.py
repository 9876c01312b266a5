"""A place in the plane as a picture: a spot of light on black."""

import numpy as np
from jaxtyping import Float, UInt8

VIEW = 9.0
"""Half the side of the square around 0 that the picture shows."""

_EDGE = 7.6  # a place farther out is drawn here, where the whole spot still fits in
_SPREAD = 0.45  # standard deviation of the spot


def draw_spot(
    place: Float[np.ndarray, "2"], side_px: int
) -> UInt8[np.ndarray, "side_px side_px 3"]:
    """The picture of ``place`` ``(x, y)``: x to the right, y up, the spot a Gaussian.

    Its centre of brightness is the place: to 0.01 where a pixel is at most 0.5 wide.
    """
    x, y = np.clip(place, -_EDGE, _EDGE)
    pixels = VIEW * ((np.arange(side_px) + 0.5) * 2 / side_px - 1)
    across = np.exp(-0.5 * ((pixels - x) / _SPREAD) ** 2)
    down = np.exp(-0.5 * ((-pixels - y) / _SPREAD) ** 2)
    gray = np.round(255 * down[:, None] * across).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=-1)
