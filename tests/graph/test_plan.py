"""Plans against linear-quadratic control that is solved densely, and what holds on any model."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent.graph.gaussian import Belief
from jopa_agent.agent.graph.plan import Trajectory, Wishes, beliefs_along, refine
from scipy.optimize import lsq_linear

HORIZON = 12
FREE = 1e9  # a limit that never binds

refined = jax.jit(refine)  # the number of iterations is data: compiled once for all


class Problem(NamedTuple):
    model: Any
    start: np.ndarray
    wishes: Wishes


def problem(model: Any, seed: int, limit: float) -> Problem:
    """All kinds of wishes at once, different at every step; the limits are not symmetric."""
    rng, n, p = (
        np.random.default_rng(seed),
        model.states,
        len(model.features.scale) - 2 * model.poses,
    )
    wishes = Wishes(
        state=jnp.asarray(0.3 * rng.normal(size=n)),
        precision=jnp.asarray(rng.uniform(0.1, 2, (HORIZON, n))),
        control=jnp.asarray(0.1 * rng.normal(size=p)),
        control_precision=jnp.asarray(rng.uniform(0.05, 0.2, p)),
        epistemic=jnp.asarray(rng.uniform(0, 1, HORIZON)),
        low=jnp.full(p, -limit),
        high=jnp.full(p, 1.2 * limit),
    )
    return Problem(model, 0.3 * rng.normal(size=n), wishes)


def guess(problem: Problem, controls: np.ndarray | None = None) -> Trajectory:
    n, p = problem.start.size, problem.wishes.low.size
    return Trajectory(
        states=jnp.zeros((HORIZON + 1, n)),
        controls=jnp.zeros((HORIZON, p)) if controls is None else jnp.asarray(controls),
        gains=jnp.zeros((HORIZON, p, n)),
    )


def solve(problem: Problem, iterations: int) -> tuple[Trajectory, float]:
    model, start, wishes = problem
    plan, energy = refined(model, jnp.asarray(start), wishes, guess(problem), iterations)
    return plan, float(energy)


class Linear(NamedTuple):
    """``x' = along x + turn u + offset``, and ``r = blind + blind_x x + blind_u u``."""

    along: np.ndarray
    turn: np.ndarray
    offset: np.ndarray
    blind: np.ndarray
    blind_x: np.ndarray
    blind_u: np.ndarray


def linear(oracle: Any, n: int, p: int) -> Linear:
    """What an affine transition is, found by asking it at zero and at the unit vectors."""
    still, at_rest = np.zeros(p), np.zeros(n)
    offset, blind = oracle.mean(at_rest, still), oracle.ignorance(at_rest, still)
    return Linear(
        along=np.stack([oracle.mean(axis, still) - offset for axis in np.eye(n)], 1),
        turn=np.stack([oracle.mean(at_rest, axis) - offset for axis in np.eye(p)], 1),
        offset=offset,
        blind=blind,
        blind_x=np.stack([oracle.ignorance(axis, still) - blind for axis in np.eye(n)], 1),
        blind_u=np.stack([oracle.ignorance(at_rest, axis) - blind for axis in np.eye(p)], 1),
    )


