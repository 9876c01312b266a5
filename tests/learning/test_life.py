"""A short life with the real pendulum: experience grows, what was kept is gone on with."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jopa_agent.agent.bodies import body_for
from jopa_agent.agent.learning import life as lives
from jopa_agent.agent.learning.dataset import Dataset
from jopa_agent.agent.learning.errors import ModelError
from jopa_agent.agent.learning.life import Life, live, split
from jopa_agent.agent.learning.validate import Verdict
from jopa_agent.configs.settings import Settings, settings_from

SHORT = {
    "body": {"physics": "gravity=0.3"},  # so that much can be held, and is tried
    "collect": {"frames": 400, "segment_frames": 50},
    "explore": {
        "rounds": 1, "frames": 100, "retries": 0, "starts": 1, "segments_per_reset": 2,
        "trials": 3, "trial_segments": 1,
    },
    "train": {"steps": 200, "rounds": 1, "components": 15, "degree": 2, "control_degree": 1},
    "planner": {"horizon": 3, "hypotheses": 2, "iterations": 1},
}  # fmt: skip


class Told:
    """What a life reported."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.said: list[str] = []

    def progress(self, stage: str, done: int, total: int, figure: str) -> None:
        del done, total, figure
        if stage not in self.stages:
            self.stages.append(stage)

    def live(self, settings: Settings, folder: Path, recorded: Dataset | None = None):
        body = body_for(settings)
        try:
            return live(settings, body, recorded, folder, self.progress, self.said.append)
        finally:
            body.close()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory):
    folder, told = tmp_path_factory.mktemp("life"), Told()
    return told.live(settings_from(SHORT), folder), folder, told


def frames_of(folder: Path, name: str) -> int:
    """Frames in a file of the folder; 0 where there is none."""
    file = folder / f"{name}.safetensors"
    return lives.load_dataset(file).count if file.exists() else 0


def test_rounds_of_gathering_learning_trial_and_judging(lived):
    life, folder, told = lived
    first, last = (frames_of(folder, f"trial-{k}") for k in (0, 1))
    assert {first, last} <= {50, 100, 150}  # one to three goals can be held
    assert told.stages == [
        *("frames", "encoder 0", "dynamics 0", "trial 0"),
        *("explore 1", "encoder 1", "dynamics 1", "trial 1"),
        *("encoder 2", "dynamics 2"),
    ]  # fmt: skip
    learned = 400 + first + 100
    assert frames_of(folder, "experience-1") == learned
    assert life.experience.count == (400, learned, learned + last)[life.round]  # the best one's
    assert life.frames == learned + last
    assert life.verdict.tried is not None
    assert [line.partition(":")[0] for line in told.said] == [
        "round 0, 400 frames", f"round 1, {learned} frames",
        f"after the trial, {learned + last} frames",
    ]  # fmt: skip
    names = {each.name for each in folder.iterdir()}
    assert names == {
        "life.json", "model-2",
        *(f"experience-{k}.safetensors" for k in (0, 1)), *(f"model-{k}" for k in (0, 1)),
        *(f"trial-{k}{end}" for k in (0, 1) for end in (".safetensors", ".json")),
    }  # fmt: skip


def test_what_the_encoder_may_be_off_by_hangs_on_the_place(lived):
    covs = np.asarray(lived[0].model.sensor_noise.covs)
    assert len(covs) > 1
    assert covs.std(0).max() > 0.1 * covs.mean(0).max()


def test_its_own_plans_move_the_body(lived):
    """What it gathered is another experience than that of random controls, within the limits."""
    _, folder, _ = lived
    first, later = (lives.load_dataset(folder / f"experience-{k}.safetensors") for k in (0, 1))
    np.testing.assert_array_equal(later.frames[:8], first.frames)
    new = later.controls[8:]
    assert np.abs(new).max() <= 2.0
    assert len(np.unique(new)) > 50
    frames = later.frames.astype(int)
    between = np.abs(frames[-1, 0] - frames[-2, -1]).mean()
    within = np.abs(np.diff(frames[-2:], axis=1)).mean((2, 3, 4)).max()
    assert between <= 1.5 * within  # one segment follows the other


