"""Ways to goals, imagined in a model that is known to be right."""

import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.jepa.chart import Chart
from jopa_agent.agent.jepa.equipment import Equipment
from jopa_agent.agent.jepa.evidence import PRIOR, REAL, heard, imagination, told_by, trial, tries
from jopa_agent.agent.jepa.graph import Noise
from jopa_agent.agent.jepa.places import moves_px, places_at
from jopa_agent.agent.jepa.roadmap import memory_of, roadmap, search
from scipy.stats import norm

from .perfect import PERFECT

SCENES = jnp.array([[20.0, 15.0], [32.0, 20.0], [44.0, 50.0]])
SCENE = SCENES[1]


@pytest.fixture(scope="module")
def memory():
    grid = np.arange(5.0, 60.0, 2.5)
    latents = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    return memory_of(places_at(PERFECT, jnp.asarray(latents, jnp.float32), SCENES))


@pytest.fixture(scope="module")
def equipment(memory):
    return Equipment(memory, SCENES, Noise(jnp.eye(2), jnp.eye(2)))


def test_steps_between_places_are_told_in_px(memory):
    states = jnp.array([[20.0, 41.0], [50.0, 12.0]])
    step, away = moves_px(states, memory.places)
    exact = np.asarray(states)[:, None] - np.asarray(memory.places.latents)
    np.testing.assert_allclose(step, exact, atol=1e-3)
    np.testing.assert_allclose(away, np.linalg.norm(exact, axis=-1), atol=0.02)


def test_the_map_goes_through_the_door(memory):
    goal = jnp.array([50.0, 45.0])
    known = roadmap(PERFECT, memory, goal, SCENE, SCENES)
    doubt = float(tries(PRIOR + told_by(known.witness, jnp.array(0.0))))  # of any way
    places, steps = np.asarray(known.places.latents), search(known).steps / doubt
    assert steps[-1] == 0
    right = places[:, 0] > 34
    direct = np.linalg.norm(places - np.asarray(goal), axis=1) / 1.8
    assert (steps[right] <= 1.25 * direct[right] + 1).all()
    left = (places[:, 0] < 30) & (places[:, 1] > 40)
    door = np.array([32.0, 20.0])
    around = (np.linalg.norm(places - door, axis=1) + np.linalg.norm(goal - door)) / 1.8
    assert (steps[left] > 0.85 * around[left]).all()
    assert (steps[left] < 1.3 * around[left] + 2).all()


def ticks_to_goal(chart, place, goal, scene, most):
    """The steps until the dot is at the goal among the walls of ``scene``."""
    for tick in range(most):
        if np.linalg.norm(place - goal) < 0.3:
            return tick
        control = chart.way(place, SCENE).controls[0]
        assert np.linalg.norm(control) <= 1.8 + 1e-4
        after = PERFECT.cell(place, scene, control)
        chart.tried(place, control, after)
        place = after
    return most


def test_whoever_follows_the_ways_arrives_and_rests(equipment):
    goal = jnp.array([50.0, 45.0])
    chart = Chart(PERFECT, equipment, goal, SCENE)
    straight = (np.hypot(20, 32) + np.hypot(18, 25)) / 1.8
    assert ticks_to_goal(chart, jnp.array([12.0, 52.0]), goal, SCENE, 80) < 1.3 * straight + 3
    assert np.linalg.norm(chart.way(goal, SCENE).controls[0]) < 0.1


def test_a_dot_that_was_put_elsewhere_goes_on_from_there(equipment):
    goal = jnp.array([50.0, 45.0])
    chart = Chart(PERFECT, equipment, goal, SCENE)
    assert ticks_to_goal(chart, jnp.array([12.0, 52.0]), goal, SCENE, 10) == 10
    straight = np.hypot(12, 35) / 1.8
    assert ticks_to_goal(chart, jnp.array([38.0, 10.0]), goal, SCENE, 80) < 1.3 * straight + 3


def test_a_door_that_imagination_has_elsewhere_is_found_by_trying_and_found_again(equipment):
    start, goal = jnp.array([12.0, 12.0]), jnp.array([50.0, 45.0])
    elsewhere = SCENE.at[1].set(48.0)
    chart = Chart(PERFECT, equipment, goal, SCENE)
    found = ticks_to_goal(chart, start, goal, elsewhere, 200)
    assert found < 200
    forgetful, back = (Chart(PERFECT, equipment, start, SCENE, each) for each in (None, chart))
    again, anew = (ticks_to_goal(each, goal, start, elsewhere, 200) for each in (back, forgetful))
    assert again < anew


def test_what_one_walk_tells_is_bounded_and_falls_with_what_it_misses():
    missed = jnp.linspace(0, 50, 200)
    for witness in (imagination(jnp.array([0.5, jnp.nan, 0.6, 4.0])), REAL):
        told = np.asarray(told_by(witness, missed))
        assert (np.diff(told) <= 1e-6).all()
        assert told[0] > 0
        assert told[-1] == pytest.approx(np.log(witness.wrong / (1 - witness.wrong)), rel=1e-4)
        ratio = [
            norm.pdf(1.0, scale=scale) * norm.pdf(0.0, scale=scale)
            for scale in (witness.open_px, witness.shut_px)
        ]
        right = np.array([1 - witness.wrong, witness.wrong])
        expected = np.log(right @ ratio) - np.log(right[::-1] @ ratio)
        assert told_by(witness, jnp.array(1.0)) == pytest.approx(expected, rel=1e-4)


def test_what_imagined_walks_miss_on_open_ways_is_told_by_the_usual():
    missed = np.random.default_rng(0).rayleigh(0.5, size=4000)
    missed[:200] = 3.0
    assert imagination(jnp.asarray(missed)).open_px == pytest.approx(0.5, rel=0.1)
    assert imagination(jnp.zeros(3)).open_px == pytest.approx(0.3)
    assert imagination(jnp.full(3, 9.0)).open_px == pytest.approx(0.75)


def test_a_stop_tells_of_the_ways_through_the_same_wall_alone():
    place = places_at(PERFECT, jnp.array([[30.0, 40.0]]), SCENES)
    stop = trial(place, jnp.array([1.8, 0.0]), jnp.array([0.5, 0.0]))
    starts = jnp.array([[29.0, 40.0], [29.0, 41.0], [29.0, 45.0], [26.0, 40.0], [30.9, 38.0]])
    moves = jnp.array([[4.0, 0], [4, 0], [4, 0], [3, 0], [0, 4]])[:, None]
    through, beside, door, short, parallel = np.asarray(heard(stop, starts, moves))[:, 0]
    assert through == pytest.approx(float(stop.log_odds[0]), rel=1e-3)
    assert through < beside < 0.5 * through
    np.testing.assert_allclose([door, parallel], 0, atol=1e-3)
    assert abs(short) < abs(beside)
    passed = trial(place, jnp.array([1.8, 0.0]), jnp.array([1.75, 0.1]))
    assert passed.log_odds[0] == 0