def least_squares(system: Linear, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and aim: the free energy is half of ``|matrix u - aim|²``, ``u`` all controls."""
    _, start, wishes = problem
    p = wishes.low.size
    reach, drift = np.zeros((start.size, HORIZON * p)), start
    rows: list[np.ndarray] = []
    aims: list[np.ndarray] = []

    def ask(weight: np.ndarray, matrix: np.ndarray, aim: np.ndarray) -> None:
        rows.append(np.sqrt(weight)[:, None] * matrix)
        aims.append(np.sqrt(weight) * aim)

    for t in range(HORIZON):
        now = np.eye(HORIZON * p)[t * p : (t + 1) * p]
        epistemic = np.full(system.blind.size, wishes.epistemic[t])
        blind = system.blind + system.blind_x @ drift
        ask(epistemic, system.blind_x @ reach + system.blind_u @ now, -blind)
        ask(np.asarray(wishes.control_precision), now, np.asarray(wishes.control))
        reach = system.along @ reach + system.turn @ now
        drift = system.along @ drift + system.offset
        ask(np.asarray(wishes.precision[t]), reach, np.asarray(wishes.state) - drift)
    return np.concatenate(rows), np.concatenate(aims)


def riccati(system: Linear, wishes: Wishes) -> np.ndarray:
    """Feedback gains of the linear-quadratic regulator, (H, p, n)."""
    value, gains = np.zeros_like(system.along), []
    for t in reversed(range(HORIZON)):
        ahead = value + np.diag(wishes.precision[t])
        share = float(wishes.epistemic[t])
        xx = system.along.T @ ahead @ system.along + share * system.blind_x.T @ system.blind_x
        ux = system.turn.T @ ahead @ system.along + share * system.blind_u.T @ system.blind_x
        uu = system.turn.T @ ahead @ system.turn + share * system.blind_u.T @ system.blind_u
        gains.append(-np.linalg.solve(uu + np.diag(wishes.control_precision), ux))
        value = xx + ux.T @ gains[-1]
    return np.stack(gains[::-1])


@pytest.fixture(params=[(1, 1), (2, 2)], ids="{0[0]} poses, {0[1]} controls".format)
def mild(request: pytest.FixtureRequest, float64: None, make_transition: Callable) -> Any:  # noqa: ARG001
    """An affine transition that does not run away within the horizon."""
    poses, controls = request.param
    model = make_transition(poses, controls, degree=1, control_degree=0, seed=1, ignorance=0.1)
    return replace(model, weights=0.5 * model.weights)


def test_without_limits_one_pass_is_the_linear_quadratic_regulator(mild: Any, plain: Any):
    asked = problem(mild, seed=0, limit=FREE)
    system = linear(plain(mild), asked.start.size, asked.wishes.low.size)
    matrix, aim = least_squares(system, asked)
    best = np.linalg.lstsq(matrix, aim, rcond=None)[0]
    plan, energy = solve(asked, 1)
    np.testing.assert_allclose(plan.controls.reshape(-1), best, rtol=0, atol=1e-9)
    np.testing.assert_allclose(plan.gains, riccati(system, asked.wishes), rtol=0, atol=1e-9)
    assert energy == pytest.approx(0.5 * np.sum((matrix @ best - aim) ** 2), rel=1e-12)


@pytest.mark.parametrize(("limit", "seed"), [(FREE, 0), *((2.0, seed) for seed in range(8))])
@pytest.mark.usefixtures("float64")
def test_two_controls_that_push_almost_alike_are_solved_as_well(
    make_transition: Callable, plain: Any, limit: float, seed: int
):
    """Their posterior is narrow across and wide along; without limits one pass is exact."""
    model = make_transition(1, 2, degree=1, control_degree=0, seed=1)
    model = replace(model, weights=jnp.array([[0.0], [-0.05], [0.02], [0.1], [0.09]]))
    asked = problem(model, seed, limit)
    asked = asked._replace(wishes=replace(asked.wishes, control_precision=jnp.full(2, 0.01)))
    matrix, aim = least_squares(linear(plain(model), 3, 2), asked)
    bounds = [np.tile(np.asarray(x), HORIZON) for x in (asked.wishes.low, asked.wishes.high)]
    best = lsq_linear(matrix, aim, tuple(bounds), method="bvls", tol=1e-14).x
    plan, _ = solve(asked, 1 if limit == FREE else 30)
    np.testing.assert_allclose(plan.controls.reshape(-1), best, rtol=0, atol=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_with_limits_it_is_the_bounded_quadratic_programme(mild: Any, plain: Any, seed: int):
    """Some of the limits bind, some do not; where they bind there is no feedback."""
    asked = problem(mild, seed, limit=0.5)
    low, high = np.asarray(asked.wishes.low), np.asarray(asked.wishes.high)
    system = linear(plain(mild), asked.start.size, low.size)
    matrix, aim = least_squares(system, asked)
    bounds = np.tile(low, HORIZON), np.tile(high, HORIZON)
    best = lsq_linear(matrix, aim, bounds, method="bvls", tol=1e-14).x
    plan, energy = solve(asked, 30)
    np.testing.assert_allclose(plan.controls.reshape(-1), best, rtol=0, atol=1e-7)
    assert energy == pytest.approx(0.5 * np.sum((matrix @ best - aim) ** 2), rel=1e-12)
    bound = (plan.controls <= low) | (plan.controls >= high)
    assert bound.any()
    assert not plan.gains[bound].any()


def test_later_drops_the_first_step_and_repeats_the_last():
    states, controls = jnp.arange(5.0)[:, None], jnp.arange(4.0)[:, None]
    later = Trajectory(states, controls, controls[:, :, None]).later()
    assert later.states[:, 0].tolist() == [1, 2, 3, 4, 4]
    assert later.controls[:, 0].tolist() == [1, 2, 3, 3]
    assert later.gains[:, 0, 0].tolist() == [1, 2, 3, 3]


def curved(make_transition: Callable, seed: int, strength: float = 0.1) -> Problem:
    """A cubic transition; at a ``strength`` of 0.5 many a trajectory leaves all bounds."""
    model = make_transition(2, 1, degree=3, control_degree=2, seed=seed, ignorance=0.1)
    asked = problem(replace(model, weights=strength * model.weights), seed, limit=1.0)
    return asked._replace(start=asked.start * np.repeat([1, 0.2, 0.02], 2))


@given(seed=st.integers(0, 2**31), strength=st.sampled_from([0.1, 0.5]))
@settings(deadline=None, max_examples=30)
def test_the_free_energy_never_rises_and_the_limits_always_hold(
    make_transition: Callable, seed: int, strength: float
):
    asked = curved(make_transition, seed, strength)
    before = np.inf
    for iterations in range(6):
        plan, energy = solve(asked, iterations)
        assert energy <= before
        before = energy
        if energy < 1e30:  # beyond, the model has left float32
            assert (plan.controls >= asked.wishes.low).all()
            assert (plan.controls <= asked.wishes.high).all()
            assert np.isfinite(plan.gains).all()


def test_passes_do_lower_the_free_energy_of_a_curved_model(make_transition: Callable):
    asked = curved(make_transition, 3)
    energies = [solve(asked, iterations)[1] for iterations in range(4)]
    assert energies[3] < 0.9 * energies[0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.usefixtures("float64")
def test_the_plan_is_a_way_of_the_model_and_costs_what_is_said(
    make_transition: Callable, plain: Any, seed: int
):
    asked = curved(make_transition, seed)
    oracle, wishes = plain(asked.model), asked.wishes
    plan, energy = solve(asked, 3)
    state, cost = asked.start, 0.0
    for t, control in enumerate(np.asarray(plan.controls)):
        np.testing.assert_allclose(plan.states[t], state, rtol=0, atol=1e-10)
        cost += 0.5 * wishes.epistemic[t] * np.sum(oracle.ignorance(state, control) ** 2)
        cost += 0.5 * np.sum(wishes.control_precision * (control - wishes.control) ** 2)
        state = oracle.mean(state, control)
        cost += 0.5 * np.sum(wishes.precision[t] * (state - wishes.state) ** 2)
    np.testing.assert_allclose(plan.states[-1], state, rtol=0, atol=1e-10)
    assert energy == pytest.approx(float(cost), rel=1e-12)


@pytest.mark.usefixtures("float64")
def test_a_guess_is_rolled_out_under_its_own_feedback(make_transition: Callable, plain: Any):
    asked, rng = curved(make_transition, 5), np.random.default_rng(0)
    n = asked.start.size
    nominal = Trajectory(
        states=jnp.asarray(0.1 * rng.normal(size=(HORIZON + 1, n))),
        controls=jnp.asarray(rng.uniform(-0.9, 0.9, (HORIZON, 1))),
        gains=jnp.asarray(0.5 * rng.normal(size=(HORIZON, 1, n))),
    )
    plan, _ = refined(asked.model, jnp.asarray(asked.start), asked.wishes, nominal, 0)
    state = asked.start
    for t in range(HORIZON):
        control = nominal.controls[t] + nominal.gains[t] @ (state - nominal.states[t])
        control = np.clip(control, asked.wishes.low, asked.wishes.high)
        np.testing.assert_allclose(plan.controls[t], control, rtol=0, atol=1e-10)
        state = plain(asked.model).mean(state, np.asarray(control))


@pytest.mark.usefixtures("float64")
def test_beliefs_along_a_plan_are_those_of_the_closed_loop(make_transition: Callable, plain: Any):
    asked, rng = curved(make_transition, 6), np.random.default_rng(1)
    oracle, (plan, _) = plain(asked.model), solve(asked, 3)
    root = 0.1 * np.tril(rng.normal(size=(asked.start.size,) * 2))
    belief = Belief(jnp.asarray(asked.start), jnp.asarray(root))
    ahead, cov = beliefs_along(asked.model, belief, plan), root @ root.T
    np.testing.assert_array_equal(ahead.mean, plan.states[1:])
    for t in range(HORIZON):
        state, control = np.asarray(plan.states[t]), np.asarray(plan.controls[t])
        along, turn = oracle.jacobians(state, control)
        closed = along + turn @ plan.gains[t]
        cov = closed @ cov @ closed.T + oracle.noise(state, control)
        np.testing.assert_allclose(
            ahead.root[t] @ ahead.root[t].T, cov, rtol=0, atol=1e-9 * cov.max()
        )
