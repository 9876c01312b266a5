"""The mind with the shipped model: what it computes from, what it forgets, and what it can do."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from jopa_agent.agent.bodies import body_for
from jopa_agent.agent.evaluation.score import angle_error
from jopa_agent.agent.mind import Mind, Step
from jopa_agent.agent.minds import load_mind
from jopa_agent.configs.settings import Settings, read_preset, settings_from, shipped_model
from jopa_agent.envs import Body, make_body, read_goal
from jopa_agent.envs.camera import Camera
from jopa_agent.envs.pendulum import Pendulum
from jopa_agent.envs.physics import read_physics

SETTINGS = settings_from(read_preset("pendulum"), {"run": {"seed": 11}})
HORIZON = SETTINGS.planner.horizon
STILL = np.zeros(1, np.float32)


def new_mind(settings: Settings = SETTINGS) -> Mind:
    return load_mind(shipped_model("pendulum"), settings)


@pytest.fixture(scope="module")
def shared() -> Mind:
    return new_mind()


@pytest.fixture(scope="module")
def body() -> Iterator[Pendulum]:
    camera = Camera(SETTINGS.body.camera_crop_px, SETTINGS.body.camera_size_px)
    pendulum = make_body("pendulum", camera)
    assert isinstance(pendulum, Pendulum)
    yield pendulum
    pendulum.close()


@pytest.fixture
def upright(body: Pendulum) -> np.ndarray:
    return read_goal("upright", body).image


@pytest.fixture
def mind(shared: Mind, upright: np.ndarray) -> Mind:
    """At the start of an episode, with the goal to be upright."""
    shared.reset(SETTINGS.run.seed)
    shared.set_goal(upright)
    return shared


def play(mind: Mind, body: Body, steps: int, seed: int = 3) -> list[Step]:
    """Some steps in closed loop from one of Gymnasium's own starts."""
    frame, control, taken = body.reset(seed, "gymnasium"), STILL, []
    for _ in range(steps):
        taken.append(mind.step(frame, control))
        control = taken[-1].controls[0]
        frame = body.step(control)
    return taken


def bits(steps: list[Step]) -> list[bytes]:
    """All that was inferred; not how long it took."""
    return [
        b"".join(
            np.asarray(getattr(step, name)).tobytes()
            for name in vars(step)
            if name not in ("filter_ns", "plan_ns")
        )
        for step in steps
    ]


def test_shapes_and_limits(mind: Mind, body: Pendulum):
    for step in play(mind, body, 10):
        assert step.controls.shape == (HORIZON, 1)
        assert step.controls.dtype == np.float32
        assert np.abs(step.controls).max() <= 2
        assert step.mean.shape == step.std.shape == (6,)
        assert step.planned_mean.shape == step.planned_std.shape == (HORIZON, 6)
        assert step.goal.shape == (2,)
        assert (step.std > 0).all()
        assert (step.planned_std > 0).all()
        assert step.distance == pytest.approx(np.linalg.norm(step.mean[:2] - step.goal))
        assert np.isfinite([step.free_energy, step.surprise]).all()


def test_torques_are_a_function_of_seed_and_inputs_alone(
    mind: Mind, body: Pendulum, upright: np.ndarray
):
    """Another mind infers the same bits, and that it was told to compile leaves no trace."""
    taken, frame = play(mind, body, 15), body.reset(3, "gymnasium")
    other = new_mind()
    with pytest.raises(ValueError, match="set_goal"):
        other.step(frame, STILL)
    other.compile()
    with pytest.raises(ValueError, match="set_goal"):
        other.step(frame, STILL)
    other.set_goal(upright)
    assert bits(play(other, body, 15)) == bits(taken)


def test_another_seed_guesses_otherwise(mind: Mind, body: Pendulum):
    """Where no guess that is always made is the best one: of eight starts at one at least."""

    def begun(seed: int) -> list[bytes]:
        taken = []
        for start in range(8):
            mind.reset(seed)
            taken += bits(play(mind, body, 3, start))
        return taken

    assert begun(SETTINGS.run.seed) != begun(SETTINGS.run.seed + 1)


