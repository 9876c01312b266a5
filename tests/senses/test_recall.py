"""What is heard late counts as if it had come in time; and what the mind makes of readings."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields

import jax.monitoring
import numpy as np
import pytest
from jopa_agent.agent.evaluation.score import angle_error
from jopa_agent.agent.mind import Mind, Step
from jopa_agent.agent.senses.factors import Linear, Sense, senses_of
from jopa_agent.agent.senses.places import places_of
from jopa_agent.agent.senses.recall import Recall
from jopa_agent.agent.senses.ticks import Look
from jopa_agent.configs.sections import Sensor

from .swings import (
    BEGIN_NS,
    SETTINGS,
    TICK_NS,
    Swing,
    look,
    measured,
    model,
    pendulum,
    swing,
    taught,
)

Said = tuple[str, np.ndarray, int]
STILL = np.zeros(1, np.float32)


def new_recall(sensors: Iterable[str] = ("rate", "direction"), late: int = 0) -> Recall:
    senses: dict[str, Sense] = {name: taught(name) for name in sensors}
    return Recall(senses, places_of(model()), model().system().prior, look, late)


def now_at(tick: int) -> int:
    return BEGIN_NS + tick * TICK_NS


def said_during(taken: Swing, sensors: Sequence[str], ages: Sequence[float]) -> list[list[Said]]:
    """What the sensors measure in each tick."""
    rng = np.random.default_rng(5)
    return [
        [
            (sensor, measured(sensor, state, age, rng), int(now_at(tick) - age * TICK_NS))
            for age in ages
            for sensor in sensors
        ]
        for tick, state in enumerate(taken.states)
    ]


def filtered(
    recall: Recall,
    taken: Swing,
    heard: list[list[Said]],
    seen: Callable[[int], bool] = lambda _: True,
    ticks: int = 40,
) -> np.ndarray:
    """Means and deviations ``(T, 2, n)``, where what is ``heard[k]`` comes before frame k."""
    found = []
    for tick in range(ticks):
        for each in heard[tick] if tick < len(heard) else []:
            recall.hear(*each)
        frame, control = taken.frames[tick], taken.controls[tick]
        here = Look(model(), frame, control, tick == 0, seen(tick))
        belief = recall.step(here, now_at(tick)).belief
        found.append([np.asarray(belief.mean), np.asarray(belief.std)])
    return np.array(found)


def until(heard: list[list[Said]], tick: int) -> list[list[Said]]:
    return [each if at < tick else [] for at, each in enumerate(heard)]


@pytest.mark.parametrize("late", [1, 15])
def test_what_is_late_counts_as_in_time(late: int):
    """Once all has come, the beliefs are the same."""
    taken = swing(20)
    heard = until(said_during(taken, ("rate", "direction"), (0.6, 0.2)), 20)
    in_time = filtered(new_recall(), taken, heard)
    delayed = filtered(new_recall(), taken, [[]] * late + heard)
    assert np.abs(in_time - delayed)[1:20].max() > 1e-3
    np.testing.assert_allclose(delayed[20 + late :], in_time[20 + late :], rtol=0, atol=1e-5)


def test_order_does_not_matter():
    taken = swing(21)
    heard = until(said_during(taken, ("rate", "direction"), (0.9, 0.5, 0.1)), 25)
    in_order = filtered(new_recall(), taken, heard)
    rng, mixed = np.random.default_rng(0), [[] for _ in range(40)]
    for at, each in enumerate(heard):
        for one in each:
            mixed[at + int(rng.integers(0, 6))].append(one)
    for each in mixed:
        rng.shuffle(each)
    np.testing.assert_array_equal(filtered(new_recall(), taken, mixed)[32:], in_order[32:])


def test_a_reading_ahead_of_the_frames_waits():
    taken = swing(21)
    heard = until(said_during(taken, ("rate",), (0.5,)), 30)
    early = [heard[0] + heard[1], *heard[2:], []]
    np.testing.assert_array_equal(
        filtered(new_recall(), taken, early), filtered(new_recall(), taken, heard)
    )


def test_with_late_frames_a_reading_is_of_its_own_moment():
    """Views come two ticks late: so do the beliefs, which are the same."""
    taken = swing(20)
    heard = until(said_during(taken, ("rate",), (0.6, 0.2)), 36)
    prompt = filtered(new_recall(), taken, heard, ticks=36)
    recall, found = new_recall(late=2), []
    for tick in range(36):
        for each in heard[tick]:
            recall.hear(*each)
        shown = max(tick - 2, 0)
        here = Look(model(), taken.frames[shown], taken.controls[shown], tick <= 2, True)
        belief = recall.step(here, now_at(tick)).belief
        found.append([np.asarray(belief.mean), np.asarray(belief.std)])
    np.testing.assert_array_equal(np.array(found)[2:], prompt[:-2])


def test_what_is_too_old_is_counted_and_what_is_no_reading_is_not():
    taken, recall = swing(20), new_recall(("rate",))
    recall.hear("rate", np.ones(1), now_at(-3))
    without = filtered(new_recall(("rate",)), taken, [], ticks=30)
    np.testing.assert_array_equal(filtered(recall, taken, [], ticks=30), without)
    assert recall.late == 0  # before the body began
    for age in (0.5, 12.5, 19.4):
        recall.hear("rate", np.ones(1), int(now_at(29) - age * TICK_NS))
    assert recall.late == 0
    for age in (20.5, 29.5):
        recall.hear("rate", np.ones(1), int(now_at(29) - age * TICK_NS))
    assert recall.late == 2
    recall.clear()
    newest = now_at(10)
    for sensor, value in (
        ("rate", np.ones(2)),
        ("rate", np.ones((1, 1))),
        ("rate", np.array([np.nan])),
        ("rate", np.array([np.inf])),
        ("rate", np.array([1e300])),
        ("rate", np.array(["a"])),
        ("unknown", np.ones(1)),
    ):
        recall.hear(sensor, value, newest)
    np.testing.assert_array_equal(filtered(recall, taken, [], ticks=30), without)
    assert recall.late == 2


def test_of_a_flood_some_are_taken_and_all_sorts_of_stamps_are_borne():
    taken, recall = swing(20), new_recall(("rate",))
    rng = np.random.default_rng(0)
    flood = [
        ("rate", measured("rate", taken.states[3], age, rng), int(now_at(3) - age * TICK_NS))
        for age in np.linspace(0, 0.99, 200)
    ]
    wild = [("rate", np.ones(1), stamp) for stamp in (-(2**60), 0, 2**62)] * 400
    found = filtered(recall, taken, [[], [], wild, flood], ticks=12)
    assert np.isfinite(found).all()
    calm = filtered(new_recall(("rate",)), taken, [], ticks=12)
    assert (found[3, 1] < calm[3, 1]).any()
    assert np.abs(found - calm).max() < 0.1


def true_velocities(taken: Swing) -> np.ndarray:
    """Changes of the pose that is shown, smooth in the angle, ``(T - 1, 2)``."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    poses = np.array([model().encoder(pendulum().picture(angle)) for angle in angles])

    def waves(angle: np.ndarray) -> np.ndarray:
        turns = np.outer(angle, np.arange(5))
        return np.concatenate([np.cos(turns), np.sin(turns[:, 1:])], axis=1)

    weights = np.linalg.lstsq(waves(angles), poses, rcond=None)[0]
    return np.diff(waves(taken.states[:, 0]) @ weights, axis=0)


