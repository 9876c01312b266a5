"""Does validation know which models will do? ``python tools/validation_study.py --out FOLDER``.

Makes models that are good and bad on purpose, from the frames that a training gathered (the
``experience.safetensors`` of its model folder, ``--experience``): few frames, short trainings,
damaged data, other encoders, other seeds. Each is judged by ``jopa-agent validate`` on frames that
none has learned from, without the true state, and driven by ``jopa-agent evaluate`` from hanging.
``study.md`` lists both, best first. What is there already is not made again.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jopa_agent.agent.learning.dataset import Dataset, load_dataset

_JUDGED = 5  # of so many segments one is kept to judge by
_LATE = 5  # ticks by which delayed controls come


@dataclass(frozen=True)
class Case:
    """A model: what is done to the data first, and the options of its training."""

    name: str
    damage: Callable[[Dataset], Dataset]
    options: tuple[str, ...] = ()


def main() -> None:
    asked = _arguments()
    learn_from, judge_by = _parts(load_dataset(asked.experience))
    held_out = asked.out / "judge.safetensors"
    judge_by.save(held_out)
    rows = []
    for case in _cases():
        found = asked.out / f"{case.name}.json"
        if not found.exists():
            found.write_text(json.dumps(_judged(case, learn_from, held_out, asked)), "utf-8")
        rows.append((case.name, json.loads(found.read_text("utf-8"))))
        (asked.out / "study.md").write_text(_table(rows), "utf-8")
    print((asked.out / "study.md").read_text("utf-8"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/validation"))
    parser.add_argument("--experience", type=Path, required=True, help="frames of a training")
    parser.add_argument("--starts", type=int, default=8, help="from hanging, for each model [8]")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    return asked


def _parts(experience: Dataset) -> tuple[Dataset, Dataset]:
    judged = np.arange(len(experience.frames)) % _JUDGED == _JUDGED - 1
    learned, kept = (_chosen(experience, mask) for mask in (~judged, judged))
    return learned, kept


def _chosen(data: Dataset, segments: np.ndarray) -> Dataset:
    return replace(data, frames=data.frames[segments], controls=data.controls[segments])


def _cases() -> Iterator[Case]:
    """Those that should do, then those that should not."""
    for seed in range(6):
        yield Case(f"seed-{seed}", _as_it_is, ("--seed", str(seed)))
    for frames in (1200, 800, 500, 350, 200):
        components = ("--train.components", str(min(64, frames // 20)))
        yield Case(f"frames-{frames}", lambda data, n=frames: _first(data, n), components)
    for steps in (3000, 1000, 300, 100, 10):
        yield Case(f"steps-{steps}", _as_it_is, ("--train.steps", str(steps)))
    yield Case("rate-0.1", _as_it_is, ("--train.learning_rate", "0.1"))
    for degree, least in (("1", "0"), ("2", "1")):
        options = ("--train.degree", degree, "--train.control_degree", least)
        yield Case(f"degree-{degree}", _as_it_is, options)
    yield Case("encoder-slow", _as_it_is, ("--train.encoder", "slow"))
    yield Case("encoder-vae", _as_it_is, ("--train.encoder", "vae"))
    yield Case("controls-of-others", _strange_controls)
    yield Case("controls-late", _late_controls)
    yield Case("controls-negated", _negated_controls)
    yield Case("frames-shuffled", _shuffled_frames)


def _as_it_is(data: Dataset) -> Dataset:
    return data


def _first(data: Dataset, frames: int) -> Dataset:
    return _chosen(data, np.arange(len(data.frames)) < -(-frames // data.frames.shape[1]))


def _strange_controls(data: Dataset) -> Dataset:
    order = np.random.default_rng(0).permutation(len(data.controls))
    return replace(data, controls=data.controls[order])


def _late_controls(data: Dataset) -> Dataset:
    return replace(data, controls=np.roll(data.controls, _LATE, axis=1))


def _negated_controls(data: Dataset) -> Dataset:
    signs = np.random.default_rng(0).choice([-1, 1], len(data.controls)).astype(np.float32)
    return replace(data, controls=data.controls * signs[:, None, None])


def _shuffled_frames(data: Dataset) -> Dataset:
    rng = np.random.default_rng(0)
    order = np.argsort(rng.random(data.frames.shape[:2]), axis=1)
    return replace(data, frames=np.take_along_axis(data.frames, order[..., None, None, None], 1))


def _judged(case: Case, learn_from: Dataset, held_out: Path, asked: argparse.Namespace) -> dict:
    """What validation says of the case's model, and what becomes of it."""
    data, model = asked.out / f"{case.name}.safetensors", asked.out / case.name
    case.damage(learn_from).save(data)
    told = {name: asked.out / f"{case.name}.{name}" for name in ("verdict", "score")}
    _command(
        "train", "--dataset", str(data), "--out", str(model), "--explore.starts", "1",
        "--explore.retries", "0", *case.options,
    )  # fmt: skip
    if not model.exists():  # learning diverged
        refused = {"verdict": "fail", "faults": ["training gave no model"]}
        return {"verdict": refused, "held": 0.0, "regret": float("inf")}
    _command(
        "validate",
        "--model",
        str(model),
        "--dataset",
        str(held_out),
        "--json",
        str(told["verdict"]),
    )
    _command(
        "evaluate", "--model", str(model), "--reset", "hanging", "--starts", str(asked.starts),
        "--seconds", "20", "--json", str(told["score"]),
    )  # fmt: skip
    verdict, score = (json.loads(told[name].read_text("utf-8")) for name in ("verdict", "score"))
    return {"verdict": verdict, "held": score["held_fraction"], "regret": score["regret"]}


def _command(name: str, *words: str) -> None:
    """Run it; a model that fails validation is told by the exit status, and is no error here."""
    command = [sys.executable, "-m", "jopa_agent.agent", name, "pendulum", *words]
    print(" ".join(command), file=sys.stderr)
    subprocess.run(command, check=False)


def _table(rows: list[tuple[str, dict]]) -> str:
    """Best first, as Markdown."""
    lines = ["| model | held | regret | verdict | why |", "| --- " * 5 + "|"]
    for name, found in sorted(rows, key=lambda row: (-row[1]["held"], row[1]["regret"])):
        verdict = found["verdict"]
        why = "; ".join(fault.partition(":")[0] for fault in verdict["faults"])
        cells = (name, f"{found['held']:.0%}", f"{found['regret']:.0f}", verdict["verdict"], why)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
