"""pymdp's inference as it is used here, against exact recursions and counts in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.discrete import engine
from jopa_agent.agent.discrete.exact import exact_posteriors
from jopa_agent.agent.discrete.model import DiscreteModel, self_showing

COUNT, LENGTH, STATES, ACTIONS = 20, 6, 4, 2
CLOSE = {"atol": 2e-5}  # float32 sums of six steps


@pytest.fixture(scope="module")
def told():
    rng = np.random.default_rng(1)
    transition = rng.dirichlet(np.ones(STATES), size=(STATES, ACTIONS)).transpose(2, 0, 1)
    model = DiscreteModel(self_showing(STATES, 0.05), transition, rng.dirichlet(np.ones(STATES)))
    observations = rng.dirichlet(0.5 * np.ones(STATES), size=(COUNT, LENGTH)).astype(np.float32)
    actions = rng.integers(ACTIONS, size=(COUNT, LENGTH - 1))
    evidence = observations @ np.log(np.asarray(model.likelihood, np.float64))
    exact = exact_posteriors(evidence, transition, actions, np.asarray(model.prior))
    return model, observations, actions, evidence, exact


def test_filter_and_smoother_are_exact(told):
    model, observations, actions, evidence, exact = told
    found = engine.filtered(model, observations, actions)
    np.testing.assert_allclose(found.beliefs, exact.filtered, **CLOSE)
    smooth, joint = engine.smoothed(model, found.beliefs, actions)
    np.testing.assert_allclose(smooth, exact.smoothed, **CLOSE)
    np.testing.assert_allclose(joint.sum(axis=3), exact.smoothed[:, 1:], **CLOSE)
    likely = (found.predicted * np.exp(evidence)).sum(axis=-1)
    np.testing.assert_allclose(found.free_energy, -np.log(likely), atol=1e-4)
    alone = -np.log((np.asarray(model.prior) * np.exp(evidence)).sum(axis=-1))
    np.testing.assert_allclose(engine.alone(model, observations), alone, atol=1e-4)


def test_what_is_not_seen_says_nothing(told):
    model, observations, actions, evidence, _ = told
    seen = np.random.default_rng(2).random((COUNT, LENGTH)) < 0.5
    found = engine.filtered(model, observations, actions, jnp.asarray(seen))
    exact = exact_posteriors(
        np.where(seen[..., None], evidence, 0.0), model.transition, actions, np.array(model.prior)
    )
    np.testing.assert_allclose(found.beliefs, exact.filtered, **CLOSE)
    assert (np.asarray(found.free_energy)[~seen] == 0).all()


def test_counts_are_the_expected_ones(told):
    model, observations, actions, _, exact = told
    vague = DiscreteModel(
        model.likelihood, model.transition, model.prior,
        np.ones((STATES, STATES)), np.ones((STATES, STATES, ACTIONS)),
    )  # fmt: skip
    beliefs = engine.filtered(model, observations, actions).beliefs
    found = engine.learned(vague, observations, actions, beliefs)
    counts = np.ones((STATES, STATES, ACTIONS))
    _, joint = engine.smoothed(model, beliefs, actions)
    for one in range(COUNT):
        for step in range(LENGTH - 1):
            counts[:, :, actions[one, step]] += joint[one, step]
    np.testing.assert_allclose(found.transition_counts, counts, rtol=1e-4)
    np.testing.assert_allclose(found.transition, counts / counts.sum(axis=0), rtol=1e-4)
    sights = 1 + np.einsum("nto,ntk->ok", observations, exact.smoothed)
    np.testing.assert_allclose(found.likelihood, sights / sights.sum(axis=0), rtol=1e-4)


def test_a_known_matrix_is_not_learned(told):
    model, observations, actions, _, exact = told
    counted = DiscreteModel(
        model.likelihood, model.transition, model.prior,
        transition_counts=np.ones((STATES, STATES, ACTIONS)),
    )  # fmt: skip
    found = engine.learned(counted, observations, actions, jnp.float32(exact.filtered))
    assert jnp.array_equal(found.likelihood, model.likelihood)
    assert found.likelihood_counts is None
    assert not jnp.array_equal(found.transition, model.transition)


def test_policies_go_where_it_is_preferred():
    moves = np.zeros((4, 4, 2))
    for state in range(4):
        moves[max(state - 1, 0), state, 0] = moves[min(state + 1, 3), state, 1] = 1.0
    agent = engine.agent_of(DiscreteModel(np.eye(4), moves), 2, jnp.array([0.0, 0, 0, 5]), 3)
    found = engine.policies(agent, jax.nn.one_hot(jnp.array([0, 2]), 4))
    best = found.actions[found.probability.argmax(axis=1)]
    assert best.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert engine.chosen_action(agent, found).tolist() == [1, 1]
    np.testing.assert_allclose(found.probability.sum(axis=1), 1.0, atol=1e-5)
    agree = found.expected_free_energy.argmin(axis=1) == found.probability.argmax(axis=1)
    assert agree.all()


@pytest.mark.parametrize(
    ("matrices", "said"),
    [
        ((np.eye(2), np.ones((2, 2, 1))), "transition is no probability"),
        ((np.eye(2), np.ones((2, 3, 1)) / 2), r"transition has the shape \(2, 3, 1\)"),
        ((np.eye(3), np.ones((2, 2, 1)) / 2), "but the transition has 2 states"),
        ((np.eye(2), np.ones((2, 2)) / 2), "transition has 2 axes: 3 are needed"),
        ((np.eye(2), np.ones((2, 2, 1)) / 2, [0.2, 0.9]), "prior is no probability"),
        ((np.eye(2), np.ones((2, 2, 1)) / 2, None, np.zeros((2, 2))), "is not positive"),
        ((np.array([[2.0, 0], [-1, 1]]), np.ones((2, 2, 1)) / 2), "likelihood is no probability"),
    ],
)
def test_matrices_that_are_none(matrices, said):
    with pytest.raises(ValueError, match=said) as error:
        DiscreteModel(*matrices)
    assert "\n" not in str(error.value)
