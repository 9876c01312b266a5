"""Collecting with the real pendulum: what is recorded is what happened."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import gymnasium
import numpy as np
import pytest
from jopa_agent.agent.learning.collect import collect
from jopa_agent.agent.learning.dataset import Dataset
from jopa_agent.configs.sections import Collect
from jopa_agent.envs import Start, Truth
from jopa_agent.envs.camera import Camera
from jopa_agent.envs.pendulum import Pendulum

SETTINGS = Collect(frames=200, segment_frames=40, hold_steps=4)


class Watched(Pendulum):
    """A pendulum that keeps the seeds it was reset with, and where it went."""

    def __init__(self) -> None:
        super().__init__(Camera(256, 32))
        self.seeds: list[int] = []
        self.truths: list[Truth] = []

    def reset(self, seed: int, start: Start) -> np.ndarray:
        assert start == "gymnasium"
        self.seeds.append(seed)
        frame = super().reset(seed, start)
        self.truths.append(self.truth())
        return frame

    def step(self, control: np.ndarray) -> np.ndarray:
        frame = super().step(control)
        self.truths.append(self.truth())
        return frame


@pytest.fixture(scope="module")
def body() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.close()


@pytest.fixture(scope="module")
def dataset(body: Watched) -> Dataset:
    return collect(body, SETTINGS, seed=5)


def test_shapes_and_notes(dataset: Dataset):
    assert dataset.frames.shape == (5, 40, 32, 32, 1)
    assert dataset.frames.dtype == np.uint8
    assert dataset.controls.shape == (5, 39, 1)
    assert dataset.controls.dtype == np.float32
    assert (dataset.body, dataset.seed, dataset.count) == ("pendulum", 5, 200)


def test_gymnasium_goes_the_same_way_under_the_recorded_controls(dataset: Dataset, body: Watched):
    env: Any = gymnasium.make("Pendulum-v1").unwrapped
    truths = iter(body.truths)
    for segment, seed in enumerate(body.seeds[:5]):
        env.reset(seed=seed)
        np.testing.assert_array_equal(next(truths).state, env.state)
        for control in dataset.controls[segment]:
            env.step(control.astype(np.float64))
            np.testing.assert_array_equal(next(truths).state, env.state)


def test_each_frame_shows_the_state_that_its_controls_led_to(dataset: Dataset, body: Watched):
    truths = [truth.state[0] for truth in body.truths[:200]]
    for frame, angle in zip(dataset.frames.reshape(200, 32, 32, 1), truths, strict=True):
        np.testing.assert_array_equal(frame, body.picture(angle))


def test_controls_keep_the_limits_and_use_their_range(dataset: Dataset):
    assert np.abs(dataset.controls).max() <= 2
    assert dataset.controls.min() < -1.5
    assert dataset.controls.max() > 1.5


def test_controls_are_held_for_a_random_time(dataset: Dataset):
    runs = [[len(list(run)) for _, run in groupby(segment[:, 0])] for segment in dataset.controls]
    lengths = {length for segment in runs for length in segment}
    assert lengths == {1, 2, 3, 4}  # one to hold_steps, and some of each in 195 steps


def test_the_same_seed_records_the_same_and_another_one_something_else(
    dataset: Dataset, body: Watched
):
    few = Collect(frames=40, segment_frames=40, hold_steps=4)
    again, other = collect(body, few, seed=5), collect(body, few, seed=6)
    np.testing.assert_array_equal(again.frames[0], dataset.frames[0])
    np.testing.assert_array_equal(again.controls[0], dataset.controls[0])
    assert (other.controls != again.controls).any()
    assert (other.frames[0, 0] != again.frames[0, 0]).any()


def test_segments_differ(dataset: Dataset, body: Watched):
    assert len(set(body.seeds[:5])) == 5
    assert len({segment.tobytes() for segment in dataset.controls}) == 5


@pytest.mark.parametrize(("frames", "shape"), [(50, (2, 40)), (30, (1, 30)), (1, (1, 1))])
def test_frames_are_rounded_up_to_whole_segments(
    body: Watched, frames: int, shape: tuple[int, int]
):
    told: list[int] = []
    settings = Collect(frames=frames, segment_frames=40)
    found = collect(body, settings, 0, told.append)
    assert found.frames.shape[:2] == shape
    assert told[-1] == found.count >= frames
