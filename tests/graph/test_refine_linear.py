"""Plans of affine transitions against linear-quadratic control that is solved densely."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.planning import Driven
from jopa_agent.agent.graph.refine import Wishes, feedback
from jopa_agent.agent.graph.rows import Rows
from scipy.optimize import lsq_linear

from .plans import FREE, HORIZON, Problem, no_reserve, problem, solve
from .transitions import Kind, PlainMotion, known_linear, learned_linear, make_transition, with_mean


class Linear(NamedTuple):
    """``x' = along x + turn u + offset``, and the doubt ``r = blind + blind_x x + blind_u u``."""

    along: np.ndarray
    turn: np.ndarray
    offset: np.ndarray
    blind: np.ndarray
    blind_x: np.ndarray
    blind_u: np.ndarray


def slope_of(function: Callable, size: int) -> np.ndarray:
    """Of an affine ``function`` of ``size`` inputs."""
    here = function(np.zeros(size))
    return np.stack([function(axis) - here for axis in np.eye(size)], 1)


def linear(oracle: Any, n: int, p: int) -> Linear:
    """What an affine transition is, found by asking it at zero and at the unit vectors."""
    still, at_rest = np.zeros(p), np.zeros(n)
    return Linear(
        along=slope_of(lambda x: oracle.mean(x, still), n),
        turn=slope_of(lambda u: oracle.mean(at_rest, u), p),
        offset=oracle.mean(at_rest, still),
        blind=oracle.doubt(at_rest, still),
        blind_x=slope_of(lambda x: oracle.doubt(x, still), n),
        blind_u=slope_of(lambda u: oracle.doubt(at_rest, u), p),
    )