def test_reset_forgets_all_but_the_goal(mind: Mind, body: Pendulum):
    fresh = bits(play(mind, body, 10))
    play(mind, body, 7, seed=5)
    mind.reset(SETTINGS.run.seed)
    assert bits(play(mind, body, 10)) == fresh


def test_the_control_before_the_first_frame_is_not_used(mind: Mind, body: Pendulum):
    frame = body.reset(3, "gymnasium")
    first = mind.step(frame, STILL)
    mind.reset(SETTINGS.run.seed)
    assert bits([mind.step(frame, STILL + 2)]) == bits([first])


def test_the_control_that_was_applied_moves_the_belief(mind: Mind, body: Pendulum):
    """Not the one that was planned: the same is seen twice, but something else was applied."""
    hanging, believed = body.picture(np.pi), []
    for applied in (-2.0, 2.0):
        mind.reset(SETTINGS.run.seed)
        for _ in range(10):
            before = mind.step(hanging, STILL).mean[:4]
        believed.append(mind.step(hanging, STILL + applied).mean[:4] - before)
    assert np.abs(believed[0] - believed[1]).max() > 5e-3
    # at the bottom both ways are alike
    np.testing.assert_allclose(believed[0], -believed[1], rtol=0, atol=2e-3)


def test_the_truth_about_a_frame_is_inferred_with_its_uncertainty(mind: Mind, body: Pendulum):
    """The belief's velocity is that of the poses shown, within some of its own sigmas."""
    frame, control, shown, steps = body.reset(8, "gymnasium"), STILL, [], []
    for tick in range(30):
        steps.append(mind.step(frame, control))
        shown.append(steps[-1].mean[:2])
        control = np.array([np.sin(0.4 * tick)], np.float32)
        frame = body.step(control)
    moved = np.diff(shown, axis=0)
    sigmas = [
        (step.mean[2:4] - change) / step.std[2:4]
        for step, change in zip(steps[6:], moved[5:], strict=True)
    ]
    assert np.sqrt(np.mean(np.square(sigmas))) < 5
    assert max(step.std[:4].max() for step in steps[6:]) < 0.1


def drive(mind: Mind, body: Body, goal: str, seconds: float) -> np.ndarray:
    """Closed loop from hanging; the distances from the goal's angle, in radians."""
    wish = read_goal(goal, body)
    frame, control, angles = body.reset(0, "hanging"), STILL, [np.pi]
    mind.reset(SETTINGS.run.seed)
    assert mind.set_goal(wish.image) == wish.can_be_held
    for _ in range(round(seconds / body.spec.period_s)):
        control = mind.step(frame, control).controls[0]
        frame = body.step(control)
        angles.append(body.truth().state[0])
    return angle_error(np.array(angles), wish.angle)


def test_a_blow_is_a_change_of_velocity_and_no_lasting_disturbance(mind: Mind, body: Pendulum):
    """Struck to 8 rad/s: two frames later the velocity is known, and the disturbance as before."""
    mind.set_goal(read_goal("hanging", body).image)
    frame, control, seen, shown = body.reset(0, "hanging"), STILL, [], []
    mind.reset(SETTINGS.run.seed)
    for tick in range(43):
        if tick == 40:
            body.push(8.0)
        seen.append(mind.step(frame, control))
        shown.append(np.asarray(mind._model.encoder(frame)))
        control = seen[-1].controls[0]
        frame = body.step(control)
    assert seen[41].surprise > 6
    moved = shown[42] - shown[41]
    assert np.linalg.norm(seen[42].mean[2:4] - moved) < 0.2 * np.linalg.norm(moved)
    change = seen[42].mean[4:] - seen[40].mean[4:]
    assert np.linalg.norm(change) < 0.01 * np.linalg.norm(moved)


def test_from_hanging_it_swings_up_and_stays(mind: Mind, body: Pendulum):
    error = drive(mind, body, "upright", seconds=8)
    assert error[-20:].max() < 0.1  # the last second


def test_a_goal_that_cannot_be_held_is_passed(mind: Mind, body: Pendulum):
    error = drive(mind, body, "90deg", seconds=15)
    assert error.min() < 0.15


