"""Recorded runs: checked, described, exported, learned from."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jopa_agent.agent.cli import main
from jopa_agent.agent.learning.dataset import recorded_dataset
from jopa_agent.agent.learning.errors import DatasetError
from jopa_agent.agent.prepare import prepare
from jopa_agent.agent.replay.verify import verify
from jopa_agent.agent.runs.recorded import RecordedRun
from jopa_agent.agent.runs.stretches import stretches
from jopa_agent.agent.runtime import supervisor
from jopa_agent.configs.settings import read_preset, settings_from, shipped_model
from jopa_agent.transport.recording import Recorded, Recording
from jopa_agent.transport.recording_writer import RecordingWriter
from PIL import Image

SECONDS = 6.0
TICKS = 120


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A run of the real processes."""
    run = {"headless": True, "clock": "lockstep", "duration_s": SECONDS, "start": "gymnasium"}
    settings = settings_from(read_preset("pendulum"), {"run": run | {"seed": 2}})
    with tempfile.TemporaryDirectory(prefix="jopa-test-", dir="/tmp") as name:
        out = Path(name) / "run"
        supervisor.run(*prepare(settings, shipped_model("pendulum")), out)
        yield out


def test_inference_repeats_a_recording_to_the_bit(folder: Path) -> None:
    found = verify(RecordedRun(folder))
    assert found.compared == TICKS + 1
    assert found.skipped == 0
    assert found.first is None
    assert found.largest == 0.0


def test_the_first_difference_is_named(folder: Path) -> None:
    run = RecordedRun(folder)
    settings = run.launch.settings
    planner = settings.planner.model_copy(update={"control_precision": 0.3})
    other = settings.model_copy(update={"planner": planner})
    object.__setattr__(run.launch, "settings", other)
    found = verify(run)
    assert found.first is not None
    assert found.first.tick == 0
    assert found.largest > 0


def test_the_command_says_so_and_exits_by_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(folder), "--verify"]) == 0
    assert "equal     to the bit" in capsys.readouterr().out
    assert main(["info", str(folder)]) == 0
    said = capsys.readouterr().out
    for words in ("pendulum, lockstep, seed 2", f"ticks     0 to {TICKS}", f"{TICKS + 1} frame"):
        assert words in said


def test_an_export_holds_the_run(folder: Path, tmp_path: Path) -> None:
    npz, gif = tmp_path / "a.npz", tmp_path / "a.gif"
    assert main(["export", str(folder), "--npz", str(npz), "--gif", str(gif)]) == 0
    with np.load(npz) as arrays:
        assert arrays["tick"].tolist() == list(range(TICKS + 1))
        assert arrays["frame"].shape == (TICKS + 1, 32, 32, 1)
        np.testing.assert_array_equal(arrays["control"][1:], arrays["plan"][:-1])
        assert np.isfinite(arrays["belief_mean"]).all()
        assert (arrays["origin"][1:] == 1).all()
    with Image.open(gif) as film:
        assert film.size == (960, 640)
        assert getattr(film, "n_frames", 1) == TICKS // 2 + 1


def test_a_film_has_every_frame(folder: Path, tmp_path: Path) -> None:
    film = tmp_path / "a.mp4"
    imageio_ffmpeg: Any = pytest.importorskip("imageio_ffmpeg")
    command = [sys.executable, "-m", "jopa_agent.agent", "export", str(folder), "--mp4", str(film)]
    subprocess.run(command, check=True, capture_output=True)
    count, seconds = imageio_ffmpeg.count_frames_and_secs(str(film))
    assert count == TICKS + 1
    assert seconds == pytest.approx((TICKS + 1) / 20, rel=0.01)