def least_squares(system: Linear, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and aim: the energy is half of ``|matrix z - aim|²``, ``z`` all controls, and the
    deviation of the first state behind them."""
    _, start, goals, wishes, root = problem
    p, k = wishes.low.size, root.shape[1]
    size = HORIZON * p + k
    reach, drift = np.concatenate([np.zeros((start.size, HORIZON * p)), root], 1), start
    rows, aims = [np.eye(size)[HORIZON * p :]], [np.zeros(k)]

    def ask(t: int) -> None:
        matrix, value = np.asarray(goals.matrix[t]), np.asarray(goals.value[t])
        rows.append(matrix @ reach)
        aims.append(value - matrix @ drift)

    ask(0)
    for t in range(HORIZON):
        now = np.eye(size)[t * p : (t + 1) * p]
        caution = np.sqrt(float(wishes.caution[t]))
        rows.append(caution * (system.blind_x @ reach + system.blind_u @ now))
        blind = system.blind - np.asarray(wishes.accepted)
        aims.append(-caution * (blind + system.blind_x @ drift))
        upper = np.linalg.cholesky(np.asarray(wishes.control_precision[t])).T
        rows.append(upper @ now)
        aims.append(upper @ np.asarray(wishes.control[t]))
        reach = system.along @ reach + system.turn @ now
        drift = system.along @ drift + system.offset
        ask(t + 1)
    return np.concatenate(rows), np.concatenate(aims)


def energy_at(matrix: np.ndarray, aim: np.ndarray, best: np.ndarray, goals: Rows) -> float:
    """The energy counts what the goals' densities are worth at their best."""
    return 0.5 * np.sum((matrix @ best - aim) ** 2) - float(goals.log_scale.sum())


def riccati(system: Linear, problem: Problem) -> np.ndarray:
    """Feedback gains of the linear-quadratic regulator, (H, p, n)."""
    goals, wishes = problem.goals, problem.wishes
    value, gains = np.zeros_like(system.along), []
    for t in reversed(range(HORIZON)):
        matrix = np.asarray(goals.matrix[t + 1])
        ahead = value + matrix.T @ matrix
        share = float(wishes.caution[t])
        xx = system.along.T @ ahead @ system.along + share * system.blind_x.T @ system.blind_x
        ux = system.turn.T @ ahead @ system.along + share * system.blind_u.T @ system.blind_x
        uu = system.turn.T @ ahead @ system.turn + share * system.blind_u.T @ system.blind_u
        gains.append(-np.linalg.solve(uu + np.asarray(wishes.control_precision[t]), ux))
        value = xx + ux.T @ gains[-1]
    return np.stack(gains[::-1])


def mild_motion(poses: int, controls: int) -> Kind:
    """An affine transition that does not run away within the horizon."""
    model = make_transition(poses, controls, degree=1, control_degree=0, seed=1, ignorance=0.1)
    model = with_mean(model, 0.5 * model.posterior.mean)
    return Kind(model, PlainMotion(model))


MILD = {
    "motion of one pose": partial(mild_motion, 1, 1),
    "motion of two poses": partial(mild_motion, 2, 2),
    "known linear": known_linear,
    "learned linear": learned_linear,
}


@pytest.fixture(params=MILD)
def mild(request: pytest.FixtureRequest, float64: None) -> Kind:  # noqa: ARG001
    return MILD[request.param]()


@pytest.mark.parametrize("columns", [0, 2])
def test_without_limits_one_pass_is_the_linear_quadratic_regulator(mild: Kind, columns: int):
    """From a first state that is known, or with one that is found as well."""
    asked = problem(mild.model, seed=0, limit=FREE, columns=columns)
    system = linear(mild.plain, asked.start.size, asked.wishes.low.size)
    matrix, aim = least_squares(system, asked)
    best = np.linalg.lstsq(matrix, aim, rcond=None)[0]
    plan, energy = solve(asked, 1)
    controls, first = np.split(best, [plan.controls.size])
    np.testing.assert_allclose(plan.controls.reshape(-1), controls, rtol=0, atol=1e-9)
    np.testing.assert_allclose(plan.states[0], asked.start + asked.root @ first, rtol=0, atol=1e-9)
    np.testing.assert_allclose(plan.gains, riccati(system, asked), rtol=0, atol=1e-9)
    assert energy == pytest.approx(energy_at(matrix, aim, best, asked.goals), rel=1e-11)
    law = feedback(asked.model, lambda _: asked.goals, asked.wishes, plan)
    np.testing.assert_allclose(law, riccati(system, asked), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("limit", "seed"), [(FREE, 0), *((2.0, seed) for seed in range(8))])
@pytest.mark.usefixtures("float64")
def test_two_controls_that_push_almost_alike_are_solved_as_well(limit: float, seed: int):
    """Their posterior is narrow across and wide along; without limits one pass is exact."""
    model = make_transition(1, 2, degree=1, control_degree=0, seed=1)
    model = with_mean(model, np.array([[0.0, -0.05, 0.02, 0.1, 0.09]]))
    asked = problem(model, seed, limit)
    light = jnp.broadcast_to(0.01 * jnp.eye(2), (HORIZON, 2, 2))
    asked = asked._replace(wishes=replace(asked.wishes, control_precision=light))
    matrix, aim = least_squares(linear(PlainMotion(model), 3, 2), asked)
    bounds = [np.tile(np.asarray(x), HORIZON) for x in (asked.wishes.low, asked.wishes.high)]
    best = lsq_linear(matrix, aim, tuple(bounds), method="bvls", tol=1e-14).x
    plan, _ = solve(asked, 1 if limit == FREE else 30)
    np.testing.assert_allclose(plan.controls.reshape(-1), best, rtol=0, atol=1e-8)


@pytest.mark.parametrize(("seed", "columns"), [(0, 0), (1, 0), (2, 2), (3, 2)])
def test_with_limits_it_is_the_bounded_quadratic_programme(mild: Kind, seed: int, columns: int):
    """Some of the limits bind, some do not; where they bind there is no feedback."""
    asked = problem(mild.model, seed, FREE, columns)
    system = linear(mild.plain, asked.start.size, asked.wishes.low.size)
    matrix, aim = least_squares(system, asked)
    free = np.linalg.lstsq(matrix, aim, rcond=None)[0]
    limit = np.quantile(np.abs(free[: len(free) - columns]), 0.8)
    low, high = np.full(mild.model.controls, -limit), np.full(mild.model.controls, 1.2 * limit)
    wishes = replace(asked.wishes, low=jnp.asarray(low), high=jnp.asarray(high))
    asked = asked._replace(wishes=wishes)
    wide = np.full(columns, np.inf)
    bounds = tuple(
        np.concatenate([np.tile(limit, HORIZON), side * wide])
        for limit, side in ((low, -1), (high, 1))
    )
    best = lsq_linear(matrix, aim, bounds, method="bvls", tol=1e-14).x
    plan, energy = solve(asked, 40)
    controls = best[: plan.controls.size]
    np.testing.assert_allclose(plan.controls.reshape(-1), controls, rtol=0, atol=1e-7)
    assert energy == pytest.approx(energy_at(matrix, aim, best, asked.goals), rel=1e-11)
    bound = (plan.controls <= low) | (plan.controls >= high)
    assert bound.any()
    assert not bound.all()
    assert not plan.gains[bound].any()


@pytest.mark.parametrize(("seed", "columns"), [(0, 0), (1, 0), (2, 2), (3, 2)])
def test_a_reserve_is_gone_into_as_far_as_it_is_worth(mild: Kind, seed: int, columns: int):
    """Bounded least squares: each control is a part within the bounds of the reserve, and one that
    is paid for."""
    asked, rng = problem(mild.model, seed, FREE, columns), np.random.default_rng(seed)
    system = linear(mild.plain, asked.start.size, asked.wishes.low.size)
    matrix, aim = least_squares(system, asked)
    shape = asked.wishes.control.shape
    count = asked.wishes.control.size
    free = np.linalg.lstsq(matrix, aim, rcond=None)[0][:count]
    width = np.quantile(np.abs(free), rng.uniform(0.3, 0.7, shape))
    price = rng.uniform(0.1, 2.0, shape)
    spare = {"spare_low": -0.8 * width, "spare_high": width, "spare_precision": price}
    wishes = replace(asked.wishes, **{name: jnp.asarray(value) for name, value in spare.items()})
    asked = asked._replace(wishes=wishes)
    paid = np.zeros((count, matrix.shape[1]))
    both = np.block([[matrix, matrix[:, :count]], [paid, np.diag(np.sqrt(price.reshape(-1)))]])
    wide = np.full(columns + count, np.inf)
    bounds = (
        np.concatenate([-0.8 * width.reshape(-1), -wide]),
        np.concatenate([width.reshape(-1), wide]),
    )
    best = lsq_linear(both, np.concatenate([aim, np.zeros(count)]), bounds, "bvls", tol=1e-14).x
    plan, energy = solve(asked, 40)
    controls = best[:count] + best[-count:]
    np.testing.assert_allclose(plan.controls.reshape(-1), controls, rtol=0, atol=1e-7)
    within = energy_at(both, np.concatenate([aim, np.zeros(count)]), best, asked.goals)
    assert energy == pytest.approx(within, rel=1e-11)
    beyond = asked.wishes.beyond(plan.controls) != 0
    assert beyond.any()
    assert not beyond.all()


@pytest.mark.parametrize("columns", [0, 5])  # more than the state has coordinates
@pytest.mark.parametrize("rank", [3, 1])
@pytest.mark.usefixtures("float64")
def test_noises_are_controls_with_a_prior_of_their_own(columns: int, rank: int):
    """The most probable controls, noises and first state together: one dense least squares."""
    kind = known_linear(rank=rank)
    driven = Driven(kind.model, "variational")
    n, p = 3, 2
    noise = np.asarray(driven.noise(jnp.zeros(n), jnp.zeros(p)))
    np.testing.assert_allclose(
        noise @ noise.T, kind.plain.noise(np.zeros(n), np.zeros(p)), rtol=0, atol=1e-14
    )
    q = noise.shape[1]
    asked = problem(kind.model, seed=0, limit=FREE, columns=columns)
    precision = jax.vmap(lambda x: jax.scipy.linalg.block_diag(x, jnp.eye(q)))
    wide = Wishes(
        control=jnp.pad(asked.wishes.control, ((0, 0), (0, q))),
        control_precision=precision(asked.wishes.control_precision),
        caution=asked.wishes.caution,
        accepted=asked.wishes.accepted,
        curiosity=asked.wishes.curiosity,
        outputs=asked.wishes.outputs,
        low=jnp.full(p + q, -FREE),
        high=jnp.full(p + q, FREE),
        **no_reserve(p + q),
    )
    asked = asked._replace(model=driven, wishes=wide)
    system = linear(kind.plain, n, p)
    both = system._replace(
        turn=np.concatenate([system.turn, noise], 1),
        blind_u=np.zeros((0, p + q)),
    )
    matrix, aim = least_squares(both, asked)
    best = np.linalg.lstsq(matrix, aim, rcond=None)[0]
    plan, energy = solve(asked, 1)
    controls, first = np.split(best, [plan.controls.size])
    np.testing.assert_allclose(plan.controls.reshape(-1), controls, rtol=0, atol=1e-9)
    start = asked.start + asked.root @ first
    np.testing.assert_allclose(plan.states[0], start, rtol=0, atol=1e-9)
    np.testing.assert_allclose(plan.gains, riccati(both, asked), rtol=0, atol=1e-9)
    assert energy == pytest.approx(energy_at(matrix, aim, best, asked.goals), rel=1e-11)
