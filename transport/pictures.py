"""Frames as people look at them."""

import numpy as np

_PAPER = np.array([255, 255, 255], np.float32)
_INKS = np.array([[213, 94, 0], [70, 90, 120]], np.float32)  # of the two channels


def in_colours(frame: np.ndarray) -> np.ndarray:
    """A frame, uint8 ``(height, width, channels)``, as uint8 ``(height, width, 3)``.

    One channel becomes gray, three stay, two are inks on white, the first over the second; of more
    than three the mean is shown.
    """
    height, width, channels = frame.shape
    if channels in (1, 3):
        return np.broadcast_to(frame, (height, width, 3))
    if channels > 3:
        mean = frame.mean(-1, keepdims=True).astype(np.uint8)
        return np.broadcast_to(mean, (height, width, 3))
    picture = np.broadcast_to(_PAPER, (height, width, 3))
    for channel in (1, 0):
        share = frame[..., channel, None].astype(np.float32) / 255
        picture = picture + share * (_INKS[channel] - picture)
    return picture.astype(np.uint8)