def test_a_rate_makes_the_velocity_better_known_and_its_loss_does_no_harm():
    """One frame of four is seen. From tick 30 on the sensor is gone."""
    wrong = {False: [], True: []}
    for seed in (20, 21, 22):
        taken = swing(seed)
        heard = until(said_during(taken, ("rate",), (0.8, 0.6, 0.4, 0.2)), 30)
        true = true_velocities(taken)
        for helped in (False, True):
            recall = new_recall(("rate",) if helped else ())
            found = filtered(
                recall, taken, heard if helped else [], lambda tick: tick % 4 == 0, ticks=60
            )
            assert np.isfinite(found).all()
            wrong[helped].append(found[1:, 0, 2:4] - true)
    before, after = slice(5, 30), slice(45, 59)
    error = {
        helped: [np.sqrt(np.mean(np.square(each)[:, part])) for part in (before, after)]
        for helped, each in wrong.items()
    }
    assert error[True][0] < 0.95 * error[False][0]
    assert error[True][1] < 1.1 * error[False][1]


def new_mind(senses: dict[str, Sense]) -> Mind:
    mind = Mind(model(), SETTINGS.planner, 11, (0, 0), SETTINGS.online, senses)
    mind.set_goal(pendulum().picture(0.0))
    return mind


def bits(step: Step) -> list[bytes]:
    names = (field.name for field in fields(step) if not field.name.endswith("_ns"))
    return [np.asarray(getattr(step, name)).tobytes() for name in names]


