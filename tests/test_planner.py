"""Plans with the shipped model: what they cost, against the written energy in numpy float64."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.gaussian import Belief
from jopa_agent.agent.graph.motion import start_belief
from jopa_agent.agent.learning.checkpoint import load_model
from jopa_agent.agent.model import Model
from jopa_agent.agent.planner import Outcome, Wish, no_intent, plan, wish_against, wish_for
from jopa_agent.configs.sections import Planner
from jopa_agent.configs.settings import read_preset, settings_from, shipped_model
from jopa_agent.envs.camera import Camera
from jopa_agent.envs.pendulum import Pendulum

from .graph.transitions import PlainMotion

PRESET = settings_from(read_preset("pendulum"), {})
SETTINGS = PRESET.planner.model_copy(
    update={
        "horizon": 14,
        "iterations": 4,
        "hypotheses": 3,
        "control_precision": 2.0,
        "reserve": 0.0,
    }
)
POSE = np.array([0.8, -0.5])
FAR, BESIDE = (-0.6, 0.7), (0.5, -0.3)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(shipped_model("pendulum"), PRESET.body)


def wish(can_be_held: bool, control: float = 0.3, goal: np.ndarray = POSE) -> Wish:
    state = jnp.asarray(np.concatenate([goal, np.zeros(4)]), jnp.float32)
    blind = jnp.zeros((SETTINGS.horizon, 1, 6))
    return Wish(state, jnp.array([control]), jnp.asarray(can_be_held), blind)


def believed(model: Model, pose: tuple[float, float] = FAR) -> Belief:
    start = start_belief(model.transition, jnp.array(pose))
    return Belief.of(start.mean.at[2:].set(0.02), 0.02 * start.root)


def planned(
    model: Model,
    wish: Wish,
    settings: Planner = SETTINGS,
    pose: tuple[float, float] = FAR,
) -> Outcome:
    query = jax.jit(partial(plan, settings))
    intent = no_intent(model, settings.horizon)
    return query(model, wish, believed(model, pose), intent, jax.random.key(4))


def excess(model: Model, wished: Wish, doubts: list[np.ndarray]) -> float:
    """Squares of the doubts beyond that of the rest at the goal, for each of the two outputs."""
    there = PlainMotion(model.transition).doubt(np.asarray(wished.state, float), np.array([0.3]))
    return float(sum(np.sum((doubt - there) ** 2) for doubt in doubts)) / 2


def ways(
    model: Model, found: Outcome, pose: tuple[float, float] = FAR
) -> tuple[np.ndarray, list[np.ndarray]]:
    """States at steps 0 ... H, and what is doubted on the way, by the plain model."""
    oracle, doubts = PlainMotion(model.transition), []
    states = [np.asarray(believed(model, pose).mean)]
    for control in np.asarray(found.controls, float):
        doubts.append(oracle.doubt(states[-1], control))
        states.append(oracle.mean(states[-1], control))
    return np.stack(states), doubts


def effort(found: Outcome, model: Model, control: float) -> float:
    half = 0.5 * (float(model.control_high[0]) - float(model.control_low[0]))
    away = (np.asarray(found.controls, float) - control) / half
    return float(0.5 * SETTINGS.control_precision * np.sum(away**2))


@pytest.mark.parametrize("pose", [FAR, BESIDE])
def test_a_goal_that_can_be_held_is_wished_for_at_every_step(model: Model, pose):
    """At rest in its pose, the last step more than the others; and controls and doubt cost their
    share, less beside the goal."""
    found = planned(model, wish(True), pose=pose)
    states, doubts = ways(model, found, pose)
    np.testing.assert_allclose(found.ahead_mean, states[1:], rtol=0, atol=1e-3)
    features: Any = model.transition.features
    speed = SETTINGS.goal_velocity_weight / np.asarray(features.scale[2:4], float) ** 2
    weights = np.concatenate([np.ones(2), speed, np.zeros(2)])
    away = (states[1:] - np.asarray(wish(True).state)) ** 2 @ weights
    away[-1] *= SETTINGS.goal_final_factor
    beside = np.exp(-0.5 * np.sum((states[0, :2] - POSE) ** 2) / 0.7**2)
    expected = 0.5 * away.sum() + (1 - 0.96 * beside) * effort(found, model, 0.3)
    caution = SETTINGS.epistemic_weight * (1 - beside)
    expected += 0.5 * caution * excess(model, wish(True), doubts)
    assert float(found.energy) == pytest.approx(expected, rel=1e-3)
    assert found.intent.arrival == 0


def test_a_goal_that_cannot_be_held_is_passed_at_one_step(model: Model):
    """Its pose alone counts, at the arrival, and each tick of waiting costs a little."""
    found = planned(model, wish(False))
    states, doubts = ways(model, found)
    arrival = int(found.intent.arrival) + 1
    assert 4 <= arrival <= SETTINGS.horizon
    away = np.sum((states[arrival, :2] - POSE) ** 2)
    expected = 0.5 * 100 * away + effort(found, model, 0.3) + 0.05 * arrival
    expected += 0.5 * SETTINGS.epistemic_weight * excess(model, wish(False), doubts[:arrival])
    assert float(found.energy) == pytest.approx(expected, rel=1e-3)


def test_more_passes_cost_less_and_keep_the_limits(model: Model):
    energies = []
    for iterations in (1, 8):
        settings = SETTINGS.model_copy(update={"iterations": iterations})
        found = planned(model, wish(True), settings)
        energies.append(float(found.energy))
        assert (found.controls >= model.control_low).all()
        assert (found.controls <= model.control_high).all()
    assert energies[1] < energies[0]


def test_a_body_that_falls_is_caught_at_once(model: Model):
    """Beside a goal that is not stable, without a plan yet: all controls that are guessed let the
    body fall, and only the feedback that keeps the goal does not."""
    camera = Pendulum(Camera(256, 32))
    goal = wish_for(PRESET.planner, model, camera.picture(0.0))
    for angle in (0.1, -0.1, 0.2, -0.2):
        fallen = start_belief(model.transition, model.at_rest(camera.picture(angle))[:2])
        found = jax.jit(partial(plan, PRESET.planner))(
            model, goal, fallen, no_intent(model, PRESET.planner.horizon), jax.random.key(0)
        )
        away = np.linalg.norm(found.ahead_mean[:, :2] - goal.state[:2], axis=1)
        begun = np.linalg.norm(fallen.mean[:2] - goal.state[:2])
        assert away.max() < 1.2 * begun
        assert away[-1] < 0.5 * begun


def test_a_swing_that_takes_all_torque_in_one_sense_is_found_without_a_plan(model: Model):
    """From rest, too far out to be driven up at once: down and up the other side, all the way at
    one limit. Four guesses, with no plan yet, cost no more than 64 do, most of the time."""
    camera = Pendulum(Camera(256, 32))
    goal = wish_for(PRESET.planner, model, camera.picture(0.0))

    def energies(hypotheses: int, pose: np.ndarray) -> np.ndarray:
        settings = PRESET.planner.model_copy(update={"hypotheses": hypotheses})
        resting = start_belief(model.transition, jnp.asarray(pose))
        query = partial(plan, settings, model, goal, resting, no_intent(model, settings.horizon))
        keys = jax.random.split(jax.random.key(0), 8)
        return np.asarray(jax.jit(jax.vmap(lambda key: query(key).energy))(keys))

    found = []
    for angle in (1.8, -1.8, 1.9, -1.9, 2.0, -2.0, 2.1, -2.1):
        pose = np.asarray(model.at_rest(camera.picture(angle))[:2])
        found.append(energies(4, pose) < 1.05 * energies(64, pose).min())
    assert np.mean(found) >= 0.5


def test_the_next_tick_begins_with_this_plan_one_tick_later(model: Model):
    found = planned(model, wish(True))
    carried = found.intent.trajectory
    np.testing.assert_array_equal(carried.controls[:-1], found.controls[1:])
    np.testing.assert_array_equal(carried.controls[-1], found.controls[-1])
    np.testing.assert_array_equal(carried.states[:-1], found.ahead_mean)


def beyond_reserve(model: Model, control: float, reserve: float) -> tuple[np.ndarray, np.ndarray]:
    """By how much plans that keep half of what is left go beyond ``reserve``, and plans that keep
    nothing: summed over their ticks, below the lower limit's and above the upper's. From hanging
    to either side."""
    free = SETTINGS.model_copy(update={"control_precision": 0.01})
    limit = 2 - np.minimum(np.arange(14) / 5, 1) * reserve
    camera = Pendulum(Camera(256, 32))
    poses = {angle: np.asarray(model.at_rest(camera.picture(angle))[:2]) for angle in (2.1, -2.1)}
    hanging = tuple(np.asarray(model.at_rest(camera.picture(np.pi))[:2]))
    beyond = {0.5: np.zeros(2), 0.0: np.zeros(2)}
    for share, total in beyond.items():
        settings = free.model_copy(update={"reserve": share})
        for goal in poses.values():
            way = planned(model, wish(True, control, goal), settings, hanging).controls[:, 0]
            total += [np.maximum(side * way - limit, 0).sum() for side in (-1, 1)]
    return beyond[0.5], beyond[0.0]


def test_later_ticks_to_a_goal_that_is_hard_to_hold_leave_control_at_the_nearer_limit(model: Model):
    """Half of what holding leaves there, a tenth of the control at most; at once it is all there.
    They hardly go beyond, as that costs, and on the other side they take what they want."""
    at_nearer, at_other = np.zeros(2), np.zeros(2)
    for control, reserve in ((1.6, 0.2), (-1.6, 0.2), (1.0, 0.2), (-1.9, 0.05)):
        low, high = np.transpose(beyond_reserve(model, control, reserve))
        at_nearer += high if control > 0 else low
        at_other += low if control > 0 else high
    assert at_nearer[0] < 0.5 * at_nearer[1]
    assert at_other[0] > 0.7 * at_other[1]


def test_later_ticks_to_a_goal_that_is_easy_to_hold_leave_control_at_both_limits(model: Model):
    kept, free = beyond_reserve(model, 0.0, 0.2)
    assert (kept < 0.7 * free).all()


def test_nothing_is_held_back_on_the_way_to_a_goal_that_is_only_passed(model: Model):
    kept, free = (
        planned(model, wish(False, 1.6), SETTINGS.model_copy(update={"reserve": share}))
        for share in (0.5, 0.0)
    )
    np.testing.assert_array_equal(kept.controls, free.controls)


def test_a_reserve_on_one_side_does_not_forbid_the_other(model: Model):
    """From rest at a goal on one side of the upright to one on the other, which take much of the
    torque in opposite directions: the way over is short, and planned at once."""
    camera = Pendulum(Camera(256, 32))
    here, there = (wish_for(PRESET.planner, model, camera.picture(x)) for x in (0.17, -0.35))
    assert here.can_be_held
    assert there.can_be_held
    resting = start_belief(model.transition, here.state[:2])
    found = jax.jit(partial(plan, PRESET.planner))(
        model, there, resting, no_intent(model, PRESET.planner.horizon), jax.random.key(0)
    )
    away = np.linalg.norm(found.ahead_mean[:, :2] - there.state[:2], axis=1)
    assert away.max() < 1.05 * np.linalg.norm(here.state[:2] - there.state[:2])
    assert away[19:].max() < 0.3


def test_the_wished_control_holds_the_goal_against_the_disturbance_believed_in(model: Model):
    upright = wish_for(PRESET.planner, model, Pendulum(Camera(256, 32)).picture(0.0))
    oracle = PlainMotion(model.transition)
    pushed = oracle.mean(np.asarray(upright.state, float), np.array([0.8]))[2:4]
    still = oracle.mean(np.asarray(upright.state, float), np.zeros(1))[2:4]
    belief = believed(model)
    belief = Belief.of(belief.mean.at[4:].set(pushed - still), belief.root)
    told = wish_against(model, upright, belief)
    assert float(upright.control[0]) - float(told.control[0]) == pytest.approx(0.8, abs=0.05)
    np.testing.assert_array_equal(told.state, upright.state)
