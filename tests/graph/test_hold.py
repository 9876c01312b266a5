"""The holding control against what can be solved by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.check import replaced
from jopa_agent.agent.graph.hold import effort_std, holding_control
from scipy.optimize import brentq

from .transitions import PlainMotion, make_transition

held = jax.jit(holding_control)


def at_rest(model: Any, *pose: float) -> np.ndarray:
    return np.concatenate([pose, np.zeros(2 * model.outputs)])


def ask(model: Any, state: np.ndarray, low: list[float], high: list[float]) -> tuple[Any, float]:
    control, effort = held(model, jnp.asarray(state), jnp.asarray(low), jnp.asarray(high))
    return np.asarray(control), float(effort)


@pytest.mark.parametrize("pose", [-0.4, 0.0, 0.9])
@pytest.mark.usefixtures("float64")
def test_one_control_on_one_pose_cancels_the_push(pose: float):
    """The velocity, here not zero, stays what it is in spite of a disturbance."""
    model = make_transition(1, 1, degree=3, control_degree=2, seed=3)
    state = np.array([pose, 0.2, -0.05])

    def change(control: float) -> float:
        return PlainMotion(model).mean(state, np.array([control]))[1] - state[1]

    expected: Any = brentq(change, -100, 100, xtol=1e-13)
    low, high = expected - 1.0, expected + 3.0
    control, effort = ask(model, state, [low], [high])
    # a ridge of one millionth keeps the solution from running away where controls do nothing
    assert control[0] == pytest.approx(expected, abs=2e-6 * 2)
    assert effort == pytest.approx(0.5, rel=1e-5)  # 1 away from the middle, of a half range of 2


@pytest.mark.usefixtures("float64")
def test_the_limits_bind_and_the_effort_says_by_how_much():
    model = make_transition(1, 1, degree=1, control_degree=0, seed=3)
    state = at_rest(model, 0.5)
    push, with_control = (PlainMotion(model).mean(state, np.array([u]))[1] for u in (0.0, 1.0))
    needed = -push / (with_control - push)
    limit = abs(needed) / 2.5
    control, effort = ask(model, state, [-limit], [limit])
    assert control[0] == pytest.approx(np.sign(needed) * limit, rel=1e-12)
    assert effort == pytest.approx(2.5, rel=1e-5)


@pytest.mark.usefixtures("float64")
def test_with_fewer_controls_than_poses_the_noise_weighs_them():
    """Generalised least squares: the mode of ``exp(-(push + turn u)ᵀ Q⁻¹ (push + turn u) / 2)``."""
    model = make_transition(2, 1, degree=1, control_degree=0, seed=5)
    root = np.array([[0.05, 0.0], [0.04, 0.01]])
    scatter = jnp.asarray(model.posterior.dof * root @ root.T)
    model = model.believing(replaced(model.posterior, inverse_scale=scatter))
    state = at_rest(model, 0.3, -0.2)
    push = PlainMotion(model).mean(state, np.zeros(1))[2:4]
    turn = PlainMotion(model).mean(state, np.ones(1))[2:4] - push
    weigh = np.linalg.inv(root @ root.T)
    expected = -(turn @ weigh @ push) / (turn @ weigh @ turn)
    control, effort = ask(model, state, [-100.0], [100.0])
    assert control[0] == pytest.approx(expected, rel=1e-5)
    assert effort == pytest.approx(abs(expected) / 100, rel=1e-5)


@pytest.mark.usefixtures("float64")
def test_two_controls_on_two_poses_cancel_both_pushes():
    model = make_transition(2, 2, degree=2, control_degree=1, seed=7)
    state = at_rest(model, 0.3, -0.2)
    control, _ = ask(model, state, [-50.0, -50.0], [50.0, 50.0])
    after = PlainMotion(model).mean(state, control)
    np.testing.assert_allclose(after, state, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("float64")
def test_the_effort_is_doubted_as_draws_of_pose_and_parameters_scatter_it():
    model = make_transition(1, 1, degree=2, control_degree=0, seed=4)
    state, rng = at_rest(model, 0.4), np.random.default_rng(0)
    low, high, pose_std = np.array([-3.0]), np.array([3.0]), 0.01
    found = effort_std(model, jnp.asarray(state), jnp.asarray([[pose_std**2]]), low, high)
    weights, cov = np.asarray(model.layer.mean), np.asarray(model.layer.doubt_root)
    noise = np.asarray(model.layer.noise_root)[0, 0]
    efforts = []
    for _ in range(4000):
        drawn = weights + noise * (cov @ rng.normal(size=cov.shape[1]))
        other = model.believing(replaced(model.posterior, mean=jnp.asarray(drawn)))
        moved = state + np.array([pose_std * rng.normal(), 0.0, 0.0])
        efforts.append(held(other, jnp.asarray(moved), low, high).effort)
    assert float(found) == pytest.approx(np.std(efforts), rel=0.1)
