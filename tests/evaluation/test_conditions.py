"""Blows and camera faults: what is understood, what is refused, what becomes of a frame."""

import numpy as np
import pytest
from jopa_agent.agent.evaluation.conditions import (
    ConditionsError,
    Faults,
    FaultyCamera,
    read_faults,
    read_kick,
)

PERIOD_S = 0.05
WHITE = np.full((32, 32, 1), 255, np.uint8)


def seen(faults: Faults, ticks: int = 600, image: np.ndarray = WHITE, seed: int = 0) -> list:
    camera = FaultyCamera(faults, ticks, PERIOD_S, seed)
    return [camera.sees(tick, image) for tick in range(ticks)]


def test_words():
    assert read_faults("") == Faults()
    assert read_faults("noise=0.1, loss=0.2") == Faults(loss=0.2, noise=0.1)
    assert read_kick("torque") == "torque"
    assert read_kick("8") == 8.0


@pytest.mark.parametrize(
    "text", ["loss", "loss=x", "loss=2", "noise=-1", "fog=1", "loss=.1,loss=.2", "blackout=nan"]
)
def test_what_is_no_fault_is_refused_by_name(text: str):
    with pytest.raises(ConditionsError, match=r"^fault '.*': give "):
        read_faults(text)


@pytest.mark.parametrize("text", ["0", "-8", "inf", "nan", "hard", ""])
def test_what_is_no_kick_is_refused_by_name(text: str):
    with pytest.raises(ConditionsError, match=f"^kick '{text}': give "):
        read_kick(text)


def test_a_sound_camera_changes_nothing():
    assert all(image is WHITE for image in seen(Faults()))


def test_the_share_that_is_lost_but_never_the_first():
    frames = seen(Faults(loss=0.2), ticks=4000)
    assert frames[0] is not None
    assert sum(frame is None for frame in frames) / 4000 == pytest.approx(0.2, abs=0.03)
    again, other = seen(Faults(loss=0.2)), seen(Faults(loss=0.2), seed=1)
    lost = [[frame is None for frame in each] for each in (frames[:600], again, other)]
    assert lost[0] == lost[1] != lost[2]


def test_a_blackout_of_its_length_in_the_middle():
    lost = [tick for tick, frame in enumerate(seen(Faults(blackout=0.5))) if frame is None]
    assert lost == list(range(300, 310))


def test_noise_of_its_size():
    gray = np.full((32, 32, 1), 128, np.uint8)
    frames = np.array(seen(Faults(noise=0.1), ticks=20, image=gray), float)
    assert frames.std() == pytest.approx(25.5, rel=0.03)
    assert frames.mean() == pytest.approx(128, abs=1)


def test_a_corner_of_its_share_for_two_seconds():
    frames = seen(Faults(occlusion=0.25))
    hidden = [tick for tick, frame in enumerate(frames) if frame is not WHITE]
    assert hidden == list(range(300, 340))
    covered = frames[300] == 0
    assert covered.mean() == pytest.approx(0.25)
    corners = {
        tuple(np.argwhere(seen(Faults(occlusion=0.25), seed=seed)[300] == 0).min(0)[:2])
        for seed in range(20)
    }
    assert corners == {(0, 0), (0, 16), (16, 0), (16, 16)}
    assert (WHITE == 255).all()
