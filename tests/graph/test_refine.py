"""Plans against linear-quadratic control that is solved densely, and what holds on any model."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Array
from jopa_agent.agent.graph.gaussian import Belief
from jopa_agent.agent.graph.planning import Driven
from jopa_agent.agent.graph.refine import (
    Trajectory,
    Wishes,
    beliefs_along,
    feedback,
    refine,
)
from jopa_agent.agent.graph.rows import Rows
from scipy.optimize import lsq_linear

from .transitions import (
    KINDS,
    Kind,
    PlainMotion,
    jacobians,
    known_linear,
    learned_linear,
    make_transition,
    with_mean,
)

HORIZON = 12
FREE = 1e9  # a limit that never binds


@jax.jit  # the number of iterations is data: compiled once for all
def refined(model, start, goals, wishes, guess, iterations):
    return refine(model, start, lambda _: goals, wishes, guess, iterations)


class Problem(NamedTuple):
    model: Any
    start: np.ndarray
    goals: Rows
    wishes: Wishes
    root: np.ndarray  # of the belief about the first state

    @property
    def belief(self) -> Belief:
        return Belief.of(jnp.asarray(self.start), jnp.asarray(self.root))


def problem(model: Any, seed: int, limit: float, columns: int = 0) -> Problem:
    """All kinds of wishes at once, different at every step; the limits are not symmetric, and the
    first state is uncertain in ``columns`` directions."""
    rng, n, p = np.random.default_rng(seed), model.dim, model.controls
    matrix = 0.5 * rng.normal(size=(HORIZON + 1, n + 1, n))
    mixing = rng.normal(size=(HORIZON, p, p))
    precision = rng.uniform(0.05, 0.2, HORIZON)[:, None, None] * (
        np.eye(p) + mixing @ mixing.transpose(0, 2, 1) / (p + 1)
    )
    goals = Rows(
        jnp.asarray(matrix),
        jnp.asarray(matrix @ (0.3 * rng.normal(size=n)) + 0.1 * rng.normal(size=n + 1)),
        jnp.asarray(rng.normal(size=HORIZON + 1)),
    )
    wishes = Wishes(
        control=jnp.asarray(0.1 * rng.normal(size=(HORIZON, p))),
        control_precision=jnp.asarray(precision),
        caution=jnp.asarray(rng.uniform(0, 1, HORIZON)),
        accepted=model.doubt(*(jnp.asarray(0.1 * rng.normal(size=k)) for k in (n, p))),
        curiosity=jnp.zeros(HORIZON),
        outputs=jnp.ones(()),
        low=jnp.full(p, -limit),
        high=jnp.full(p, 1.2 * limit),
        **no_reserve(p),
    )
    root = 0.3 * rng.normal(size=(n, columns))
    return Problem(model, 0.3 * rng.normal(size=n), goals, wishes, root)


def no_reserve(controls: int) -> dict[str, Array]:
    whole = jnp.full((HORIZON, controls), jnp.inf)
    return {"spare_low": -whole, "spare_high": whole, "spare_precision": jnp.zeros_like(whole)}


def guess(problem: Problem, controls: np.ndarray | None = None) -> Trajectory:
    n, p = problem.start.size, problem.wishes.low.size
    return Trajectory(
        states=jnp.zeros((HORIZON + 1, n)),
        controls=jnp.zeros((HORIZON, p)) if controls is None else jnp.asarray(controls),
        gains=jnp.zeros((HORIZON, p, n)),
    )


def solve(problem: Problem, iterations: int) -> tuple[Trajectory, float]:
    model, _, goals, wishes, _ = problem
    plan, energy, _ = refined(model, problem.belief, goals, wishes, guess(problem), iterations)
    return plan, float(energy)


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


@pytest.mark.parametrize("name", ["learned linear", "physics with a noise of its own", "motion"])
@pytest.mark.usefixtures("float64")
def test_driven_transitions_are_moved_by_their_noises(name: str):
    """Next state, and its change along state, control and noise, noises counting as constant."""
    kind, rng = KINDS[name](), np.random.default_rng(3)
    driven = Driven(kind.model, "variational")
    n, p = kind.model.dim, kind.model.controls
    state, control = rng.normal(size=n), rng.normal(size=p)
    noise = np.asarray(driven.noise(jnp.asarray(state), jnp.asarray(control)))
    expected = kind.plain.noise(state, control, "variational")
    np.testing.assert_allclose(noise @ noise.T, expected, rtol=0, atol=1e-13)
    pushes = rng.normal(size=noise.shape[1])
    both = jnp.asarray(np.concatenate([control, pushes]))
    after = kind.plain.mean(state, control) + noise @ pushes
    np.testing.assert_allclose(driven.mean(jnp.asarray(state), both), after, rtol=0, atol=1e-13)
    local = jax.jit(lambda x, u: driven.local(x, u, "variational"))(jnp.asarray(state), both)
    along, turn = jacobians(kind.plain, state, control)
    np.testing.assert_allclose(local.mean, after, rtol=0, atol=1e-13)
    np.testing.assert_allclose(local.along_state, along, rtol=0, atol=1e-10)
    turned = np.concatenate([turn, noise], 1)
    np.testing.assert_allclose(local.along_control, turned, rtol=0, atol=1e-10)
    assert local.noise.shape == (n, 0)
    doubt = np.asarray(driven.doubt(jnp.asarray(state), both))
    reached = local.doubt.matrix @ np.concatenate([state, both]) - local.doubt.value
    np.testing.assert_allclose(reached, doubt, rtol=0, atol=1e-12)
    assert not local.doubt.matrix[:, n + p :].any()


def test_later_drops_the_first_step_and_repeats_the_last():
    states, controls = jnp.arange(5.0)[:, None], jnp.arange(4.0)[:, None]
    later = Trajectory(states, controls, controls[:, :, None]).later()
    assert later.states[:, 0].tolist() == [1, 2, 3, 4, 4]
    assert later.controls[:, 0].tolist() == [1, 2, 3, 3]
    assert later.gains[:, 0, 0].tolist() == [1, 2, 3, 3]


def curved(seed: int, strength: float = 0.1, columns: int = 0) -> Problem:
    """A cubic transition; at a ``strength`` of 0.5 many a trajectory leaves all bounds."""
    model = make_transition(2, 1, degree=3, control_degree=2, seed=seed, ignorance=0.1)
    model = with_mean(model, strength * model.posterior.mean)
    asked = problem(model, seed, limit=1.0, columns=columns)
    shrink = np.repeat([1, 0.2, 0.02], 2)
    return asked._replace(start=asked.start * shrink, root=asked.root * shrink[:, None])


@given(
    seed=st.integers(0, 2**31),
    strength=st.sampled_from([0.1, 0.5]),
    columns=st.sampled_from([0, 2]),
)
@settings(max_examples=40)
def test_the_free_energy_never_rises_and_the_limits_always_hold(
    seed: int, strength: float, columns: int
):
    asked = curved(seed, strength, columns)
    before = np.inf
    for iterations in range(6):
        plan, energy = solve(asked, iterations)
        assert energy <= before
        before = energy
        if energy < 1e30:  # beyond, the model has left float32
            assert (plan.controls >= asked.wishes.low).all()
            assert (plan.controls <= asked.wishes.high).all()
            assert np.isfinite(plan.gains).all()


@pytest.mark.parametrize("columns", [0, 2])
def test_passes_do_lower_the_free_energy_of_a_curved_model(columns: int):
    asked = curved(3, columns=columns)
    constant = float(asked.goals.log_scale.sum())
    energies = [solve(asked, iterations)[1] + constant for iterations in range(4)]
    assert energies[3] < 0.9 * energies[0]


@pytest.mark.usefixtures("float64")
def test_the_drop_is_that_of_the_last_pass():
    asked = curved(3)
    query = partial(refined, asked.model, asked.belief, asked.goals, asked.wishes, guess(asked))
    plans = [query(iterations) for iterations in range(5)]
    assert plans[0][2] == np.inf  # no pass has been made
    for (_, before, _), (_, after, drop) in pairwise(plans):
        assert float(drop) == pytest.approx(float(before - after), abs=1e-12)


def curious(asked: Problem, worth: float) -> Problem:
    wishes = replace(asked.wishes, curiosity=jnp.full(HORIZON, worth), outputs=jnp.asarray(2.0))
    return asked._replace(wishes=wishes)


def nats(doubt: np.ndarray) -> float:
    """Information gain about the weights of a layer of two outputs."""
    return float(np.log1p(doubt @ doubt / 2))


@pytest.mark.parametrize(("seed", "columns"), [(0, 0), (1, 0), (2, 2)])
@pytest.mark.usefixtures("float64")
def test_the_plan_is_a_way_of_the_model_and_costs_what_is_said(seed: int, columns: int):
    asked = curious(curved(seed, columns=columns), 0.7)
    oracle, goals, wishes = PlainMotion(asked.model), asked.goals, asked.wishes
    plan, energy = solve(asked, 3)
    state, cost = np.asarray(plan.states[0]), -float(goals.log_scale.sum())
    if columns:
        first = np.linalg.lstsq(asked.root, state - asked.start, rcond=None)[0]
        np.testing.assert_allclose(asked.start + asked.root @ first, state, rtol=0, atol=1e-12)
        assert np.abs(first).max() > 1e-3
        cost += 0.5 * first @ first
    else:
        np.testing.assert_array_equal(state, asked.start)
    cost += 0.5 * np.sum((goals.matrix[0] @ state - goals.value[0]) ** 2)
    for t, control in enumerate(np.asarray(plan.controls)):
        np.testing.assert_allclose(plan.states[t], state, rtol=0, atol=1e-10)
        doubt = oracle.doubt(state, control)
        cost += 0.5 * wishes.caution[t] * np.sum((doubt - wishes.accepted) ** 2)
        cost -= 0.7 * nats(doubt)
        effort = control - np.asarray(wishes.control[t])
        cost += 0.5 * effort @ np.asarray(wishes.control_precision[t]) @ effort
        state = oracle.mean(state, control)
        cost += 0.5 * np.sum((goals.matrix[t + 1] @ state - goals.value[t + 1]) ** 2)
    np.testing.assert_allclose(plan.states[-1], state, rtol=0, atol=1e-10)
    assert energy == pytest.approx(float(cost), rel=1e-11)


@pytest.mark.usefixtures("float64")
def test_curiosity_goes_where_there_is_more_to_learn():
    asked = curved(1)
    oracle = PlainMotion(asked.model)

    def learned(worth: float) -> float:
        plan, _ = solve(curious(asked, worth), 8)
        ways = zip(np.asarray(plan.states), np.asarray(plan.controls), strict=False)
        return sum(nats(oracle.doubt(state, control)) for state, control in ways)

    told = [learned(worth) for worth in (0.0, 1.0, 10.0)]
    assert told[0] < told[1] < told[2]
    assert told[2] > 1.2 * told[0]


@pytest.mark.usefixtures("float64")
def test_a_guess_is_rolled_out_under_its_own_feedback():
    asked, rng = curved(5), np.random.default_rng(0)
    n = asked.start.size
    nominal = Trajectory(
        states=jnp.asarray(0.1 * rng.normal(size=(HORIZON + 1, n))),
        controls=jnp.asarray(rng.uniform(-0.9, 0.9, (HORIZON, 1))),
        gains=jnp.asarray(0.5 * rng.normal(size=(HORIZON, 1, n))),
    )
    plan, _, _ = refined(asked.model, asked.belief, asked.goals, asked.wishes, nominal, 0)
    state = asked.start
    for t in range(HORIZON):
        control = nominal.controls[t] + nominal.gains[t] @ (state - nominal.states[t])
        control = np.clip(control, asked.wishes.low, asked.wishes.high)
        np.testing.assert_allclose(plan.controls[t], control, rtol=0, atol=1e-10)
        state = PlainMotion(asked.model).mean(state, np.asarray(control))


@pytest.mark.usefixtures("float64")
def test_goals_that_bend_are_met_where_gauss_newton_settles():
    """Rows that are linearised along the way, on physics: the gradient of what they stand for, by
    differences of a plain roll-out, is zero there."""
    kind, rng = KINDS["physics by a function"](), np.random.default_rng(2)
    asked = problem(kind.model, 0, FREE, columns=2)
    aims = rng.normal(size=(HORIZON + 1, 1))

    def bent(state: Any, lib: Any) -> Any:
        return lib.stack([lib.sin(state[0]) + 0.3 * state[1] ** 2])

    def rows_along(states: jax.Array) -> Rows:
        def row(state, aim):
            slope = jax.jacfwd(lambda x: bent(x, jnp))(state)
            return slope, aim - bent(state, jnp) + slope @ state

        matrix, value = jax.vmap(row)(states, jnp.asarray(aims))
        return Rows(matrix, value, jnp.zeros(HORIZON + 1))

    model, _, _, wishes, _ = asked
    query = partial(refine, model, asked.belief, rows_along, wishes, guess(asked))
    plan, energy, drop = jax.jit(query)(60)
    assert drop < 1e-12
    first = np.linalg.solve(asked.root, np.asarray(plan.states[0]) - asked.start)

    def cost(z: np.ndarray) -> float:
        controls, first = z[:-2].reshape(HORIZON, 2), z[-2:]
        state = asked.start + asked.root @ first
        total = first @ first + np.sum((bent(state, np) - aims[0]) ** 2)
        for t, control in enumerate(controls):
            effort = control - np.asarray(wishes.control[t])
            total += effort @ np.asarray(wishes.control_precision[t]) @ effort
            state = kind.plain.mean(state, control)
            total += np.sum((bent(state, np) - aims[t + 1]) ** 2)
        return float(0.5 * total)

    z = np.concatenate([np.asarray(plan.controls).reshape(-1), first])
    assert float(energy) == pytest.approx(cost(z), rel=1e-12)
    for axis in np.eye(len(z)):
        assert (cost(z + 1e-4 * axis) - cost(z - 1e-4 * axis)) / 2e-4 == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", ["motion", "learned linear", "physics with a noise of its own"])
@pytest.mark.usefixtures("float64")
def test_beliefs_along_a_plan_are_those_of_the_closed_loop(name: str):
    kind = KINDS[name]()
    if name == "motion":
        kind = Kind(curved(6).model, PlainMotion(curved(6).model))
    asked, rng = problem(kind.model, 6, limit=1.0), np.random.default_rng(1)
    asked = asked._replace(start=0.1 * asked.start)
    plan, _ = solve(asked, 3)
    root = 0.1 * np.tril(rng.normal(size=(asked.start.size,) * 2))
    belief = Belief.of(jnp.asarray(asked.start), jnp.asarray(root))
    ahead, cov = jax.jit(beliefs_along)(asked.model, belief, plan), root @ root.T
    np.testing.assert_array_equal(ahead.mean, plan.states[1:])
    for t in range(HORIZON):
        state, control = np.asarray(plan.states[t]), np.asarray(plan.controls[t])
        along, turn = jacobians(kind.plain, state, control)
        closed = along + turn @ np.asarray(plan.gains[t])
        cov = closed @ cov @ closed.T + kind.plain.noise(state, control)
        np.testing.assert_allclose(ahead.cov[t], cov, rtol=0, atol=1e-9 * cov.max())
