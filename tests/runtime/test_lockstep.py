"""The real processes over real sockets, each waiting for its input."""

import json
from typing import Any

import numpy as np
import pytest
from jopa_agent.configs.settings import read_file, settings_from
from jopa_agent.transport.messages import Origin

TICKS = 20  # in the second that a run lasts here


def controls(place: Any, **run: Any) -> np.ndarray:
    record = place.run(place.settings(**run)).record
    assert (record.origin[1:] == Origin.PLAN).all()
    return record.control


def test_the_same_seed_gives_the_same_torques_with_and_without_the_truth(place: Any) -> None:
    first = controls(place, start="gymnasium", seed=3)
    assert first.shape == (TICKS + 1, 1)
    assert np.ptp(first) > 0
    again = controls(place, start="gymnasium", seed=3)
    assert first.tobytes() == again.tobytes()
    unseen = controls(place, start="gymnasium", seed=3, score=False)
    assert first.tobytes() == unseen.tobytes()


def test_a_run_leaves_its_record_and_nothing_else(place: Any) -> None:
    settings = place.settings()
    summary, record, _ = place.run(settings)
    assert summary.ticks == TICKS
    assert summary.clock == "lockstep"
    assert (summary.missed_deadlines, summary.late_plans, summary.dropped_frames) == (0, 0, 0)
    assert summary.malformed == 0
    assert record.ticks.tolist() == list(range(TICKS + 1))
    assert np.isfinite(record.mean).all()
    assert np.isfinite(record.distance).all()
    assert record.error_rad is not None
    assert record.error_rad[0] == pytest.approx(np.pi)
    assert json.loads((place.out / "run.json").read_text()) == summary.as_dict()
    assert settings_from(read_file(place.out / "settings.toml")) == settings
    assert not place.remains()


def test_realtime_plays_every_tick(place: Any) -> None:
    summary, record, _ = place.run(place.settings(clock="realtime"))
    assert summary.ticks == TICKS
    assert summary.clock == "realtime"
    assert record.ticks.tolist() == list(range(TICKS + 1))
    assert summary.dropped_frames == 0
