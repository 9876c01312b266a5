"""Models on disk: they come back, and anything unsound is refused in one line."""

import math
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import tomli_w
from jopa_agent.agent.learning.checkpoint import load_model, save_model
from jopa_agent.agent.learning.errors import ModelError
from jopa_agent.agent.learning.page import read_page
from jopa_agent.agent.model import Model
from jopa_agent.configs.sections import Body
from safetensors.numpy import load_file, save_file

BODY = Body(camera_crop_px=64, camera_size_px=8)
ABOUT = {"data": {"frames": 1234}, "scores": {"x": 0.5}}


@pytest.fixture
def folder(tmp_path: Path, make_model: Callable[..., Model]) -> Path:
    save_model(make_model(), ABOUT, tmp_path / "model")
    return tmp_path / "model"


def with_tensors(folder: Path, **changed: np.ndarray) -> None:
    """Write the tensors again, some of them ``changed``; dots in names as double underscores."""
    named = {name.replace("__", "."): value for name, value in changed.items()}
    save_file(load_file(folder / "model.safetensors") | named, folder / "model.safetensors")


def with_page(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    page = tomllib.loads((folder / "model.toml").read_text())
    change(page)
    (folder / "model.toml").write_text(tomli_w.dumps(page))


def same(found: Model, expected: Model, rounding: float) -> None:
    """Bit for bit but for posterior and layer, which are within a ``rounding`` of their size."""
    leaves = jax.tree_util.tree_leaves_with_path(found)
    for (path, one), two in zip(leaves, jax.tree.leaves(expected), strict=True):
        assert one.dtype == two.dtype == np.float32
        assert one.shape == two.shape
        name = jax.tree_util.keystr(path)
        if any(part in name for part in (".posterior.", ".layer.")) and not name.endswith(".mean"):
            size = rounding * np.abs(two).max()
            np.testing.assert_allclose(one, two, rtol=0, atol=size, err_msg=name)
        else:
            assert np.asarray(one).tobytes() == np.asarray(two).tobytes(), name


@pytest.mark.parametrize(("degree", "control_degree"), [(1, 0), (2, 1), (3, 2), (1, 3)])
def test_a_model_comes_back(
    tmp_path: Path, make_model: Callable[..., Model], degree: int, control_degree: int
):
    model = make_model(degree, control_degree)
    save_model(model, ABOUT, tmp_path / "a" / "model")
    found = load_model(tmp_path / "a" / "model", BODY)
    assert jax.tree.structure(found) == jax.tree.structure(model)
    for one, two in zip(jax.tree.leaves(found), jax.tree.leaves(model), strict=True):
        assert one.dtype == two.dtype == np.float32
        assert one.shape == two.shape
        # roots are kept, and what follows from them is worked out again: within some roundings
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6 * np.abs(two).max())


def test_the_page_is_readable_and_says_what_the_model_is_about(folder: Path):
    page = read_page(folder)
    assert page["data"] == ABOUT["data"]
    assert page["scores"] == ABOUT["scores"]
    assert page["structure"]["frame_shape"] == [8, 8, 1]
    assert sorted(file.name for file in folder.iterdir()) == ["model.safetensors", "model.toml"]


def test_saving_again_replaces_what_was_there(folder: Path, make_model: Callable[..., Model]):
    other = make_model(seed=1)
    save_model(other, {}, folder)
    found = load_model(folder, BODY)
    assert (found.transition.layer.mean == other.transition.layer.mean).all()
    assert "scores" not in read_page(folder)


def refused(folder: Path, one_line: Callable, body: Body = BODY) -> str:
    with pytest.raises(ModelError) as error:
        load_model(folder, body)
    return one_line(error, folder)


def test_a_missing_folder(tmp_path: Path, one_line: Callable):
    assert "no model" in refused(tmp_path / "nowhere", one_line)


@pytest.mark.parametrize(("name", "value"), [("frame_skip", 2), ("camera_crop_px", 128)])
def test_ticks_or_pictures_unlike_those_learned_from(
    tmp_path: Path, make_model: Callable[..., Model], one_line: Callable, name: str, value: int
):
    folder = tmp_path / "model"
    save_model(make_model(), {"settings": {"body": BODY.model_dump()}}, folder)
    assert load_model(folder, BODY).frame_shape == (8, 8, 1)
    line = refused(folder, one_line, BODY.model_copy(update={name: value}))
    assert f"body.{name} = {getattr(BODY, name)}" in line
    assert str(value) in line


