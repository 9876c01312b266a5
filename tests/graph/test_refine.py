"""What holds of plans on any model, and of the beliefs along them."""

from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent.graph.gaussian import Belief
from jopa_agent.agent.graph.planning import Driven
from jopa_agent.agent.graph.refine import Trajectory, beliefs_along, refine
from jopa_agent.agent.graph.rows import Rows

from .plans import FREE, HORIZON, Problem, curved, guess, problem, refined, solve
from .transitions import (
    KINDS,
    Kind,
    PlainMotion,
    jacobians,
)


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
