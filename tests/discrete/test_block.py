"""Discrete blocks of a joint model, against the sum over all paths, beside continuous blocks."""

from itertools import product

import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent import (
    Block,
    Categorical,
    DiscreteBlock,
    DiscreteModel,
    FixedSensor,
    JointModel,
    KnownLinear,
    LinearCoupling,
    load_graph,
    save_graph,
)
from jopa_agent.agent.discrete.checkpoint import load_trained
from jopa_agent.agent.discrete.model import self_showing
from jopa_agent.configs.settings import shipped_model
from jopa_agent.envs.line_trajectories import draw_trajectories

CLOSE = {"atol": 2e-5}  # float32 sums of a few steps
STATES, ACTIONS = 3, 2


def discrete(counts=False) -> DiscreteModel:
    rng = np.random.default_rng(4)
    moves = rng.dirichlet(np.ones(STATES), size=(STATES, ACTIONS)).transpose(2, 0, 1)
    prior = rng.dirichlet(np.ones(STATES))
    likelihood = self_showing(STATES, 0.2)
    if not counts:
        return DiscreteModel(likelihood, moves, prior)
    return DiscreteModel(likelihood, moves, prior, 9 * likelihood, 4 * moves)


def continuous() -> Block:
    turn = 0.9 * np.array([[0.8, -0.6], [0.6, 0.8]])
    dynamics = KnownLinear(turn, 0.1 * np.eye(2), B=np.array([[0.0], [1.0]]))
    return Block("body", dynamics, FixedSensor(np.eye(2), R=0.2 * np.eye(2)))


SEEN = [2, None, 0, np.array([0.1, 0.7, 0.2])]
MOVES = [1, 0, 1]
BODY = {"body": np.random.default_rng(0).normal(size=(4, 2)), "control": np.ones((3, 1))}


def paths(model: DiscreteModel, seen, moves):
    """Marginals of each step, and the evidence, from the probabilities of all paths."""
    likelihood, transition, prior = (
        np.asarray(x, np.float64) for x in (model.likelihood, model.transition, model.prior)
    )
    marginals = np.zeros((len(seen), STATES))
    for path in product(range(STATES), repeat=len(seen)):
        weight = prior[path[0]]
        for t, state in enumerate(path):
            if isinstance(seen[t], int):
                weight *= likelihood[seen[t], state]
            elif seen[t] is not None:
                weight *= np.exp(seen[t] @ np.log(likelihood[:, state]))
            if t:
                weight *= transition[state, path[t - 1], moves[t - 1]]
        for t, state in enumerate(path):
            marginals[t, state] += weight
    return marginals / marginals.sum(axis=1, keepdims=True), np.log(marginals[0].sum())


def test_smooth_filter_and_steps_are_exact():
    model = JointModel([continuous(), DiscreteBlock("line", discrete())])
    trajectory = BODY | {"line": SEEN, "action": MOVES}
    exact, evidence = paths(discrete(), SEEN, MOVES)
    alone = JointModel([continuous()])
    found = model.smooth(trajectory)
    np.testing.assert_allclose(found.beliefs["line"].probability, exact, **CLOSE)
    body = alone.smooth(BODY)
    np.testing.assert_array_equal(found.beliefs["body"].mean, body.beliefs["body"].mean)
    np.testing.assert_allclose(found.evidence, evidence + body.evidence, rtol=1e-5)
    filtered = model.filter(trajectory)
    state = model.start()
    for t in range(4):
        first, _ = paths(discrete(), SEEN[: t + 1], MOVES[:t])
        np.testing.assert_allclose(filtered.beliefs["line"].probability[t], first[-1], **CLOSE)
        observation = {"line": SEEN[t], "body": BODY["body"][t]}
        if t:
            observation["action"] = MOVES[t - 1]
        state = model.step(state, observation, np.ones(1) if t else None)
        now = state.beliefs(model.blocks)
        np.testing.assert_allclose(now["line"].probability, first[-1], **CLOSE)
        np.testing.assert_allclose(state.free_energy, filtered.free_energy[t], rtol=1e-4)


def test_prediction_and_priors():
    model = JointModel([DiscreteBlock("line", discrete())])
    ahead = model.smooth({"line": SEEN, "action": MOVES}, n_predict=2, predict_actions=[0, 1])
    exact, _ = paths(discrete(), [*SEEN, None, None], [*MOVES, 0, 1])
    np.testing.assert_allclose(ahead.beliefs["line"].probability, exact, **CLOSE)
    prior = Categorical(jnp.array([0.0, 0.0, 1.0]))
    found = model.filter({"line": [None]}, prior={"line": prior})
    np.testing.assert_allclose(found.beliefs["line"].probability, [[0, 0, 1]], **CLOSE)


def test_counts_are_those_of_all_paths():
    model = JointModel([DiscreteBlock("line", discrete(counts=True))])
    trajectory = {"line": SEEN, "action": MOVES}
    after, report = model.learn([trajectory, trajectory], iterations=3)
    expected = 4 * np.asarray(discrete().transition)
    weights = {}
    for path in product(range(STATES), repeat=4):
        likelihood, moves = np.asarray(discrete().likelihood), np.asarray(discrete().transition)
        weight = np.asarray(discrete().prior)[path[0]]
        for t, state in enumerate(path):
            told = SEEN[t]
            if isinstance(told, int):
                weight *= likelihood[told, state]
            elif told is not None:
                weight *= np.exp(told @ np.log(likelihood[:, state]))
            if t:
                weight *= moves[state, path[t - 1], MOVES[t - 1]]
        weights[path] = weight
    total = sum(weights.values())
    for path, weight in weights.items():
        for t in range(3):
            expected[path[t + 1], path[t], MOVES[t]] += 2 * weight / total
    once, _ = model.learn([trajectory, trajectory], iterations=1)
    np.testing.assert_allclose(once.blocks[0].model.transition_counts, expected, rtol=1e-4)
    assert report.free_energy["line"].shape == (3,)
    assert report.free_energy["line"][-1] < report.free_energy["line"][0]
    assert after.blocks[0].model.transition_counts.sum() == pytest.approx(expected.sum(), rel=1e-5)


