"""Handwritten digits that turn: the pictures of the digit examples.

By default scikit-learn's built-in digits (8×8, enlarged to 28×28); with a folder, MNIST from its
four idx files (two are enough: the training images and labels), plain or gzipped.
"""

import gzip
import math
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from PIL import Image

SIDE = 28  # pixels of a picture's side
_INNER = 24  # of the enlarged digit with its margin: what turns stays in the picture
_IMAGES, _LABELS = "train-images", "train-labels"
_IMAGES_MAGIC, _LABELS_MAGIC = 2051, 2049  # unsigned bytes, of three and of one dimension


class Digits(NamedTuple):
    """Pictures ``(N, 28, 28)`` from 0 (paper) to 1 (ink), and the digit that each one shows."""

    images: Float[np.ndarray, "N 28 28"]
    labels: Int[np.ndarray, "N"]


class Sequence(NamedTuple):
    """A digit that turns: T pictures, and the angle in radians at which each one shows it."""

    images: Float[np.ndarray, "T 28 28"]
    angles: Float[np.ndarray, "T"]


def load_digits(folder: str | Path | None = None) -> Digits:
    """scikit-learn's digits, or those of a ``folder`` with MNIST's idx files.

    Raises ``ValueError``, in one line, for a folder or a file that is not MNIST, and when
    scikit-learn is needed and not installed.
    """
    if folder is not None:
        return _mnist(Path(folder))
    try:
        from sklearn.datasets import load_digits as built_in
    except ImportError as error:
        raise ValueError(
            "folder: None was given and scikit-learn, which brings the built-in digits, is not "
            "installed; install the extra jopa-agent[examples] or name a folder of MNIST"
        ) from error
    values, labels = built_in(return_X_y=True)
    images = np.asarray(values).reshape(-1, 8, 8) / 16
    return Digits(np.stack([_enlarged(image) for image in images]), np.asarray(labels))


def pick(digits: Digits, digit: int, index: int = 0) -> Float[np.ndarray, "28 28"]:
    """The picture number ``index`` of those that show ``digit``."""
    shown = np.flatnonzero(digits.labels == digit)
    if not 0 <= index < len(shown):
        raise ValueError(
            f"digit, index: {digit}, {index}, and there are {len(shown)} pictures of a {digit}; "
            "nothing to show; name a digit from 0 to 9 and an index below that number"
        )
    return digits.images[shown[index]]


def rotate(image: Float[np.ndarray, "28 28"], angle: float) -> Float[np.ndarray, "28 28"]:
    """``image`` turned counterclockwise by ``angle`` radians about its middle, bilinearly."""
    picture = Image.fromarray(np.asarray(image, np.float32))
    turned = picture.rotate(float(np.degrees(angle)), Image.Resampling.BILINEAR)
    return np.clip(np.asarray(turned), 0, 1)


def turned(image: Float[np.ndarray, "28 28"], angles: Float[np.ndarray, "T"]) -> Sequence:
    """``image`` at each of ``angles``."""
    angles = np.asarray(angles, float)
    if angles.ndim != 1 or angles.size == 0 or not np.isfinite(angles).all():
        raise ValueError(
            f"angles: shape {angles.shape}, all finite: {bool(np.isfinite(angles).all())}; no "
            "sequence can be drawn; give a non-empty vector of finite radians"
        )
    return Sequence(np.stack([rotate(image, angle) for angle in angles]), angles)


def rotating(
    image: Float[np.ndarray, "28 28"], steps: int, step: float, start: float = 0.0
) -> Sequence:
    """``steps`` pictures from the angle ``start`` on, each one ``step`` radians further."""
    return turned(image, start + step * np.arange(steps))


def controlled(
    image: Float[np.ndarray, "28 28"], controls: Float[np.ndarray, "T-1"], start: float = 0.0
) -> Sequence:
    """``T`` pictures from the angle ``start`` on, each one its control (radians) further."""
    return turned(image, start + np.concatenate([[0.0], np.cumsum(np.asarray(controls, float))]))