@pytest.mark.parametrize("name", ["model.safetensors", "model.toml"])
def test_a_missing_file(folder: Path, one_line: Callable, name: str):
    (folder / name).unlink()
    refused(folder, one_line)


@pytest.mark.parametrize("name", ["model.safetensors", "model.toml"])
def test_a_folder_where_a_file_should_be(folder: Path, one_line: Callable, name: str):
    (folder / name).unlink()
    (folder / name).mkdir()
    refused(folder, one_line)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.999])
def test_truncated_tensors(folder: Path, one_line: Callable, share: float):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: int(share * len(content))])
    refused(folder, one_line)


@pytest.mark.parametrize("content", [b"", b"format = 1", b"format = 1\n[stru", b"\xff\xfe", b"a"])
def test_a_truncated_or_foreign_page(folder: Path, one_line: Callable, content: bytes):
    (folder / "model.toml").write_bytes(content)
    refused(folder, one_line)


def test_a_pickle_is_not_read(folder: Path, one_line: Callable):
    # cos.mkdir is called by whoever unpickles this
    marker = folder.parent / "unpickled"
    (folder / "model.safetensors").write_bytes(b"cos\nmkdir\n(V" + bytes(marker) + b"\ntR.")
    refused(folder, one_line)
    assert not marker.exists()


def test_another_version(folder: Path, one_line: Callable):
    with_page(folder, lambda page: page.update(format=1))
    assert "format 1" in refused(folder, one_line)


def test_another_frame_size(folder: Path, one_line: Callable):
    text = refused(folder, one_line, Body(camera_crop_px=64, camera_size_px=16))
    assert "[8, 8, 1]" in text
    assert "[16, 16, 1]" in text
    assert "body.camera_size_px" in text


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["transition.weights", "encoder.layers.1.1", "control_low"])
def test_numbers_that_are_not_finite(folder: Path, one_line: Callable, name: str, value: float):
    broken = load_file(folder / "model.safetensors")[name].copy()
    broken.flat[-1] = value
    with_tensors(folder, **{name: broken})
    assert name in refused(folder, one_line)


def test_another_type_of_number(folder: Path, one_line: Callable):
    with_tensors(folder, encoder__centre=np.zeros(2, np.float64))
    assert "encoder.centre" in refused(folder, one_line)


@pytest.mark.parametrize("spoil", [np.negative, np.triu, np.zeros_like])
def test_a_noise_that_is_no_covariance(folder: Path, one_line: Callable, spoil: Callable):
    covs = load_file(folder / "model.safetensors")["sensor.covs"].copy()
    covs[1] = spoil(covs[1] + np.float32(0.001))
    with_tensors(folder, sensor__covs=covs)
    assert "sensor.covs" in refused(folder, one_line)


def test_landmarks_of_the_noise_that_are_too_far_apart(folder: Path, one_line: Callable):
    landmarks = load_file(folder / "model.safetensors")["sensor.landmarks"]
    with_tensors(folder, sensor__landmarks=landmarks * np.float32(1e25))
    assert "sensor.landmarks" in refused(folder, one_line)


def test_a_noise_without_landmarks(folder: Path, one_line: Callable):
    none = {"sensor__landmarks": np.zeros((0, 2), "f"), "sensor__covs": np.zeros((0, 2, 2), "f")}
    with_tensors(folder, **none)
    with_page(folder, lambda page: page["structure"].update(landmarks=0))
    assert "landmarks" in refused(folder, one_line)


