"""The picture of a run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jopa_agent.agent.runtime.record import RunRecord
from jopa_agent.agent.runtime.report import PICTURE_SIZE_PX, save_picture
from jopa_agent.agent.runtime.summary import Percentiles, Summary
from jopa_agent.envs import BodySpec
from PIL import Image

LIMIT = np.array([2.0], np.float32)
BODY = BodySpec("pendulum", 0.05, -LIMIT, LIMIT, 0 * LIMIT, (32, 32, 1))
SUMMARY = Summary(
    first_command_ns=None,
    ticks=59,
    goal="upright",
    goal_can_be_held=True,
    goals=1,
    reached=True,
    held=False,
    steps_to_reach=20,
    mean_error=0.5,
    final_error=0.01,
    max_error_last_10s=3.0,
    mean_distance=0.4,
    final_distance=0.02,
    frame_to_command_ms=Percentiles(6.0, 9.0),
    filter_ms=Percentiles(0.3, 0.4),
    plan_ms=Percentiles(4.0, 6.0),
    stages_ms={},
    step_periods=None,
    misses={},
    missed_deadlines=0,
    late_plans=0,
    stale_plans=0,
    invalid_plans=0,
    dropped_frames=0,
    malformed=0,
    restarts=0,
    faults=[],
    clock="lockstep",
    rate_hz=20.0,
    seed=0,
)
UNSCORED = replace(
    SUMMARY, reached=None, held=None, steps_to_reach=None, mean_error=None, final_error=None
)


def record_of(ticks: int, states: int = 5, controls: int = 1, frames: int = 12) -> RunRecord:
    rng = np.random.default_rng(0)
    noise = lambda *shape: rng.standard_normal((ticks, *shape), np.float32)  # noqa: E731
    pictures = rng.integers(0, 256, (frames, 32, 32, 1), dtype=np.uint8)
    return RunRecord(
        ticks=np.arange(ticks),
        time_s=np.arange(ticks) * 0.05,
        error_rad=np.abs(noise()).astype(np.float64),
        control=noise(controls),
        origin=np.ones(ticks, np.uint8),
        mean=noise(states),
        std=np.abs(noise(states)),
        distance=np.abs(noise()),
        surprise=noise(),
        free_energy=noise(),
        frame_ticks=np.linspace(0, ticks - 1, frames).astype(np.int64),
        frames=pictures,
        goal=pictures[0],
    )


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.size == PICTURE_SIZE_PX
        return np.asarray(picture.convert("RGB")).astype(int)


def shows(picture: np.ndarray, colour: str) -> bool:
    """Whether a line of ``colour`` can be seen: pixels that differ by a shade at most."""
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return int((np.abs(picture - wanted).max(axis=-1) <= 2).sum()) > 100


def test_a_scored_run_shows_belief_torque_distance_and_error(tmp_path: Path):
    save_picture(record_of(60), SUMMARY, tmp_path / "run.png", BODY, 0.1)
    picture = pixels(tmp_path / "run.png")
    for colour in ("#0072B2", "#D55E00", "#00805F", "#A6518A"):
        assert shows(picture, colour)


def test_a_run_that_was_not_scored_shows_no_error(tmp_path: Path):
    record = replace(record_of(60), error_rad=None)
    save_picture(record, UNSCORED, tmp_path / "run.png", BODY, 0.1)
    picture = pixels(tmp_path / "run.png")
    assert shows(picture, "#0072B2")
    assert not shows(picture, "#A6518A")


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(record_of(1, frames=1), id="one frame"),
        pytest.param(record_of(60, states=0), id="no belief ever"),
        pytest.param(record_of(60, states=20, controls=3), id="many coordinates"),
    ],
)
def test_runs_of_any_shape_are_drawn(tmp_path: Path, record: RunRecord):
    save_picture(record, SUMMARY, tmp_path / "run.png", BODY, 0.1)
    pixels(tmp_path / "run.png")


def test_ticks_for_which_nothing_arrived_are_left_out(tmp_path: Path):
    record = record_of(60)
    for rows in (record.mean, record.std, record.distance, record.error_rad):
        assert rows is not None
        rows[10:20] = np.nan
    record.mean[:, 1] = record.std[:, 1] = np.nan
    save_picture(record, SUMMARY, tmp_path / "run.png", BODY, 0.1)
    assert shows(pixels(tmp_path / "run.png"), "#0072B2")


def test_a_goal_is_named_as_it_is(tmp_path: Path):
    named = replace(SUMMARY, goal="/long/" * 20 + "a$_{broken$.png", goals=3)
    save_picture(record_of(60), named, tmp_path / "run.png", BODY, 0.1)
    pixels(tmp_path / "run.png")


def test_a_file_that_cannot_be_written_is_an_os_error(tmp_path: Path):
    with pytest.raises(OSError, match="missing"):
        save_picture(record_of(2), SUMMARY, tmp_path / "missing" / "run.png", BODY, 0.1)
