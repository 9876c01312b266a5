"""The camera against plain integer arithmetic, pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jopa_agent.envs.camera import Camera


def plain(render: np.ndarray, crop: int, size: int) -> np.ndarray:
    """Exact: sums in Python's integers, halves rounded up."""
    height, width, _ = render.shape
    top, left, block = (height - crop) // 2, (width - crop) // 2, crop // size
    frame = np.zeros((size, size, 1), np.uint8)
    for row in range(size):
        for column in range(size):
            y, x = top + row * block, left + column * block
            pixels = render[y : y + block, x : x + block].reshape(-1, 3).tolist()
            total = sum(299 * r + 587 * g + 114 * b for r, g, b in pixels)
            frame[row, column] = (2 * total + 1000 * block**2) // (2000 * block**2)
    return frame


@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(1, 6),
    block=st.integers(1, 4),
    margin=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    dark=st.booleans(),
)
def test_a_frame_is_the_rounded_mean_gray_of_each_block(
    seed: int, size: int, block: int, margin: tuple[int, int], dark: bool
):
    crop = size * block
    shape = (crop + margin[0], crop + margin[1], 3)
    render = np.random.default_rng(seed).integers(0, 4 if dark else 256, shape, dtype=np.uint8)
    camera = Camera(crop, size)
    frame = camera.capture(render)
    assert frame.dtype == np.uint8
    assert frame.shape == camera.frame_shape == (size, size, 1)
    np.testing.assert_array_equal(frame, plain(render, crop, size))


@pytest.mark.parametrize("level", [0, 1, 127, 255])
def test_gray_stays_gray_even_in_one_block_of_the_whole_picture(level: int):
    """A white square of 500 px sums to 6e10: more than 32 bits hold."""
    render = np.full((500, 500, 3), level, np.uint8)
    assert Camera(500, 1).capture(render)[0, 0, 0] == level


def test_the_middle_is_kept():
    render = np.zeros((500, 500, 3), np.uint8)
    render[122:378, 122:378] = 200
    assert (Camera(256, 32).capture(render) == 200).all()
    assert (Camera(256, 32).capture(200 - render) == 0).all()


def test_the_render_is_left_as_it_was():
    render = np.random.default_rng(0).integers(0, 256, (10, 10, 3), dtype=np.uint8)
    before = render.copy()
    Camera(8, 4).capture(render)
    np.testing.assert_array_equal(render, before)


@pytest.mark.parametrize(("crop", "size"), [(256, 30), (256, 512), (7, 2)])
def test_a_size_that_does_not_divide_the_crop_is_refused(crop: int, size: int):
    with pytest.raises(ValueError, match=f"size_px = {size} .* {crop}.*divisor"):
        Camera(crop, size)