def test_learning_takes_both_kinds_of_blocks():
    trajectory = BODY | {"line": SEEN, "action": MOVES}
    known = JointModel([continuous(), DiscreteBlock("line", discrete())])
    with pytest.raises(ValueError, match="block 'line' has no counts"):
        known.learn([trajectory])


def test_the_plan_goes_to_what_shall_be_seen():
    line = load_trained(shipped_model("lineworld"))
    block = DiscreteBlock("line", line.model, line.encoder)
    model = JointModel([continuous(), block])
    start, goal = np.array([3.0, 1.0]), np.array([-3.0, 1.0])  # the means of states 1 and 4
    wish = {"line": [start, None, None, goal], "body": [np.zeros(2), None, None, np.ones(2)]}
    plan = model.plan(wish)
    assert plan.actions["line"].tolist() == [2, 2, 2]
    beliefs = plan.plans["line"].belief.probability
    assert beliefs.argmax(axis=1).tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(plan.plans["line"].probability.sum(), 1.0, atol=1e-5)
    alone = JointModel([continuous()]).plan({"body": wish["body"]})
    np.testing.assert_array_equal(plan.continuous.actions, alone.actions)


def test_an_encoder_is_the_observation_of_a_block():
    line = load_trained(shipped_model("lineworld"))
    model = JointModel([DiscreteBlock("line", line.model, line.encoder)])
    seen, states = draw_trajectories(1, 60, 6)
    hits = [
        model.smooth({"line": emissions, "action": actions}).beliefs["line"].probability.argmax(1)
        for emissions, actions in zip(*seen, strict=True)
    ]
    assert (np.array(hits) == states).mean() > 0.96


def test_it_is_saved_and_loaded(tmp_path):
    line = load_trained(shipped_model("lineworld"))
    counted = DiscreteBlock("counted", discrete(counts=True), preference=3.0)
    six = DiscreteModel(line.model.likelihood, np.asarray(line.model.transition)[..., :2])
    model = JointModel([continuous(), counted, DiscreteBlock("line", six, line.encoder)])
    save_graph(model, tmp_path / "graph")
    again = load_graph(tmp_path / "graph")
    assert again.block("counted").preference == 3.0
    trajectory = {"counted": SEEN, "action": MOVES, "line": np.ones((4, 2))} | BODY
    found, other = (each.smooth(trajectory).beliefs for each in (model, again))
    for name in ("counted", "line"):
        assert jnp.array_equal(found[name].probability, other[name].probability)


def bad(**given):
    return lambda model: model.smooth({"line": SEEN, "action": MOVES} | given)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (bad(action=[0, 1, 2]), r"actions go from 0 to 2: give 0 \.\.\. 1"),
        (bad(action=[0.5, 0, 1]), "whole numbers"),
        (bad(action=[0, 1]), "sequences of the lengths"),
        (bad(action=None), "actions are missing"),
        (bad(line=[3, 0, 0, 0]), "observation 0 of 'line' is 3"),
        (bad(line=[np.ones(3), 0, 0, 0]), "sum 3"),
        (bad(line=["x", 0, 0, 0]), "is str: give numbers"),
        (bad(body=[1]), r"observations of \['body'\]"),
        (lambda model: model.system(), "block 'line' is discrete"),
        (lambda model: model.adapt(None), "block 'line' is discrete"),
        (lambda model: model.plan({"line": [0]}), "a plan needs 2 steps"),
        (lambda model: model.plan({"line": [0, 1], "action": [0]}), "'action' among what"),
        (lambda model: model.step(model.start(), {"action": 0}), "at the first step"),
        (lambda model: model.step(3), "state is int"),
        (lambda model: model.filter({"line": [0]}, prior={"line": np.ones(2)}), "prior of 'line'"),
    ],
)
def test_a_mistake_gets_one_line(ask, said):
    with pytest.raises(ValueError, match=said) as error:
        ask(JointModel([DiscreteBlock("line", discrete())]))
    assert "\n" not in str(error.value)


def test_what_cannot_be_built():
    line = DiscreteBlock("line", discrete())
    with pytest.raises(ValueError, match="is linear, but 'line' is discrete"):
        JointModel(
            [continuous(), line], [LinearCoupling("line", "body", np.ones((2, 3)), np.eye(2))]
        )
    four = DiscreteModel(np.eye(3), np.ones((3, 3, 4)) / 3)
    with pytest.raises(ValueError, match=r"know \[2, 4\] actions"):
        JointModel([line, DiscreteBlock("other", four)])
    with pytest.raises(ValueError, match="give an encoder"):
        DiscreteBlock("line", discrete(), observe=3)
    with pytest.raises(ValueError, match="name is 'action'"):
        DiscreteBlock("action", discrete())
    with pytest.raises(ValueError, match="every name may stand once"):
        JointModel([line, line])