def test_a_minari_dataset_has_the_frames_without_loss(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    assert main(["export", str(folder), "--minari", "pendulum/run-v0"]) == 0
    minari: Any = pytest.importorskip("minari")
    (episode,) = minari.load_dataset("pendulum/run-v0").iterate_episodes()
    (stretch,) = stretches(RecordedRun(folder))
    np.testing.assert_array_equal(episode.observations, stretch.frames)
    np.testing.assert_array_equal(episode.actions, stretch.controls)


def test_a_rerun_recording_is_written(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("rerun")
    file = tmp_path / "a.rrd"
    assert main(["export", str(folder), "--rerun", str(file)]) == 0
    assert file.stat().st_size > 10_000


def test_a_recording_is_experience(folder: Path) -> None:
    whole = list(stretches(RecordedRun(folder)))
    assert len(whole) == 1
    dataset = recorded_dataset(folder, 50)
    assert dataset.frames.shape == (2, 50, 32, 32, 1)
    np.testing.assert_array_equal(dataset.frames[1], whole[0].frames[50:100])
    np.testing.assert_array_equal(dataset.controls[1], whole[0].controls[50:99])
    assert dataset.body == "pendulum"
    with pytest.raises(DatasetError, match="has no 500 frames in a row, but 121"):
        recorded_dataset(folder, 500)


@pytest.mark.parametrize(
    "command", [["info"], ["replay", "--verify"], ["export", "--npz", "a.npz"]]
)
def test_what_is_no_recording_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert main([command[0], str(tmp_path), *command[1:]]) == 2
    assert capsys.readouterr().err.count("\n") == 1


REFERENCE = Path(__file__).parent / "data" / "reference.mcap"
SCHEMA = slice(8, 16)  # of a message's header


def rewritten(folder: Path, change: Callable[[Recorded, bytearray], bytes | None]) -> Path:
    """The reference recording, with its messages as ``change`` makes them; None leaves one out."""
    recording = Recording(REFERENCE)
    writer = RecordingWriter(folder / "a.mcap", {}, dict(recording.attachments))
    for raw in recording.raw():
        read = raw.read()
        if data := change(read, bytearray(raw.data)):
            writer.add(raw.stream, read.header, read.message, data, raw.arrived_ns)
    writer.close()
    return folder / "a.mcap"


def of_another_version(stream: str, folder: Path) -> Path:
    """The reference recording, with one stream as if another version had written it."""

    def change(read: Recorded, data: bytearray) -> bytes:
        if read.stream == stream:
            data[SCHEMA] = bytes(8)
        return bytes(data)

    return rewritten(folder, change)


def test_what_follows_a_gap_in_the_recording_is_not_compared(tmp_path: Path) -> None:
    """As when the recorder was lost: plans after it come of frames that nobody knows."""

    def change(read: Recorded, data: bytearray) -> bytes | None:
        return None if 5 <= read.header.tick < 9 or read.header.tick > 20 else bytes(data)

    found = verify(RecordedRun(rewritten(tmp_path, change)))
    assert (found.compared, found.skipped) == (5, 12)
    assert found.believed < 1e-3


def test_what_is_not_needed_may_be_of_another_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, npz = of_another_version("command", tmp_path), tmp_path / "a.npz"
    for words in (["info", str(file)], ["export", str(file), "--npz", str(npz)]):
        assert main(words) == 0
        told = capsys.readouterr()
        assert told.err == "jopa-agent: passed over command, of another version\n"
    with np.load(npz) as arrays:
        assert arrays["frame"].shape == (101, 32, 32, 1)
        assert (arrays["origin"] == -1).all()


def test_nothing_is_read_of_streams_that_are_all_of_another_version(tmp_path: Path) -> None:
    run = RecordedRun(of_another_version("command", tmp_path))
    assert list(run.messages((), ["command"])) == []


def test_what_is_needed_may_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = of_another_version("frame", tmp_path)
    assert main(["info", str(file)]) == 0
    told = capsys.readouterr()
    assert "101 frame" in told.out
    assert "ticks" not in told.out
    for words in (["replay", "--verify"], ["replay"], ["export", "--npz", "a.npz"]):
        assert main([words[0], str(file), *words[1:]]) == 2
        said = capsys.readouterr().err
        assert "frame of the recording cannot be read" in said
        assert said.count("\n") == 1


def test_the_reference_recording_is_still_inferred_as_it_was() -> None:
    """Recorded by ``jopa-agent run pendulum --headless --clock lockstep --duration 5``. On another
    machine beliefs differ by roundings; what is planned from them may differ more."""
    found = verify(RecordedRun(REFERENCE))
    assert found.compared == 101
    assert found.skipped == 0
    assert found.believed < 1e-3