def test_a_goal_that_takes_a_torque_is_held(mind: Mind, body: Pendulum):
    error = drive(mind, body, "160deg", seconds=6)
    assert error[-20:].max() < 0.15


def test_a_goal_that_changes_near_by_is_reached_without_falling(mind: Mind, body: Pendulum):
    """From 20 degrees, which take most of the torque: the plan goes on from the last."""
    tilted, upright = read_goal("20deg", body), read_goal("upright", body)
    frame, control = body.reset(0, "hanging"), STILL
    mind.reset(SETTINGS.run.seed)
    for goal, ticks in ((tilted, 120), (upright, 60)):
        mind.set_goal(goal.image)
        angles = []
        for _ in range(ticks):
            control = mind.step(frame, control).controls[0]
            frame = body.step(control)
            angles.append(body.truth().state[0])
        assert angle_error(np.array(angles[-10:]), goal.angle).max() < 0.1
    assert angle_error(np.array(angles), upright.angle).max() < 0.6


def test_a_lost_frame_is_bridged_by_prediction(mind: Mind, body: Pendulum):
    """The belief moves on as predicted, less sure, and a frame brings it back."""
    frame, control, seen = body.reset(3, "gymnasium"), STILL, []
    for tick in range(16):
        lost = 8 <= tick < 11
        seen.append(mind.step(None if lost else frame, control))
        shown = mind._model.encoder(frame)  # what the lost frame would have shown
        if lost:
            apart = np.abs(seen[-1].mean[:2] - np.asarray(shown))
            assert (apart < 4 * seen[-1].std[:2] + 0.02).all()
        control = seen[-1].controls[0]
        frame = body.step(control)
    spread = np.array([np.linalg.norm(step.std[:2]) for step in seen])
    assert spread[10] > 1.2 * spread[7]
    assert spread[11] < spread[10]
    assert seen[9].surprise == 0


@pytest.mark.parametrize("delay", [(2, 0), (0, 2)])
def test_with_a_delay_that_it_knows_it_swings_up_and_stays(delay: tuple[int, int]):
    settings = settings_from(
        read_preset("pendulum"), {"body": {"frame_delay": delay[0], "command_delay": delay[1]}}
    )
    late = body_for(settings)
    knowing = drive(new_mind(settings), late, "upright", seconds=12)[-40:].max()
    assert knowing < 0.05
    if delay[0]:  # it sways where it does not know
        assert drive(new_mind(), late, "upright", seconds=12)[-40:].max() > knowing
    late.close()


