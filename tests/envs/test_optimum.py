"""The optimum: Gymnasium's physics, the regulator's cost near upright, better than known agents."""

from pathlib import Path
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import platformdirs
import pytest
from jopa_agent.envs import make_body
from jopa_agent.envs.camera import Camera
from jopa_agent.envs.optimum import Stay, optimal_returns, optimal_ticks_away, value_function
from jopa_agent.envs.physics import PendulumPhysics, read_physics
from scipy.linalg import solve_discrete_are

COARSE = ((180, 161, 150),)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda _: str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("text", ["", "mass=1.3, length=0.9,gravity=8"])
def test_its_physics_and_costs_are_those_of_the_body(text: str):
    body, physics = make_body("pendulum", Camera(256, 32), text), read_physics(text)
    body.reset(1, "gymnasium")
    with jax.enable_x64(True):
        for torque in np.random.default_rng(0).uniform(-2, 2, 100):
            before = body.truth().state
            body.step(np.array([torque], np.float32))
            torque = float(np.float32(torque))
            after = [float(x) for x in physics.moved(*before, torque)]
            np.testing.assert_allclose(body.truth().state, after, rtol=1e-12, atol=1e-12)
            cost = float(physics.cost(*before, torque))
            assert body.truth().reward == pytest.approx(-cost, rel=1e-9)


def test_near_upright_it_costs_what_the_linear_regulator_does():
    """Riccati's equation, an oracle of its own; what a coarse grid rounds costs a little more."""
    physics = PendulumPhysics()
    step = jax.jacfwd(lambda x, u: jnp.stack(physics.moved(x[0], x[1], u)), (0, 1))
    A, B = (np.asarray(x, float) for x in step(jnp.zeros(2), 0.0))
    regulator = solve_discrete_are(A, B[:, None], np.diag([1, 0.1]), np.array([[0.001]]))
    starts = np.array([[0.1, 0.0], [-0.1, 0.3], [0.05, -0.4], [0.0, 0.0]])
    found = -optimal_returns(physics, starts, 200, COARSE)
    least = np.einsum("ni,ij,nj->n", starts, regulator, starts)
    assert (found >= 0.99 * least).all()
    assert (found <= 1.15 * least + 0.01).all()


def test_the_swing_up_costs_less_than_that_of_any_agent_so_far():
    """The agent that this repository ships costs 336; a full grid finds 298."""
    found = optimal_returns(PendulumPhysics(), np.array([[np.pi, 0.0]]), 200, COARSE)
    assert -315 < found[0] < -295


def test_the_ticks_away_from_a_goal_near_by_are_those_of_full_torque():
    """By trying every way of pushing one way, then the other, which is how time is best used."""
    physics, start, stay = PendulumPhysics(), (np.pi - 0.35, 0.0), Stay(np.pi, 0.1)

    def away(first: int, second: int) -> int:
        angle, speed, count = *start, 0
        for tick in range(30):
            off = (angle - np.pi + np.pi) % (2 * np.pi) - np.pi
            count += abs(off) > stay.tolerance
            brake = np.clip(-1.5 * off - 1.2 * speed, -2, 2)
            torque = 2.0 if tick < first else -2.0 if tick < first + second else brake
            angle, speed = (float(x) for x in physics.moved(angle, speed, torque))
        return count

    tried = min(away(first, second) for first in range(8) for second in range(8))
    found = optimal_ticks_away(physics, stay, np.array([start]), 30, COARSE)
    assert tried - 2 <= found[0] <= tried


def test_a_goal_that_cannot_be_held_has_to_be_left():
    physics, there = PendulumPhysics(), np.array([[np.pi / 2, 0.0], [0.2, 0.0]])
    sideways = optimal_ticks_away(physics, Stay(np.pi / 2, 0.1), there[:1], 60, COARSE)
    assert sideways[0] > 20
    assert optimal_ticks_away(physics, Stay(0.2, 0.1), there[1:], 60, COARSE)[0] == 0


def test_values_are_kept(cache: Path):
    physics = PendulumPhysics(gravity=9.0)
    values = value_function(physics, ((20, 21, 3),))
    (kept,) = (cache / "optimum").iterdir()
    np.testing.assert_array_equal(np.load(kept), values)
    np.save(kept, values + 1)
    np.testing.assert_array_equal(value_function(physics, ((20, 21, 3),)), values + 1)
    kept.write_bytes(b"damaged")
    np.testing.assert_array_equal(value_function(physics, ((20, 21, 3),)), values)
    value_function(physics, ((20, 21, 3),), Stay(0.0, 0.1))
    assert len(list((cache / "optimum").iterdir())) == 2


@pytest.mark.parametrize("text", ["mass", "mass=", "mass=-1", "mass=nan", "mas=1", "mass=1,mass=2"])
def test_physics_that_make_no_sense(text: str):
    with pytest.raises(ValueError, match="physics") as error:
        read_physics(text)
    assert "\n" not in str(error.value)


def test_a_heavier_body_falls_as_gymnasiums_would():
    gym: Any = gymnasium.make("Pendulum-v1", g=8.0).unwrapped
    gym.reset(seed=4)
    body = make_body("pendulum", Camera(256, 32), "gravity=8")
    body.reset(4, "gymnasium")
    for _ in range(50):
        gym.step(np.ones(1))
        body.step(np.ones(1, np.float32))
    np.testing.assert_array_equal(body.truth().state, gym.state)