@pytest.fixture(scope="module")
def blind() -> Mind:
    mind = new_mind({"direction": taught("direction")})
    mind.compile()
    return mind


def drive(mind: Mind, seconds: float, blow_at: int = -1) -> np.ndarray:
    """Closed loop from hanging without the camera; the angle's error of each tick."""
    body, rng, control, angles = pendulum(), np.random.default_rng(0), STILL, []
    frame = body.reset(0, "hanging")
    mind.reset(11)
    mind.set_goal(body.picture(0.0))
    for tick in range(round(seconds * 20)):
        if tick == blow_at:
            body.push(3.0)
        state = body.truth().state
        angles.append(state[0])
        for age in (0.7, 0.2):
            value = measured("direction", state, age, rng)
            if rng.uniform() < 0.02:
                value = value + 30.0  # a spike
            mind.hear("direction", value, int(now_at(tick) - age * TICK_NS))
        step = mind.step(None, control, now_at(tick))
        assert np.isfinite(step.mean).all()
        control = step.controls[0]
        frame = body.step(control)
    assert frame is not None
    return angle_error(np.array(angles), 0.0)


def test_without_the_camera_directions_swing_it_up_and_hold_it(blind: Mind):
    """Spikes among them; nothing compiles in the loop."""
    compiled: list[str] = []

    def listen(event: str, _: float, **about: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(str(about.get("fun_name", event)))

    blind.set_goal(pendulum().picture(0.0))
    jax.monitoring.register_event_duration_secs_listener(listen)
    error = drive(blind, seconds=15, blow_at=160)
    jax.monitoring.unregister_event_duration_listener(listen)
    assert error[-20:].max() < 0.1
    assert compiled == []


def test_a_run_is_repeated_to_the_bit(blind: Mind):
    np.testing.assert_array_equal(drive(blind, 1.0), drive(blind, 1.0))


def test_a_sensor_that_is_silent_changes_nothing(blind: Mind):
    taken = swing(20)
    plain = new_mind({})
    plain.hear("direction", np.ones(2), now_at(0))
    blind.reset(11)
    blind.set_goal(pendulum().picture(0.0))
    for tick in range(6):
        frame, control = (None if tick == 4 else taken.frames[tick]), taken.controls[tick]
        expected = plain.step(frame, control)
        assert bits(blind.step(frame, control, now_at(tick))) == bits(expected)
    assert plain.late == 0


def test_a_remote_camera_takes_the_place_of_the_own():
    senses = senses_of({"eye": Sensor(kind="frame")}, model())
    taken = swing(21)
    recall = Recall(senses, places_of(model()), model().system().prior, look, 0)
    heard = [[("eye", frame, now_at(tick))] for tick, frame in enumerate(taken.frames)]
    for wrong in (taken.frames[0][:16], taken.frames[0].astype(np.float32)):
        recall.hear("eye", wrong, now_at(0))
    remote = filtered(recall, taken, heard, lambda _: False, ticks=20)
    own = filtered(new_recall(()), taken, [], ticks=20)
    np.testing.assert_allclose(remote[5:, 0, :2], own[5:, 0, :2], rtol=0, atol=0.02)


def test_a_declared_sense_of_the_velocity_is_taken():
    sensors = {"v": Sensor(matrix=[[0.0, 0.0, 1.0]], covariance=[[1e-4]])}
    sense = senses_of(sensors, model())["v"]
    assert isinstance(sense, Linear)
    recall = Recall({"v": sense}, places_of(model()), model().system().prior, look, 0)
    taken = swing(20)
    heard = [[("v", np.float32([0.1]), now_at(tick))] for tick in range(8)]
    found = filtered(recall, taken, heard, lambda _: False, ticks=8)
    assert found[0, 0, 2] == pytest.approx(0.1, abs=0.01)
