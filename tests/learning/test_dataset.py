"""Datasets come back as they went, and anything else is refused in one line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from jopa_agent.agent.learning.dataset import Dataset, load_dataset
from jopa_agent.agent.learning.errors import DatasetError
from safetensors.numpy import save_file

FORMAT = "jopa-agent dataset 1"
NOTES = {"format": FORMAT, "body": "pendulum", "seed": "7"}


def frames(segments: int = 3, length: int = 5) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (segments, length, 4, 6, 1), dtype=np.uint8)


def controls(segments: int = 3, length: int = 5) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(segments, length - 1, 2)).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Dataset(frames(), controls(), "pendulum", 7).save(tmp_path / "some" / "data")
    return tmp_path / "some" / "data"


def refused(path: Path, one_line: Callable) -> str:
    with pytest.raises(DatasetError) as error:
        load_dataset(path)
    return one_line(error, path)


def write(path: Path, tensors: dict[str, np.ndarray], **notes: str | None) -> None:
    kept = {key: value for key, value in (NOTES | notes).items() if value is not None}
    save_file(tensors, path, metadata=kept)


def test_a_dataset_comes_back_bit_for_bit(path: Path):
    found = load_dataset(path)
    assert found.frames.dtype == np.uint8
    assert found.controls.dtype == np.float32
    np.testing.assert_array_equal(found.frames, frames())
    np.testing.assert_array_equal(found.controls, controls())
    assert (found.body, found.seed, found.count) == ("pendulum", 7, 15)


def test_views_into_larger_arrays_are_saved_as_they_look(tmp_path: Path):
    turned, some = frames()[::-1, :, ::2], controls()[:, :, ::-1]
    Dataset(turned, some, "pendulum", 0).save(tmp_path / "data")
    found = load_dataset(tmp_path / "data")
    np.testing.assert_array_equal(found.frames, turned)
    np.testing.assert_array_equal(found.controls, some)


def test_a_missing_file(tmp_path: Path, one_line: Callable):
    refused(tmp_path / "nowhere", one_line)


def test_a_folder(tmp_path: Path, one_line: Callable):
    refused(tmp_path, one_line)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.5, 0.99])
def test_a_truncated_file(path: Path, one_line: Callable, share: float):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(path, one_line)


@pytest.mark.parametrize("content", [b"PK\x03\x04 an archive", b"\x93NUMPY", b"\xff" * 100])
def test_a_file_of_another_kind(path: Path, one_line: Callable, content: bytes):
    path.write_bytes(content)
    refused(path, one_line)


def test_a_pickle_is_not_read(path: Path, one_line: Callable):
    marker = path.parent / "unpickled"
    path.write_bytes(b"cos\nmkdir\n(V" + bytes(marker) + b"\ntR.")
    refused(path, one_line)
    assert not marker.exists()


@pytest.mark.parametrize("version", [None, "jopa-agent dataset 2"])
def test_another_format(path: Path, one_line: Callable, version: str | None):
    write(path, {"frames": frames(), "controls": controls()}, format=version)
    assert FORMAT in refused(path, one_line)


@pytest.mark.parametrize("name", ["frames", "controls"])
def test_a_missing_part(path: Path, one_line: Callable, name: str):
    tensors = {"frames": frames(), "controls": controls()}
    del tensors[name]
    write(path, tensors)
    refused(path, one_line)


@pytest.mark.parametrize("notes", [{"body": None}, {"seed": None}, {"seed": "many"}], ids=str)
def test_missing_or_senseless_notes(path: Path, one_line: Callable, notes: dict[str, str | None]):
    write(path, {"frames": frames(), "controls": controls()}, **notes)
    refused(path, one_line)


@pytest.mark.parametrize(
    ("some_frames", "some_controls"),
    [
        (frames(), controls(length=6)),
        (frames(), controls(segments=2)),
        (frames(), controls()[..., 0]),
        (frames()[..., 0], controls()),
        (frames()[0, 0, 0, 0], controls()),
        (frames().astype(np.float32), controls()),
        (frames(), controls().astype(np.float64)),
        (frames(), np.full_like(controls(), np.nan)),
        (frames()[:0], controls()[:0]),
    ],
    ids=[
        "as many controls as frames",
        "fewer segments of controls",
        "controls without an axis",
        "frames without channels",
        "frames without segments",
        "frames of floats",
        "controls in double precision",
        "controls that are not finite",
        "nothing at all",
    ],
)
def test_arrays_that_do_not_make_a_dataset(
    path: Path, one_line: Callable, some_frames: np.ndarray, some_controls: np.ndarray
):
    write(path, {"frames": some_frames, "controls": some_controls})
    with pytest.raises(DatasetError) as error:
        load_dataset(path)
    one_line(error, "dataset")


def test_a_place_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatasetError) as error:
        Dataset(frames(), controls(), "pendulum", 7).save(tmp_path / "file" / "data")
    assert "\n" not in str(error.value)
    assert str(tmp_path / "file" / "data") in str(error.value)