NAMES = [
    *(
        "encoder." + part
        for part in ("mean", "projection", "linear", "gain", "centre", "whitening")
    ),
    *(f"encoder.layers.{i}.{part}" for i in range(3) for part in range(2)),
    *("decoder." + part for part in ("network.linear", "network.layers.1.0", "mean", "basis")),
    *("sensor.landmarks", "sensor.covs", "control_low", "control_high"),
    *("transition." + part for part in ("scale", "weights", "weight_root", "noise_root")),
    *("transition." + part for part in ("drift", "drift_std")),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", ["missing", "one more axis", "one row more", "no axis"])
def test_each_tensor_must_be_there_and_of_its_shape(
    folder: Path, one_line: Callable, name: str, change: str
):
    tensors = load_file(folder / "model.safetensors")
    value = tensors.pop(name)
    if change == "one more axis":
        tensors[name] = value[None]
    elif change == "one row more":
        tensors[name] = np.ones((value.shape[0] + 1, *value.shape[1:]) if value.ndim else (2,), "f")
    elif change == "no axis":
        tensors[name] = np.ones(() if value.ndim else (1,), "f")
    save_file(tensors, folder / "model.safetensors")
    refused(folder, one_line)


def test_the_network_must_end_in_poses(folder: Path, one_line: Callable):
    """Shapes that fit to each other but not to the pose would fail in the first frame."""
    with_tensors(
        folder,
        encoder__layers__2__0=np.ones((6, 3), "f"),
        encoder__layers__2__1=np.ones(3, "f"),
    )
    refused(folder, one_line)


@pytest.mark.parametrize(
    "structure",
    [
        {"poses": 3},
        {"poses": -2},
        {"poses": "two"},
        {"controls": 2},
        {"controls": 0},
        {"degree": 3},
        {"degree": [2]},
        {"control_degree": 0},
        {"frame_shape": [8, 8]},
        {"frame_shape": "8x8"},
        {"reach": "far"},
        {"reach": math.nan},
        {"reach": -4.5},
        {"transitions": "many"},
        {"transitions": [500.0]},
        {"transitions": math.nan},
        {"transitions": math.inf},
        {"transitions": -500.0},
        {"landmarks": 4},
        {"landmarks": 3.0},
        {"landmarks": "many"},
    ],
    ids=str,
)
def test_a_page_that_does_not_describe_the_tensors(
    folder: Path, one_line: Callable, structure: dict[str, Any]
):
    with_page(folder, lambda page: page["structure"].update(structure))
    refused(folder, one_line)


@pytest.mark.parametrize(
    "name", ["poses", "controls", "degree", "frame_shape", "reach", "transitions", "landmarks"]
)
def test_a_page_without_part_of_the_structure(folder: Path, one_line: Callable, name: str):
    with_page(folder, lambda page: page["structure"].pop(name))
    refused(folder, one_line)


@pytest.mark.parametrize(
    "parts",
    [
        None,
        {},
        {"encoder": 3, "decoder": 3},
        {"encoder": {"function": "eval"}},
        {"encoder": {"class": "Path", "fields": {}}},
        {"encoder": {"class": "PoseEncoder", "fields": {}}},
        {"encoder": {"class": "Network", "fields": {}}},
        {"decoder": {"array": "encoder.mean"}},
    ],
    ids=str,
)
def test_a_page_whose_parts_are_something_else(folder: Path, one_line: Callable, parts: Any):
    def change(page: dict[str, Any]) -> None:
        if parts:
            page["parts"].update(parts)
        elif parts is None:
            del page["parts"]
        else:
            page["parts"] = {}

    with_page(folder, change)
    refused(folder, one_line)


def test_encoder_and_decoder_cannot_change_places(folder: Path, one_line: Callable):
    with_page(folder, lambda page: page["parts"].update(
        encoder=page["parts"]["decoder"], decoder=page["parts"]["encoder"]
    ))  # fmt: skip
    refused(folder, one_line)


def test_a_page_whose_structure_is_something_else(folder: Path, one_line: Callable):
    with_page(folder, lambda page: page.update(structure=3))
    refused(folder, one_line)


def test_a_place_that_cannot_be_written(tmp_path: Path, make_model: Callable[..., Model]):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError) as error:
        save_model(make_model(), ABOUT, tmp_path / "file")
    assert "\n" not in str(error.value)
    assert str(tmp_path / "file") in str(error.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_learning_led_astray_is_not_written(
    tmp_path: Path, make_model: Callable[..., Model], value: float
):
    model = make_model()
    noise = replace(model.sensor_noise, covs=model.sensor_noise.covs * value)
    with pytest.raises(ModelError, match=r"diverged.*sensor\.covs.*learning_rate") as error:
        save_model(replace(model, sensor_noise=noise), ABOUT, tmp_path / "model")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "model").exists()
