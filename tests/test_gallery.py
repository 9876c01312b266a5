"""The goals that a run offers."""

from pathlib import Path

import numpy as np
import pytest
from jopa_agent.agent.bodies import body_for
from jopa_agent.agent.gallery import gallery_of, unlike_each_other
from jopa_agent.configs.settings import read_preset, settings_from, shipped_model
from jopa_agent.envs import BodySpec


class Picturesque:
    """A body that is known by its pictures alone."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        limit = np.ones(1, np.float32)
        self.spec = BodySpec("arm", 0.05, -limit, limit, 0 * limit, shape)


def test_a_body_with_an_angle_is_shown_all_around() -> None:
    body = body_for(settings_from(read_preset("pendulum")))
    try:
        gallery = gallery_of(body, Path("/nowhere"))
        assert len(gallery.names) == 24
        assert gallery.names[:2] == ("0deg", "15deg")
        assert gallery.names[13] == "-165deg"
        np.testing.assert_array_equal(gallery.images[6], body.picture(np.pi / 2))
    finally:
        body.close()


def test_another_is_shown_as_it_was_seen_in_training() -> None:
    gallery = gallery_of(Picturesque((32, 32, 1)), shipped_model("pendulum"))  # type: ignore[arg-type]
    assert len(gallery.names) == 24
    assert gallery.images.shape == (24, 32, 32, 1)
    rows = gallery.images.reshape(24, -1).astype(float)
    apart = np.linalg.norm(rows[:, None] - rows, axis=-1)[np.triu_indices(24, 1)]
    assert apart.min() > 300  # gray levels: neighbours of the 24 angles are some 600 apart


@pytest.mark.parametrize("shape", [(32, 32, 3), (1024, 1024, 3)])
def test_frames_of_another_camera_are_not_offered(shape: tuple[int, int, int]) -> None:
    assert gallery_of(Picturesque(shape), shipped_model("pendulum")).names == ()  # type: ignore[arg-type]


def test_without_experience_there_is_nothing_to_offer(tmp_path: Path) -> None:
    (tmp_path / "experience.safetensors").write_bytes(b"damaged")
    assert gallery_of(Picturesque((32, 32, 1)), tmp_path).names == ()  # type: ignore[arg-type]


def test_the_farthest_are_chosen_and_none_twice() -> None:
    frames = np.array([0, 1, 10, 10, 4], np.uint8).reshape(5, 1, 1, 1)
    assert unlike_each_other(frames, 3) == [0, 2, 4]
    assert unlike_each_other(frames, 9) == [0, 2, 4, 1]
