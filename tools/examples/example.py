"""What all examples share: their options, and pictures that need no display."""

import argparse
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

mpl.use("Agg")

BLUE, RED, GREY = "#2166ac", "#b2182b", "#888888"


def options(about: str, name: str) -> argparse.Namespace:
    """``--out`` for the picture, ``--short`` for a quick run, ``--seed``."""
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(f"{name}.png"), help="picture to write")
    parser.add_argument("--short", action="store_true", help="less data, as tests run it")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def band(axes: Axes, mean: np.ndarray, std: np.ndarray, label: str, color: str = BLUE) -> None:
    """A belief over time: its mean, and two standard deviations around it."""
    steps = np.arange(len(mean))
    axes.fill_between(steps, mean - 2 * std, mean + 2 * std, color=color, alpha=0.25, lw=0)
    axes.plot(steps, mean, color=color, label=label)


def save(figure: Figure, out: Path) -> None:
    """Write the picture and say where."""
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
    plt.close(figure)
    print(f"picture: {out}")
