"""The one line that can be typed, and pictures that are read from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .controls import Right

HINTS = {
    Right.HOST: "30deg, upright, hanging, or the path of a picture",
    Right.GOALS: "the path of a picture",
    Right.WATCH: "",
}

_LONGEST = 1000


class Entry:
    """A line that is being typed. The key that opened it may still come as text: until
    :meth:`opened` that is passed over."""

    def __init__(self) -> None:
        self.text = ""
        self._open = False

    def opened(self) -> None:
        """From now on what comes is meant."""
        self._open = True

    def type(self, text: str) -> None:
        """Add what was typed."""
        if self._open:
            printable = "".join(each for each in text if each.isprintable())
            self.text = (self.text + printable)[:_LONGEST]

    def erase(self) -> None:
        """Take the last character away."""
        self.text = self.text[:-1]


def read_picture(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The picture in ``file`` as a frame of ``shape``; ``ValueError`` in one line where there is
    none, or of other proportions."""
    from ...envs import read_picture as read  # which the window does not need before

    height, width, channels = shape
    return read(file, (height, width, channels))
