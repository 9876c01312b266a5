"""Ways to goals, imagined in a model that is known to be right."""

import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.jepa.navigate import way_to_goal
from jopa_agent.agent.jepa.places import moves_px, places_at
from jopa_agent.agent.jepa.roadmap import memory_of, roadmap

from .perfect import PERFECT

SCENES = jnp.array([[20.0, 15.0], [32.0, 20.0], [44.0, 50.0]])
SCENE = SCENES[1]


@pytest.fixture(scope="module")
def memory():
    grid = np.arange(5.0, 60.0, 2.5)
    latents = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    return memory_of(places_at(PERFECT, jnp.asarray(latents, jnp.float32), SCENES))


def test_steps_between_places_are_told_in_px(memory):
    states = jnp.array([[20.0, 41.0], [50.0, 12.0]])
    step, away = moves_px(states, memory.places)
    exact = np.asarray(states)[:, None] - np.asarray(memory.places.latents)
    np.testing.assert_allclose(step, exact, atol=1e-3)
    np.testing.assert_allclose(away, np.linalg.norm(exact, axis=-1), atol=0.02)


def test_the_map_goes_through_the_door(memory):
    goal = jnp.array([50.0, 45.0])
    known = roadmap(PERFECT, memory, goal, SCENE, SCENES)
    places, steps = np.asarray(known.places.latents), np.asarray(known.steps)
    assert steps[-1] == 0
    right = places[:, 0] > 34
    direct = np.linalg.norm(places - np.asarray(goal), axis=1) / 1.8
    assert (steps[right] <= 1.2 * direct[right] + 1).all()
    left = (places[:, 0] < 30) & (places[:, 1] > 40)
    door = np.array([32.0, 20.0])
    around = (np.linalg.norm(places - door, axis=1) + np.linalg.norm(goal - door)) / 1.8
    assert (steps[left] > 0.85 * around[left]).all()
    assert (steps[left] < 1.25 * around[left] + 2).all()


def test_whoever_follows_the_ways_arrives(memory):
    goal = jnp.array([50.0, 45.0])
    known = roadmap(PERFECT, memory, goal, SCENE, SCENES)
    place, ticks = jnp.array([12.0, 52.0]), 0
    while np.linalg.norm(place - goal) > 0.3 and ticks < 80:
        way = way_to_goal(PERFECT, place, SCENE, known)
        assert np.linalg.norm(way.controls, axis=1).max() <= 1.8 + 1e-4
        place = PERFECT.cell(place, SCENE, way.controls[0])
        ticks += 1
    straight = (np.hypot(20, 32) + np.hypot(18, 25)) / 1.8
    assert ticks < 1.3 * straight + 3
    still = way_to_goal(PERFECT, place, SCENE, known)
    assert np.linalg.norm(still.controls[0]) < 0.4
