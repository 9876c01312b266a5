"""The real pendulum on errands, under the shipped model's plans."""

import numpy as np
import pytest
from jopa_agent.agent.bodies import body_for
from jopa_agent.agent.learning.drive import Errand, drive
from jopa_agent.agent.minds import load_mind
from jopa_agent.configs.settings import read_preset, settings_from, shipped_model
from jopa_agent.envs import read_goal

LENGTH = 50


@pytest.fixture(scope="module")
def driven():
    """Three errands, of three segments at most; the first two are over once the pose believed in
    has been near the goal's for the last ten frames of a segment."""
    settings = settings_from(read_preset("pendulum"), {})
    mind, body = load_mind(shipped_model("pendulum"), settings), body_for(settings)
    told = []

    def done(away: np.ndarray) -> bool:
        assert away.shape == (LENGTH,)
        return bool(away[-10:].max() < 0.12)

    errands = [
        Errand(read_goal("upright", body).image, 3, True, done),
        Errand(read_goal("90deg", body).image, 3, True, done),
        Errand(read_goal("hanging", body).image, 3, False),
    ]
    found = drive(mind, body, errands, LENGTH, 0.0, seed=2, progress=told.append)
    angles = {name: read_goal(name, body).image for name in ("upright", "hanging")}
    body.close()
    return found, angles, told


def test_an_errand_is_over_once_it_is_done(driven):
    """Upright is held in the first segment; what cannot be held takes all three, and so does what
    is not asked."""
    found, pictures, told = driven
    np.testing.assert_array_equal(found.done, [True, False, False])
    assert found.frames.shape[:2] == (1 + 3 + 3, LENGTH)
    assert found.controls.shape == (7, LENGTH - 1, 1)
    assert told == [LENGTH * k for k in range(1, 8)]

    def unlike(frame, name: str) -> float:
        return np.abs(frame.astype(int) - pictures[name]).mean()

    for segment, name in ((0, "upright"), (6, "hanging")):
        last = unlike(found.frames[segment, -1], name)
        assert last < 0.1 * unlike(pictures["upright"], "hanging")


def test_a_reset_begins_anew_and_all_else_goes_on(driven):
    found, _, _ = driven
    frames = found.frames.astype(int)
    jumps = np.abs(frames[1:, 0] - frames[:-1, -1]).mean((1, 2, 3))
    steps = np.abs(np.diff(frames, axis=1)).mean((2, 3, 4)).max()
    np.testing.assert_array_equal(jumps > steps, np.arange(6) == 0)  # before the second errand
