"""Goals that a run offers, as a part of what its processes are told."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

FILE = "gallery.npy"


@dataclass(frozen=True)
class Gallery:
    """Goals to choose from: their names, and their pictures uint8 ``(g, height, width, channels)``,
    of any shape where there are none."""

    names: tuple[str, ...]
    images: np.ndarray


NO_GALLERY = Gallery((), np.zeros((0, 1, 1, 1), np.uint8))


def write_pictures(folder: Path, gallery: Gallery) -> None:
    """Write the pictures into ``folder``, where there are any."""
    if gallery.names:
        np.save(folder / FILE, gallery.images, allow_pickle=False)


def read_gallery(folder: Path, names: list[str]) -> Gallery:
    """The pictures in ``folder`` under their ``names``; none in what an earlier version has left
    behind."""
    if not names:
        return NO_GALLERY
    return Gallery(tuple(names), np.load(folder / FILE, allow_pickle=False))