def test_it_goes_on_where_it_was_cut_off(lived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    life, folder, _ = lived
    for file in folder.iterdir():
        if file.name in ("life.json", "experience-1.safetensors") or "-0." in file.name:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    cut = tmp_path / "experience-1.safetensors"
    cut.write_bytes(cut.read_bytes()[:1000])  # killed while it was written
    kept = tmp_path / "model-0"
    kept.mkdir()
    for each in (folder / "model-0").iterdir():
        (kept / each.name).write_bytes(each.read_bytes())
    told = Told()
    again = told.live(settings_from(SHORT), tmp_path)
    assert told.stages[:3] == ["explore 1", "encoder 1", "dynamics 1"]
    assert again.verdict == life.verdict
    monkeypatch.setattr(lives, "train", lambda *_: pytest.fail("learned again"))
    assert Told().live(settings_from(SHORT), tmp_path).verdict == life.verdict


def test_a_folder_of_another_life_is_left_alone(lived):
    _, folder, _ = lived
    before = {each.name: each.stat().st_mtime_ns for each in folder.iterdir()}
    with pytest.raises(ModelError, match="other settings"):
        Told().live(settings_from(SHORT, {"run": {"seed": 5}}), folder)
    assert {each.name: each.stat().st_mtime_ns for each in folder.iterdir()} == before


def test_one_segment_in_ten_is_kept_to_judge_by():
    frames = np.arange(23, dtype=np.uint8).reshape(23, 1, 1, 1, 1)
    frames = np.broadcast_to(frames, (23, 30, 2, 2, 1))
    whole = Dataset(frames, np.zeros((23, 29, 1), np.float32), "pendulum", 0)
    learn_from, judge_by = split(whole)
    parts = [set(part.frames[:, 0, 0, 0, 0].tolist()) for part in (learn_from, judge_by)]
    assert [len(part) for part in parts] == [21, 2]
    assert parts[0] | parts[1] == set(range(23))
    assert split(whole)[1].frames.tobytes() == judge_by.frames.tobytes()  # always the same ones
    early = replace(whole, frames=frames[:14], controls=whole.controls[:14])
    kept = set(split(early)[1].frames[:, 0, 0, 0, 0].tolist())
    assert kept == {number for number in parts[1] if number < 14}  # and later on still
    few = replace(whole, frames=frames[:3], controls=whole.controls[:3])
    assert [part.frames.shape[0] for part in split(few)] == [2, 1]


def test_a_model_is_learned_anew_where_it_fails_and_the_better_one_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """No round passes after so short a training: each has two starts, and one round is added. The
    first round's model is judged once more, by what the second has kept from learning."""
    seeds, verdicts = [], []
    real_train, real_validate = lives.train, lives.validate

    def train(dataset, spec, settings, seed, show):
        seeds.append(seed)
        return real_train(dataset, spec, settings, seed, show)

    def validate(*arguments):
        verdicts.append(real_validate(*arguments))
        return verdicts[-1]

    monkeypatch.setattr(lives, "train", train)
    monkeypatch.setattr(lives, "validate", validate)
    told = Told()
    short = {"explore": {"rounds": 0, "starts": 2, "retries": 1, "trials": 0}}
    life = told.live(settings_from(SHORT, short), tmp_path)
    assert not life.verdict.passed
    assert life.verdict.tried is None
    assert seeds == [0, 1009, 1, 1010]
    _, _, *second, first_again = (verdict.error_20_rms for verdict in verdicts)
    assert life.verdict.error_20_rms == min(*second, first_again)
    assert "the newest model has not passed: another round, with more frames" in told.said


@pytest.mark.parametrize(
    ("old_error", "old_held", "new_error", "new_held", "keeps"),
    [
        (0.2, 1.0, 0.3, 1.0, False),
        (0.1, 1.0, 0.3, 1.0, True),
        (0.9, 1.0, 0.3, 0.5, True),
        (0.1, 0.5, 0.3, 1.0, False),
        (0.2, 0.5, 0.3, 0.5, True),
        (0.4, 0.5, 0.3, 0.5, False),
    ],
)
def test_a_newer_model_goes_unless_an_older_one_predicts_far_better(
    monkeypatch: pytest.MonkeyPatch,
    old_error: float, old_held: float, new_error: float, new_held: float, keeps: bool,
):  # fmt: skip
    """Judged by what neither has learned from, which is what the newer one was judged by."""
    frames = np.zeros((20, 30, 2, 2, 1), np.uint8)
    known = Dataset(frames, np.zeros((20, 29, 1), np.float32), "pendulum", 0)
    blank = Verdict(0.0, 0.0, 0.0, (1.0,) * 3, (1.0,) * 3, 0.0, 0.0, 1.0, None, ())
    old, new = (
        Life(Any, replace(blank, error_20_rms=error).after_trial(held), known, 600, number)  # type: ignore[arg-type]
        for number, (error, held) in enumerate([(5.0, old_held), (new_error, new_held)])
    )
    judged = []

    def validate(model, recorded, planner):
        judged.append((model, recorded.count, planner))
        return replace(blank, error_20_rms=old_error)

    monkeypatch.setattr(lives, "validate", validate)
    settings = settings_from(SHORT)
    chosen = lives._chosen(old, new, settings)
    assert judged == [(old.model, split(known)[1].count, settings.planner)]
    assert chosen.round == (0 if keeps else 1)
    assert chosen.verdict.error_20_rms == (old_error if keeps else new_error)
    assert chosen.verdict.tried == (old_held if keeps else new_held)
