"""Queries under jax's transformations: jit, vmap over data and models, and derivatives against
finite differences."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from jopa_agent.agent import (
    Belief,
    Block,
    FixedSensor,
    Frozen,
    Gaussian,
    JointModel,
    KnownLinear,
    LearnedLinear,
    MatrixNormalWishart,
)

from .cases import spd, stable

pytestmark = pytest.mark.usefixtures("float64")


def check_gradient(function: Callable, at, directions: int = 4) -> None:
    """The gradient along random directions, against central differences."""
    flat, unravel = ravel_pytree(at)
    both = jax.jit(jax.value_and_grad(lambda x: function(unravel(x))))
    slope, rng, width = both(flat)[1], np.random.default_rng(0), 1e-5
    assert np.abs(np.asarray(slope)).min() > 0
    for _ in range(directions):
        turn = rng.normal(size=flat.shape)
        change = (both(flat + width * turn)[0] - both(flat - width * turn)[0]) / (2 * width)
        assert float(slope @ turn) == pytest.approx(float(change), rel=1e-6)


def recorded(seed: int, steps: int = 7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    readings = rng.normal(size=(steps, 2))
    readings[2, 1] = np.nan
    return readings, rng.normal(size=(steps - 1, 1))


def hyper() -> dict:
    """What a model may be built from and learned by gradient."""
    rng = np.random.default_rng(1)
    return {
        "mean": jnp.concatenate([stable(rng, 2), rng.normal(size=(2, 1))], axis=1),
        "strength": jnp.asarray(3.0),
        "scatter": jnp.asarray(spd(rng, 2)),
        "dof": jnp.asarray(7.0),
        "noise": jnp.asarray(spd(rng, 2)),
        "first": (jnp.asarray(rng.normal(size=2)), jnp.asarray(spd(rng, 2))),
        "weights": jnp.asarray(rng.normal(size=(2, 2))),
        "sureness": jnp.asarray(rng.normal(size=2)),
    }


def built(values: dict) -> JointModel:
    """One learned block that is read by a sensor and by an encoder; the encoder's message knows
    one direction only."""

    def encode(observation):
        direction = jnp.stack([jnp.cos(values["sureness"][0]), jnp.sin(values["sureness"][0])])
        precision = jnp.exp(values["sureness"][1]) * jnp.outer(direction, direction)
        return Gaussian.of(precision @ jnp.tanh(values["weights"] @ observation), precision)

    prior = MatrixNormalWishart(
        values["mean"], values["strength"] * jnp.eye(3), values["scatter"], values["dof"]
    )
    sensors = {"seen": FixedSensor(np.eye(2), values["noise"]), "felt": Frozen(encode)}
    first = Belief(*values["first"])
    return JointModel([Block("a", LearnedLinear(2, 1, prior), sensors, first)])


READINGS, CONTROLS = recorded(2)
TRAJECTORY = {"a": {"seen": READINGS, "felt": np.nan_to_num(READINGS)}}


def test_evidence_follows_the_encoders_weights_and_all_hyper_parameters():
    check_gradient(lambda x: built(x).smooth(TRAJECTORY, CONTROLS).evidence, hyper())


def test_evidence_of_filtering_does_too():
    check_gradient(lambda x: jnp.sum(built(x).filter(TRAJECTORY, CONTROLS).evidence), hyper())


@pytest.mark.parametrize("query", ["smooth", "filter"])
def test_beliefs_follow_the_dynamics_where_noise_and_prior_are_singular(query: str):
    """Noise in one direction, a first state that is known, and a coordinate that stays so."""

    def told(values):
        dynamics = KnownLinear(values["A"], np.diag([0.3, 0.0]), values["B"])
        sensor = FixedSensor(values["C"], np.eye(2))
        block = Block("a", dynamics, sensor, Belief(values["first"], np.zeros((2, 2))))
        ask = getattr(JointModel([block]), query)
        found = ask({"a": READINGS}, CONTROLS)
        belief = found.beliefs["a"]
        return jnp.sum(found.evidence) + jnp.sum(jnp.sin(belief.cov)) + jnp.sum(belief.mean**2)

    values = {
        "A": jnp.array([[0.9, 0.4], [-0.2, 0.7]]),
        "B": jnp.array([[0.3], [0.8]]),
        "C": jnp.array([[1.0, 0.5], [0.2, 0.9]]),
        "first": jnp.array([0.4, -1.0]),
    }
    check_gradient(told, values)


def test_free_energy_of_learning_follows_all_hyper_parameters():
    """Through iterations of message passing."""

    def learned(values):
        data = [{**TRAJECTORY, "control": CONTROLS}]
        return built(values).learn(data, iterations=3)[1].free_energy[-1]

    check_gradient(learned, hyper())


def test_free_energy_of_a_plan_follows_goals_noise_and_prior():
    def planned(values):
        model, prior = built(values["model"]), Belief(values["wish"], values["effort"])
        goals = jnp.full((7, 2), jnp.nan).at[-1].set(values["goal"])
        plan = model.plan({"a": {"seen": goals}}, prior_u=prior)
        return plan.free_energy

    values = hyper()
    values.pop("weights")
    values.pop("sureness")
    extra = {"goal": jnp.array([1.0, -1.0]), "wish": jnp.ones(1), "effort": 2 * jnp.eye(1)}
    kept = hyper()
    check_gradient(lambda x: planned({**x, "model": {**kept, **x["model"]}}),
                   {**extra, "model": values})  # fmt: skip


def small(seed: int) -> JointModel:
    rng = np.random.default_rng(seed)
    mean = np.concatenate([stable(rng, 2), rng.normal(size=(2, 1))], axis=1)
    prior = MatrixNormalWishart(mean, 40 * spd(rng, 3), spd(rng, 2), 12.0)
    first = Belief(rng.normal(size=2), spd(rng, 2))
    sensor = FixedSensor(np.eye(2), 0.01 * spd(rng, 2))
    return JointModel([Block("a", LearnedLinear(2, 1, prior), sensor, first)])


def queries(model: JointModel, readings, controls):
    """What every query says of one trajectory, the stream inside a scan."""
    smoothed = model.smooth({"a": readings}, controls, n_predict=1)
    filtered = model.filter({"a": readings}, controls)
    plan = model.plan({"a": readings})

    def step(state, now):
        reading, control = now
        state = model.step(state, {"a": reading}, control)
        return state, (state.joint.mean, state.evidence)

    begin = model.step(model.start(), {"a": readings[0]})
    _, (means, evidence) = jax.lax.scan(step, begin, (readings[1:], controls))
    return {
        "smooth": (smoothed.joint.mean, smoothed.joint.cov, smoothed.evidence),
        "filter": (filtered.joint.mean, filtered.joint.cov, filtered.evidence),
        "plan": (plan.actions, plan.action_cov, plan.free_energy),
        "stream": (means, evidence),
    }


def one_by_one(model: JointModel, readings, controls):
    """The same outside of any transformation."""
    found = {
        "smooth": model.smooth({"a": readings}, controls, n_predict=1),
        "filter": model.filter({"a": readings}, controls),
    }
    found = {k: (v.joint.mean, v.joint.cov, v.evidence) for k, v in found.items()}
    plan = model.plan({"a": readings})
    mean, _, evidence = found["filter"]
    return {
        **found,
        "plan": (plan.actions, plan.action_cov, plan.free_energy),
        "stream": (mean[1:], evidence[1:]),
    }


def stacked(*trees):
    return jax.tree.map(lambda *x: jnp.stack(x), *trees)


def test_a_batch_of_models_and_of_data_is_a_loop_over_them():
    """Compiled and mapped over both together."""
    models = [small(seed) for seed in range(3)]
    data = [recorded(seed) for seed in range(3)]
    batch = jax.jit(jax.vmap(queries))(stacked(*models), *stacked(*data))
    single = [one_by_one(model, *one) for model, one in zip(models, data, strict=True)]
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10),
        batch,
        jax.tree.map(lambda *x: np.stack(x), *single),
    )


def test_learning_maps_over_models_and_data():
    def learned(model, readings, controls):
        model, report = model.learn([{"a": readings, "control": controls}], iterations=5)
        return model.block("a").transition.posterior, report.free_energy

    models = [small(seed) for seed in range(2)]
    data = [recorded(seed) for seed in range(2)]
    batch = jax.jit(jax.vmap(learned))(stacked(*models), *stacked(*data))
    single = [learned(model, *one) for model, one in zip(models, data, strict=True)]
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10),
        batch,
        stacked(*single),
    )