def random_controls(
    rng: np.random.Generator,
    steps: int,
    largest: float,
    low: float = -np.inf,
    high: float = np.inf,
    start: float = 0.0,
) -> Float[np.ndarray, "steps"]:
    """Controls drawn uniformly from ±``largest`` radians, such that the angle, from ``start`` on,
    stays between ``low`` and ``high`` (in which ``start`` must lie)."""
    if not low <= start <= high:
        raise ValueError(
            f"start: {start}, not between low {low} and high {high}; no control would keep the "
            "angle there; start inside"
        )
    controls, angle = np.empty(steps), start
    for k in range(steps):
        controls[k] = rng.uniform(max(-largest, low - angle), min(largest, high - angle))
        angle += controls[k]
    return controls


def with_noise(
    rng: np.random.Generator, images: Float[np.ndarray, "T 28 28"], std: float
) -> Float[np.ndarray, "T 28 28"]:
    """``images`` as a poor camera sees them: Gaussian noise on every pixel, cut to 0 ... 1."""
    return np.clip(images + rng.normal(0, std, images.shape), 0, 1).astype(np.float32)


def _enlarged(image: np.ndarray) -> np.ndarray:
    """An 8×8 picture with a pixel's margin, smoothly enlarged to the middle of a 28×28 one."""
    picture = Image.fromarray(np.pad(image, 1).astype(np.float32))
    inner = np.asarray(picture.resize((_INNER, _INNER), Image.Resampling.BICUBIC))
    return np.pad(np.clip(inner, 0, 1), (SIDE - _INNER) // 2)


def _mnist(folder: Path) -> Digits:
    if not folder.is_dir():
        raise ValueError(
            f"folder: {str(folder)!r} is no folder; no digit can be read; name the folder that "
            "holds MNIST's train-images and train-labels idx files"
        )
    images = _idx(_file(folder, _IMAGES), _IMAGES_MAGIC, 3)
    labels = _idx(_file(folder, _LABELS), _LABELS_MAGIC, 1)
    if len(images) != len(labels) or len(labels) == 0 or images.shape[1:] != (SIDE, SIDE):
        raise ValueError(
            f"folder: {str(folder)!r} has images {images.shape} and {len(labels)} labels; no digit "
            f"could be named; give MNIST's files: as many labels as images of {SIDE}×{SIDE}"
        )
    return Digits(images.astype(np.float32) / 255, labels.astype(int))


def _file(folder: Path, name: str) -> Path:
    """The file of ``folder`` whose name begins with ``name``."""
    found = sorted(path for path in folder.glob(f"{name}*") if path.is_file())
    if not found:
        raise ValueError(
            f"folder: {str(folder)!r} has no file {name}-…; no digit can be read; put MNIST's "
            f"{_IMAGES}-idx3-ubyte and {_LABELS}-idx1-ubyte there (or the same with .gz)"
        )
    return found[0]


def _idx(path: Path, magic: int, dimensions: int) -> np.ndarray:
    """An array of bytes in the idx format: a magic number, the sizes, the values."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"folder: {str(path)!r} cannot be read ({error}); no digit can be shown; download the "
            "file again"
        ) from error
    size = 4 * (1 + dimensions)
    header = np.frombuffer(data[:size], ">u4") if len(data) >= size else np.zeros(1, int)
    shape = tuple(int(length) for length in header[1:])
    values = max(len(data) - size, 0)
    if header[0] != magic or values != math.prod(shape):
        raise ValueError(
            f"folder: {str(path)!r} begins with {int(header[0])}, names the sizes {shape} and has "
            f"{values} bytes of values; it is no idx file of MNIST (which begins with {magic}) or "
            "only a part of it; download the file again"
        )
    return np.frombuffer(data, np.uint8, offset=size).reshape(shape)
