"""What the digit examples share: their options, films of pictures, and how wrong a film is."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

NOISE = 0.05  # standard deviation of a pixel as the camera sees it
STEP = np.pi / 18  # radians per frame: 36 frames for a turn
TURN = 36


def options(about: str, name: str) -> argparse.Namespace:
    """``--out``, ``--short`` and ``--seed`` as in every example, and ``--mnist``."""
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(f"{name}.png"), help="picture to write")
    parser.add_argument("--short", action="store_true", help="less data, as tests run it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mnist", type=Path, help="folder of MNIST's idx files to take digits of")
    return parser.parse_args()


def image_error(
    film: Float[np.ndarray, "T 28 28"], truth: Float[np.ndarray, "T 28 28"]
) -> Float[np.ndarray, "T"]:
    """Squared error of every picture, as a share of what the average true picture would have."""
    base = np.mean((truth - truth.mean(axis=0)) ** 2)
    return np.mean((np.asarray(film) - truth) ** 2, axis=(1, 2)) / base


def show_film(
    axes: Axes,
    rows: dict[str, Float[np.ndarray, "T 28 28"]],
    frames: Sequence[int],
    unseen: Sequence[int] | np.ndarray = (),
    color: str = "#b2182b",
) -> None:
    """Rows of pictures, named on the left, their frame numbers below; ``unseen`` in ``color``."""
    films = [np.concatenate([np.asarray(row)[k] for k in frames], axis=1) for row in rows.values()]
    side = films[0].shape[0]
    picture = 1 - np.clip(np.concatenate(films), 0, 1)
    height, width = picture.shape
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, extent=(0, width, height, 0))
    axes.set_yticks(side * (np.arange(len(rows)) + 0.5), list(rows))
    axes.set_xticks(side * (np.arange(len(frames)) + 0.5), [str(k) for k in frames], fontsize=8)
    axes.tick_params(length=0)
    hidden = {int(k) for k in unseen}
    for label, frame in zip(axes.get_xticklabels(), frames, strict=True):
        label.set_color(color if frame in hidden else "black")
    for place in range(1, len(frames)):
        axes.axvline(side * place, color="#dddddd", lw=0.5)
