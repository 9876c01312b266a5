"""Makes every table and picture of docs/lineworld.md again: trains many seeds, and judges each.

``python tools/lineworld.py`` takes some ten minutes on a core. What is there is kept.
"""

import argparse
import json
import sys
from itertools import islice
from pathlib import Path

import numpy as np
from jopa_agent.agent.cli import main as jopa_agent
from jopa_agent.agent.discrete.checkpoint import read_log
from jopa_agent.agent.discrete.commands import score
from jopa_agent.agent.discrete.pictures import pictures_of
from jopa_agent.agent.runs.recorded import RecordedRun
from jopa_agent.agent.viewer.film import pictures
from jopa_agent.configs.settings import read_preset, settings_from, shipped_model
from PIL import Image

COLUMNS = {
    "encoder_accuracy": "encoder",
    "bayes_ceiling": "Bayes",
    "state_accuracy": "filter",
    "filter_ceiling": "exact filter",
    "smoothed_accuracy": "smoother",
    "smoother_ceiling": "exact smoother",
    "reached_fraction": "reached",
    "held_fraction": "held",
    "noisy_reached_fraction": "reached, noisy",
    "transition_error": "error of B",
}

_LEARNING_SEEDS = 5
_SHOWN = 5  # tick of the run


def main() -> None:
    """Train, judge, draw, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="seeds from 0 [20]")
    parser.add_argument("--work", type=Path, default=Path("runs/lineworld"), help="of the models")
    parser.add_argument("--out", type=Path, default=Path("docs/lineworld"), help="of the pictures")
    arguments = parser.parse_args()
    known = [judged(arguments.work, seed, "nothing") for seed in range(arguments.seeds)]
    print(table("A and B are known", known[:10]))
    if known[10:]:
        print(table("further seeds", known[10:]))
    for what in ("B", "A+B"):
        seeds = range(min(_LEARNING_SEEDS, arguments.seeds))
        learned = [judged(arguments.work, seed, what) for seed in seeds]
        print(table(f"{what} learned beside the encoder, from a vague one", learned))
    draw(arguments.out)
    film(arguments.work / "run", arguments.out)


def judged(work: Path, seed: int, learns: str) -> dict[str, float]:
    """The figures of a model of this seed, which is made and scored where it is not there."""
    model = work / f"learn-{learns}-{seed}"
    file = model / "figures.json"
    if not file.exists():
        command("train", "--out", str(model), "--seed", str(seed), "--discrete.learn", learns)
        command("evaluate", "--model", str(model), "--seed", str(seed), "--json", str(file))
    return json.loads(file.read_text())


def command(name: str, *words: str) -> None:
    """``jopa-agent name lineworld``, in this process, which has compiled it by then; ends where it
    fails."""
    if code := jopa_agent([name, "lineworld", *words]):
        sys.exit(code)


def table(title: str, figures: list[dict[str, float]]) -> str:
    """The mean, the worst and the best of each column, as Markdown."""
    rows = [f"\n{title}, {len(figures)} seeds", "", "| | mean | least | largest |", "|-|-|-|-|"]
    for key, name in COLUMNS.items():
        values = np.array([each[key] for each in figures])
        shown = "{:.3f}" if key == "transition_error" else "{:.2%}"
        told = (shown.format(each) for each in (values.mean(), values.min(), values.max()))
        rows.append(f"| {name} | {' | '.join(told)} |")
    for short, ceiling in (("encoder_accuracy", "bayes_ceiling"), ("state_accuracy",
                                                                   "filter_ceiling")):  # fmt: skip
        behind = np.array([each[ceiling] - each[short] for each in figures])
        rows.append(f"| {COLUMNS[short]} behind {COLUMNS[ceiling]} | {behind.mean():.2%} | "
                    f"{behind.min():.2%} | {behind.max():.2%} |")  # fmt: skip
    return "\n".join(rows)


def draw(out: Path) -> None:
    """The pictures of the shipped model."""
    folder = shipped_model("lineworld")
    settings = settings_from(read_preset("lineworld"), {"run": {"duration_s": 30.0}})
    trained, found = score(folder, settings, 100)
    out.mkdir(parents=True, exist_ok=True)
    for name, figure in pictures_of(trained, read_log(folder), found).items():
        figure.savefig(out / f"{name}.png")
    print(f"\npictures: {out}")


def film(run: Path, out: Path) -> None:
    """The window in the midst of a run, in which the belief is torn between two states."""
    if not run.exists():
        words = ["--headless", "--clock", "lockstep", "--duration", "12", "--seed", "4"]
        command("run", *words, "--out", str(run))
    shown = list(islice(pictures(RecordedRun(run), 1), _SHOWN + 1))[-1]
    Image.fromarray(shown).save(out / "viewer.png")


if __name__ == "__main__":
    main()