STRANGE: dict[str, Callable[[Pendulum, np.random.Generator], np.ndarray]] = {
    "black": lambda body, _: np.zeros(body.spec.frame_shape, np.uint8),
    "white": lambda body, _: np.full(body.spec.frame_shape, 255, np.uint8),
    "noise": lambda body, rng: rng.integers(0, 256, body.spec.frame_shape, dtype=np.uint8),
    "negative": lambda body, rng: 255 - body.picture(rng.uniform(0, 6)),
    "dark": lambda body, rng: body.picture(rng.uniform(0, 6)) // 2,
    "jumping": lambda body, rng: body.picture(rng.uniform(0, 6)),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_strange_pictures_give_torques_all_the_same(mind: Mind, body: Pendulum, kind: str):
    """A light that goes out, a hand before the lens, a body that was pushed: never a torque that
    is not a number, and sound plans again as soon as the pictures are."""
    rng = np.random.default_rng(0)
    for tick in range(45):
        still = tick >= 25
        step = mind.step(body.picture(np.pi) if still else STRANGE[kind](body, rng), STILL)
        for inferred in (step.controls, step.mean, step.planned_mean, step.planned_std):
            assert np.isfinite(inferred).all(), tick
        assert np.abs(step.controls).max() <= 2
    assert np.abs(step.controls).max() > 0.1
    assert np.abs(step.mean[2:]).max() < 0.05  # at rest, as shown


def test_learning_while_acting(mind: Mind, body: Pendulum):
    """It changes what is predicted, not at once what is planned; a reset forgets it."""
    before = bits(play(mind, body, 12))
    mind.reset(SETTINGS.run.seed)
    frame, control, taken = body.reset(3, "gymnasium"), STILL, []
    for _ in range(12):
        taken.append(mind.step(frame, control))
        mind.learn()
        mind.learn()  # nothing more to learn from the same step
        control = taken[-1].controls[0]
        frame = body.step(control)
    assert bits(taken)[:1] == before[:1]
    assert bits(taken)[-1:] != before[-1:]
    mind.reset(SETTINGS.run.seed)
    assert bits(play(mind, body, 12)) == before


def surprises(
    mind: Mind, body: Pendulum, learn: bool, struck_at: int = -1, hidden: range = range(0)
) -> np.ndarray:
    """Of each frame, under controls that the mind has not chosen; a corner may be ``hidden``."""
    rng = np.random.default_rng(4)
    controls = np.repeat(rng.choice([-2.0, 2.0], 30), 8).astype(np.float32)[:, None]
    mind.reset(SETTINGS.run.seed)
    frame, control, found = body.reset(3, "hanging"), STILL, []
    for tick, next_control in enumerate(controls):
        if tick in hidden:
            frame = frame.copy()
            frame[:14, :14] = 0
        found.append(mind.step(frame, control).surprise)
        if learn:
            mind.learn()
        if tick == struck_at:
            body.push(6.0)
        control = next_control
        frame = body.step(control)
    return np.array(found)


@pytest.mark.parametrize("change", ["gravity=8", "mass=0.7", "length=0.8"])
def test_a_body_that_has_changed_is_foretold_better_when_learning(mind, body, change: str):
    usual = body.physics
    try:
        body.alter(read_physics(change))
        learned, trained = (surprises(mind, body, learn)[120:] for learn in (True, False))
    finally:
        body.alter(usual)
    assert np.sqrt(np.mean(learned**2)) < 0.9 * np.sqrt(np.mean(trained**2))


@pytest.mark.parametrize(
    ("struck_at", "hidden"), [(-1, range(0)), (60, range(0)), (-1, range(20, 100))]
)
def test_neither_a_sound_body_nor_a_blow_nor_a_hidden_corner_teaches_wrong(
    mind: Mind, body: Pendulum, struck_at: int, hidden: range
):
    learned, trained = (surprises(mind, body, learn, struck_at, hidden) for learn in (True, False))
    if struck_at > 0:
        assert learned[61] > 10  # the blow itself
    later = slice(100, None)
    assert np.sqrt(np.mean(learned[later] ** 2)) < 1.1 * np.sqrt(np.mean(trained[later] ** 2))


def test_learning_goes_on_after_lost_frames_and_after_a_rest(mind: Mind, body: Pendulum):
    """It may be switched off and on in mid-run: what was learned before stays."""
    frame, control = body.reset(3, "gymnasium"), STILL
    for tick in range(40):
        step = mind.step(None if tick in range(5, 10) else frame, control)
        if tick not in range(15, 25):
            mind.learn()
        control = step.controls[0]
        frame = body.step(control)
        assert np.isfinite(step.mean).all()
    assert step.surprise < 6


def test_it_imagines_what_it_sees_and_where_it_goes(mind: Mind, body: Pendulum):
    play(mind, body, 60)
    frame = body.picture(body.truth().state[0])
    step = mind.step(frame, STILL)
    imagined = mind.imagine()
    assert np.abs(imagined.believed.astype(float) - frame).mean() < 5  # gray levels
    assert imagined.ahead.tolist() == [round(HORIZON * k / 8) for k in range(1, 9)]
    assert imagined.future.shape == (8, 32, 32, 1)
    goal = body.picture(0.0).astype(float)
    assert np.linalg.norm(step.planned_mean[-1, :2] - step.goal) < 0.2
    assert np.abs(imagined.future[-1] - goal).mean() < 5


def test_it_says_beforehand_what_can_be_held(mind: Mind, body: Pendulum):
    angles = np.deg2rad([0, 15, 60, 180])
    assert [mind.can_hold(body.picture(angle)) for angle in angles] == [True, True, False, True]
