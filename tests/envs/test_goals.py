"""Goals by word, by angle and by picture file."""

import contextlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from jopa_agent.envs import GoalError, picture_at, read_goal, read_picture
from jopa_agent.envs.pendulum import Pendulum
from PIL import Image

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n%%EndComments\nno program\n"
WITHIN = np.deg2rad(0.3)  # the renderer's whole pixels hide some 0.15 degrees


def apart(one: float, other: float) -> float:
    return abs((one - other + np.pi) % (2 * np.pi) - np.pi)


@pytest.mark.parametrize(
    ("text", "degrees", "can_be_held"),
    [
        ("upright", 0, True),
        ("hanging", 180, True),
        ("10deg", 10, True),
        ("-20deg", -20, True),
        ("+5 deg", 5, True),
        (" .5deg ", 0.5, True),
        ("23.deg", 23, True),
        ("24deg", 24, False),
        ("90deg", 90, False),
        ("157deg", 157, True),
        ("-360deg", -360, True),
    ],
)
def test_words_and_angles(pendulum: Pendulum, text: str, degrees: float, can_be_held: bool):
    goal = read_goal(text, pendulum)
    assert goal.name == text
    assert goal.angle == pytest.approx(np.deg2rad(degrees), abs=1e-15)
    assert goal.can_be_held == can_be_held
    assert goal.holding_effort == pytest.approx(2.5 * abs(np.sin(np.deg2rad(degrees))), abs=1e-12)
    np.testing.assert_array_equal(goal.image, pendulum.picture(np.deg2rad(degrees)))


def refused(text: str, pendulum: Pendulum) -> str:
    with pytest.raises(GoalError) as error:
        read_goal(text, pendulum)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("text", ["361deg", "-1e9deg", "inf deg", "up", "10", "deg", "1-deg", ""])
def test_what_is_neither_word_nor_angle_nor_file(pendulum: Pendulum, text: str):
    assert repr(text) in refused(text, pendulum) or text == ""


@pytest.mark.parametrize("degrees", [-170.0, -31.3, 0.0, 12.7, 88.8, 179.0])
def test_the_angle_in_a_picture_is_found(pendulum: Pendulum, tmp_path: Path, degrees: float):
    frame, path = pendulum.picture(np.deg2rad(degrees)), tmp_path / "goal.png"
    Image.fromarray(frame[..., 0]).save(path)
    goal = read_goal(str(path), pendulum)
    np.testing.assert_array_equal(goal.image, frame)
    assert apart(goal.angle, np.deg2rad(degrees)) < WITHIN
    assert goal.name == str(path)
    assert goal.holding_effort == pytest.approx(2.5 * abs(np.sin(goal.angle)))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_a_larger_picture_of_the_same_aspect(pendulum: Pendulum, tmp_path: Path, mode: str):
    """Eight pixels of the picture to one of the camera, whatever kind of picture it is."""
    frame, path = pendulum.picture(0.4), tmp_path / "goal.png"
    large = np.kron(frame[..., 0], np.ones((8, 8), np.uint8))
    Image.fromarray(large).convert(mode).save(path)
    goal = read_goal(str(path), pendulum)
    assert goal.image.dtype == np.uint8
    np.testing.assert_array_equal(goal.image, frame)


def test_what_the_camera_sees_in_colour(
    pendulum: Pendulum, tmp_path: Path, render_at: Callable[..., np.ndarray]
):
    """The middle of the render, saved by the user: one level of gray off by Pillow's rounding."""
    path = tmp_path / "goal.png"
    Image.fromarray(render_at(-0.8)[122:378, 122:378]).save(path)
    goal = read_goal(str(path), pendulum)
    difference = goal.image.astype(int) - pendulum.picture(-0.8)
    assert np.abs(difference).max() <= 1
    assert apart(goal.angle, -0.8) < WITHIN


def test_sixteen_bits_of_gray(pendulum: Pendulum, tmp_path: Path):
    frame, path = pendulum.picture(0.4), tmp_path / "goal.png"
    Image.fromarray(frame[..., 0].astype(np.uint16) * 257).save(path)
    np.testing.assert_array_equal(read_goal(str(path), pendulum).image, frame)


def test_frames_in_colour_take_pictures_in_colour(tmp_path: Path):
    path = tmp_path / "goal.png"
    colours = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(np.kron(colours, np.ones((4, 4, 1), np.uint8))).save(path)
    np.testing.assert_array_equal(read_picture(path, (6, 8, 3)), colours)
    assert read_picture(path, (6, 8, 1)).shape == (6, 8, 1)
    with pytest.raises(GoalError, match="frames have 2 channels"):
        read_picture(path, (6, 8, 2))


def test_reading_a_picture_leaves_the_body_alone(pendulum: Pendulum, tmp_path: Path):
    path = tmp_path / "goal.png"
    Image.fromarray(pendulum.picture(0.4)[..., 0]).save(path)
    pendulum.step(np.array([2.0], np.float32))
    before = pendulum.truth()
    read_goal(str(path), pendulum)
    assert pendulum.truth().state.tobytes() == before.state.tobytes()
    assert pendulum.truth().reward == before.reward


@pytest.mark.parametrize("size", [(64, 32), (32, 33), (500, 400), (1, 1000)])
def test_another_aspect_is_refused(pendulum: Pendulum, tmp_path: Path, size: tuple[int, int]):
    path = tmp_path / "goal.png"
    Image.new("L", size).save(path)
    text = refused(str(path), pendulum)
    assert f"{size[0]}x{size[1]}" in text
    assert "32x32" in text


def test_a_missing_file(pendulum: Pendulum, tmp_path: Path):
    assert "nor a file that exists" in refused(str(tmp_path / "goal.png"), pendulum)


@pytest.mark.parametrize(
    "content", [b"", b"no image", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"P5\nx y\n255\n", EPS]
)
def test_a_file_that_is_no_image(pendulum: Pendulum, tmp_path: Path, content: bytes):
    path = tmp_path / "goal.png"
    path.write_bytes(content)
    assert str(path) in refused(str(path), pendulum)


def test_a_folder(pendulum: Pendulum, tmp_path: Path):
    assert str(tmp_path) in refused(str(tmp_path), pendulum)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP"])
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_image_gives_no_other_error(pendulum: Pendulum, tmp_path: Path, kind: str):
    """Bytes lost or changed anywhere: refused, or read where the pixels alone are wrong."""
    rng, content, path = np.random.default_rng(0), BytesIO(), tmp_path / "goal"
    Image.fromarray(pendulum.picture(0.4)[:, :, 0]).resize((64, 63)).save(content, kind)
    for trial in range(60):
        damaged = bytearray(content.getvalue())
        if trial % 2:
            del damaged[int(rng.integers(len(damaged))) :]
        else:
            for at in rng.integers(min(len(damaged), 100), size=4):
                damaged[at] = rng.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(GoalError):
            read_goal(str(path), pendulum)


def test_what_an_angle_looks_like(pendulum: Pendulum):
    np.testing.assert_array_equal(picture_at("-30deg", pendulum), pendulum.picture(-np.pi / 6))
    np.testing.assert_array_equal(picture_at("hanging", pendulum), pendulum.picture(np.pi))
    for text in ("left", "a.png", "", "400deg"):
        with pytest.raises(GoalError, match="goal"):
            picture_at(text, pendulum)
