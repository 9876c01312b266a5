"""Re-makes the figures of docs/two_rooms.md: ``python tools/two_rooms.py --out FOLDER``.

Trains the models that are missing in the folder (a training that was cut off goes on), judges all
by the same probes and trajectories, lets those that act travel, and writes ``figures.json``,
``tables.md`` and the pictures. ``--seeds`` trains and judges several; the tables then have mean
and standard deviation over them.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

SETS = ("normal", "wall", "wall_other", "expert")
PUBLISHED = {
    "predecessor, published": (3.16, 6.31, 7.06, 15.25),
    "best published, 1.9 M parameters": (2.04, 5.65, 6.92, 7.31),
    "published, 26,946 parameters": (3.42, 7.00, 6.89, 18.94),
}


def main() -> None:
    asked = _arguments()
    plans = {
        "default": ("default", asked.steps),
        "small": ("small", asked.small_steps),
        "predecessor": ("predecessor", asked.short_steps),
        "default, as few frames": ("default", asked.short_steps),
    }
    figures: dict[str, list[dict]] = {}
    for name, (architecture, steps) in plans.items():
        if name in asked.skip:
            continue
        for seed in range(asked.seeds):
            model = asked.out / f"{architecture}-{steps}-{seed}"
            if not (model / "model.toml").exists():
                _command(
                    "train", "--out", str(model), "--seed", str(seed),
                    "--jepa.architecture", architecture, "--jepa.steps", str(steps),
                )  # fmt: skip
            found = asked.out / f"{model.name}.json"
            if not found.exists():
                travel = asked.journeys if name in ("default", "small") else 1
                _command(
                    "evaluate", "--model", str(model), "--json", str(found), "--starts", str(travel)
                )
            figures.setdefault(name, []).append(json.loads(found.read_text("utf-8")))
    (asked.out / "figures.json").write_text(json.dumps(figures, indent=2), "utf-8")
    (asked.out / "tables.md").write_text(_table(figures), "utf-8")
    _loss_picture(figures, asked.out / "loss.png")
    _set_picture(asked.out / "sets.png")
    if "default" in figures:
        _journey_picture(asked.out / f"default-{asked.steps}-0", asked.out / "journeys.png")
    print(f"figures, tables and pictures: {asked.out}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/two_rooms"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--small-steps", type=int, default=3_000)
    parser.add_argument("--short-steps", type=int, default=600)
    parser.add_argument("--journeys", type=int, default=100)
    parser.add_argument("--skip", action="append", default=[], help="a row to leave out")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    return asked


def _command(name: str, *words: str) -> None:
    command = [sys.executable, "-m", "jopa_agent.agent", name, "two-rooms", *words]
    print(" ".join(command), file=sys.stderr)
    subprocess.run(command, check=True)


def _table(figures: dict[str, list[dict]]) -> str:
    """Errors in px² a coordinate, as Markdown."""
    first = next(iter(figures.values()))[0]
    rows = [
        "| model | parameters | frames looked at | " + " | ".join(SETS) + " |",
        "| --- " * (3 + len(SETS)) + "|",
    ]
    for name, seeds in figures.items():
        cells = []
        for each in SETS:
            values = [seed["probe"][each] for seed in seeds]
            spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.2f}{spread}")
        seen = seeds[0]["training"]["frames_seen"]
        rows.append(_row(name, f"{seeds[0]['parameters']:,}", f"{seen:,}", *cells))
    for name in ("constant", "chance"):
        rows.append(_row(name, "", "", *(f"{first[name][each]:.2f}" for each in SETS)))
    for name, values in PUBLISHED.items():
        rows.append(_row(name, "", "", *(f"{value:.2f}" for value in values)))
    return "\n".join(rows) + "\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _loss_picture(figures: dict[str, list[dict]], path: Path) -> None:
    """Each term of the loss against the frames looked at."""
    names = ("prediction", "raw", "variance", "covariance")
    figure = Figure(figsize=(11, 3), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, term in zip(figure.subplots(1, len(names)), names, strict=True):
        for name, seeds in figures.items():
            history = seeds[0]["training"]["history"]
            frames = [each["frames"] / 1e6 for each in history]
            axes.plot(frames, [each[term] for each in history], label=name, linewidth=1)
        axes.set(title=term, yscale="log", xlabel="million frames")
        axes.title.set_fontsize(9)
        axes.tick_params(labelsize=7, which="both")
    figure.axes[0].legend(fontsize=6)
    figure.savefig(path)


def _set_picture(path: Path) -> None:
    """A trajectory of each set, over the walls of its layout."""
    from jopa_agent.agent.jepa.sets import judged
    from jopa_agent.envs.two_rooms import Layout, colour_picture, frames_of

    figure = Figure(figsize=(10, 2.8), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, name in zip(figure.subplots(1, len(SETS)), SETS, strict=True):
        walks = judged(name, 3, 0)
        layout = Layout(walks.layout.wall_x[1], walks.layout.door_y[1])
        axes.imshow(colour_picture(frames_of(walks.positions[1, 0], layout)))
        axes.plot(*walks.positions[1].T, color="#0072B2", linewidth=1.2)
        axes.set_title(name, fontsize=9)
        axes.set_axis_off()
    figure.savefig(path)


def _journey_picture(model: Path, path: Path) -> None:
    """The ways of a few journeys, from a ring to a cross."""
    from jopa_agent.agent.jepa.journeys import travel
    from jopa_agent.agent.jepa.mind import load_mind
    from jopa_agent.configs.settings import settings_from
    from jopa_agent.envs.two_rooms import colour_picture, fixed_layout, frames_of

    figure = Figure(figsize=(10, 2.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    journeys = travel(load_mind(model, settings_from()), 5, seed=1)
    for axes, journey in zip(figure.subplots(1, len(journeys)), journeys, strict=True):
        layout = fixed_layout(journey.wall_x, journey.door_y)
        axes.imshow(colour_picture(frames_of(np.array(journey.path[-1]), layout)))
        axes.plot(*np.array(journey.path).T, ".-", color="#0072B2", linewidth=0.8, markersize=2)
        axes.plot(*journey.start, "o", color="#0072B2", fillstyle="none")
        axes.plot(*journey.goal, "x", color="black")
        ended = f"{journey.steps} steps" if journey.steps else "not reached"
        axes.set_title(f"{ended}, {journey.stops} stopped", fontsize=8)
        axes.set_axis_off()
    figure.savefig(path)


if __name__ == "__main__":
    main()
