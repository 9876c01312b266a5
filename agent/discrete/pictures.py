"""The pictures of a discrete agent: training, confusions, decision regions, roll-outs."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ...envs.line_world import ACTIONS, MEANS, STATES
from .align import assignment, confusion
from .checkpoint import Trained
from .evaluate import Evaluation, Judged
from .rollouts import Rollouts

# Okabe and Ito's colours: told apart by eyes that see no red or no green.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")
_INK, _GRAY = "#20242A", "#8A8F98"
_DPI = 120
_REACH = 7.0  # of the decision regions, in each direction
_PIXELS = 280
_SHOWN_STEPS = 24


def pictures_of(
    trained: Trained, log: Mapping[str, np.ndarray], found: Evaluation
) -> dict[str, Figure]:
    """All pictures by name."""
    return {
        "training": training_curves(log),
        "confusion": confusions(found.before, found.after),
        "regions": decision_regions(trained, found.after),
        "rollout": rollout_picture(found.rollouts, int(found.figures["target"])),
    }


def training_curves(log: Mapping[str, np.ndarray]) -> Figure:
    """The terms of the objective over the steps of training, on what was kept from learning."""
    figure = _figure(8.4, 3.2)
    left, right = figure.subplots(1, 2)
    steps = log["step"]
    gained = log["free_energy"] - log["alone"]
    left.plot(steps, gained, color=_COLOURS[0], label="free energy, less that of the frame alone")
    left.plot(steps, log["loss"], color=_INK, linewidth=0.9, linestyle="--", label="objective")
    left.set_ylabel("nats a frame")
    right.plot(steps, log["divergence"], color=_COLOURS[1], label="divergence from the prediction")
    right.plot(steps, log["consistency"], color=_GRAY, linewidth=0.9, label="its weight")
    for axes in (left, right):
        axes.set_xlabel("optimiser steps")
        axes.axhline(0, color=_GRAY, linewidth=0.6)
        axes.legend(fontsize=7.5, frameon=False)
        _plain(axes)
    figure.tight_layout()
    return figure


def confusions(before: Judged, after: Judged) -> Figure:
    """Which state is taken for which, by encoder and filter, before and after the training."""
    figure = _figure(10.4, 3.1)
    panels = (
        ("encoder, untrained", before, before.encoded),
        ("filter, untrained", before, before.filtered),
        ("encoder", after, after.encoded),
        ("filter", after, after.filtered),
    )
    for axes, (name, judged, found) in zip(figure.subplots(1, 4), panels, strict=True):
        share = (found == judged.states).mean()
        matrix = confusion(found, judged.states, STATES)
        axes.imshow(matrix, vmin=0, vmax=1, cmap="Blues")
        for row, column in np.ndindex(STATES, STATES):
            value = matrix[row, column]
            if value >= 0.005:
                axes.text(
                    column, row, f"{value:.0%}", ha="center", va="center", fontsize=7,
                    color="white" if value > 0.5 else _INK,
                )  # fmt: skip
        axes.set_title(f"{name}: {share:.1%}", fontsize=9)
        axes.set(
            xticks=range(STATES), yticks=range(STATES), xlabel="taken for", ylabel="true state"
        )
        axes.tick_params(labelsize=8, length=0)
    figure.tight_layout()
    return figure


def decision_regions(trained: Trained, judged: Judged) -> Figure:
    """What the encoder takes each place for, how surely, and where Bayes' rule has its borders."""
    figure = _figure(5.2, 4.6)
    axes = figure.subplots()
    along = np.linspace(-_REACH, _REACH, _PIXELS)
    places = np.stack(np.meshgrid(along, along), axis=-1).astype(np.float32)
    told = np.asarray(trained.encoder(jnp.asarray(places)))
    states = _state_of(trained)
    colours = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in _COLOURS])
    sure = ((told.max(axis=-1) - 1 / STATES) / (1 - 1 / STATES))[..., None]
    shade = 1 - (0.25 + 0.55 * sure) * (1 - colours[states[told.argmax(axis=-1)]])
    extent = (-_REACH, _REACH, -_REACH, _REACH)
    axes.imshow(shade, origin="lower", extent=extent, interpolation="nearest")
    nearest = np.square(places[:, :, None] - MEANS).sum(-1).argmin(-1)
    for state in range(STATES):
        axes.contour(
            along, along, nearest == state, levels=[0.5], colors=_INK, linewidths=0.7,
            linestyles="dashed",
        )  # fmt: skip
    axes.plot(*MEANS.T, "o", color=_INK, markersize=4)
    for state, (x, y) in enumerate(MEANS):
        axes.annotate(f"state {state}", (x, y), (4, 5), textcoords="offset points", fontsize=8)
    share = (judged.encoded == judged.states).mean()
    axes.set_title(f"encoder, right in {share:.1%} of frames; dashed: Bayes' borders", fontsize=8.5)
    axes.tick_params(labelsize=8)
    figure.tight_layout()
    return figure


def rollout_picture(rollouts: Rollouts, target: int, which: int = 0) -> Figure:
    """One roll-out: its emissions in the plane, and beliefs and true states over time."""
    figure = _figure(9.4, 3.6)
    plane, time = figure.subplots(1, 2, width_ratios=(1, 1.9))
    steps = min(_SHOWN_STEPS, rollouts.actions.shape[1])
    states, emissions = rollouts.states[which, :steps], rollouts.emissions[which, :steps]
    plane.plot(*emissions.T, color=_GRAY, linewidth=0.7)
    plane.scatter(*emissions.T, c=[_COLOURS[state] for state in states], s=22, zorder=3)
    for state, (x, y) in enumerate(MEANS):
        plane.plot(x, y, "+", color=_INK)
        plane.annotate(str(state), (x, y), (4, 4), textcoords="offset points", fontsize=9)
    plane.set_title("emissions, coloured by true state; + means", fontsize=8.5)
    plane.set_aspect("equal")
    _plain(plane)
    beliefs = rollouts.beliefs[which, :steps]
    time.imshow(beliefs.T, origin="lower", aspect="auto", cmap="Blues", vmin=0, vmax=1)
    time.plot(range(steps), states, "o", mfc="none", mec=_COLOURS[1], markersize=8, label="true")
    time.axhline(target, color=_COLOURS[2], linewidth=0.8, linestyle="--", label="target")
    for step, action in enumerate(rollouts.actions[which, :steps]):
        arrow = {"back": "↓", "stay": "·", "forward": "↑"}[ACTIONS[action]]
        time.text(step, -0.95, arrow, ha="center", va="center", fontsize=9, color=_INK)
    time.set(ylim=(-1.4, STATES - 0.5), yticks=range(STATES), xlabel="step", ylabel="state")
    time.set_title("q(s), true state and action", fontsize=8.5)
    time.legend(fontsize=7.5, frameon=False, loc="lower right", bbox_to_anchor=(1, 0.99), ncols=2)
    time.tick_params(labelsize=8)
    figure.tight_layout()
    return figure


def _state_of(trained: Trained) -> np.ndarray:
    """The state that each category stands for, by the means of the emissions."""
    told = np.asarray(trained.encoder.category(jnp.asarray(MEANS, jnp.float32)))
    return assignment(told, np.arange(STATES), STATES)


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
