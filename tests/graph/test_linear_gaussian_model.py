"""LinearGaussianModel: names, checks, pytree, and where its expected free energy can act."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.expected_free_energy import Trials, parameter_information_gain
from jopa_agent.agent.graph.gaussian import Belief
from jopa_agent.agent.graph.known import CallableProcessNoise
from jopa_agent.agent.graph.linear_gaussian_model import LinearGaussianModel
from jopa_agent.agent.graph.model_structure import ModelStructure
from jopa_agent.agent.graph.sensors import CallableSensor

CASES = json.loads(
    (Path(__file__).parent / "data" / "expected_free_energy.json").read_text(encoding="utf-8")
)["cases"]

PARTS: dict[str, Any] = {
    "dynamics": [[1.0, 0.1], [0.0, 0.9]],
    "sensor_model": [[1.0, 0.0]],
    "dynamics_noise": [[0.02, 0.01], [0.01, 0.03]],
    "sensor_noise": [[0.1]],
    "prior": Belief([0.3, -0.2], [[0.5, 0.1], [0.1, 0.4]]),
    "control": [[0.0, 0.1], [0.2, 0.0]],
}


def make_model(**changed: Any) -> LinearGaussianModel:
    return LinearGaussianModel(**(PARTS | changed))


def model_of(case: dict[str, Any]) -> LinearGaussianModel:
    """The model of a case of the file."""

    def noise(name: str):
        base, slope = jnp.asarray(case[name]), jnp.asarray(case[f"{name}_slope"])
        centre = jnp.asarray(case[f"{name}_centre"])
        return lambda x: base + ((x - centre) @ (x - centre)) * slope

    parts = {name: case[name] for name in PARTS if name != "prior"}
    C = jnp.asarray(case["sensor_model"])
    if "sensor_noise_slope" in case:
        parts["observation"] = CallableSensor(lambda x: C @ x, noise("sensor_noise"), len(C))
    if "dynamics_noise_slope" in case:
        parts["process_noise"] = CallableProcessNoise(noise("dynamics_noise"))
    return LinearGaussianModel(prior=Belief(case["prior_mean"], case["prior_cov"]), **parts)


def test_roles_letters_and_sizes() -> None:
    model = make_model()
    letters = {"A": "dynamics", "B": "control", "C": "sensor_model", "Q": "dynamics_noise"}
    for letter, role in (letters | {"R": "sensor_noise"}).items():
        assert getattr(model, letter) is getattr(model, role)
        np.testing.assert_allclose(getattr(model, letter), PARTS[role])
    assert (model.n_states, model.n_observations, model.n_controls) == (2, 1, 2)
    without = make_model(control=None)
    assert without.B is None
    assert without.n_controls == 0
    assert model.dynamics.dtype == jnp.float32


def test_parts_may_be_given_by_place() -> None:
    """In the order dynamics, sensor model, their noises, prior, control."""
    by_place = LinearGaussianModel(*PARTS.values())
    for one, other in zip(jax.tree.leaves(by_place), jax.tree.leaves(make_model()), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_is_a_pytree_whose_structure_is_static() -> None:
    structure = ModelStructure.from_dicts(factors={"all": [0, 1]})
    sensor = CallableSensor(lambda x: x[:1], lambda x: 0.1 + x[:1, None] ** 2, 1)
    noise = CallableProcessNoise(lambda x: jnp.diag(1 + x**2))
    model = make_model(structure=structure, observation=sensor, process_noise=noise)
    leaves, tree = jax.tree.flatten(model)
    assert all(isinstance(leaf, jax.Array) for leaf in leaves)
    again = jax.tree.unflatten(tree, leaves)
    assert again.structure is structure
    assert again.observation.noise is sensor.noise
    assert again.process_noise.function is noise.function
    assert tree != jax.tree.structure(make_model(observation=sensor, process_noise=noise))
    assert len(jax.tree.leaves(make_model(control=None))) == len(jax.tree.leaves(make_model())) - 1
    children, fixed = model.tree_flatten()
    assert fixed is structure
    assert LinearGaussianModel.tree_unflatten(fixed, children).prior is model.prior
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree.leaves_with_path(make_model())]
    assert paths[:2] == [".dynamics", ".sensor_model"]


def test_rebuilding_does_not_check_and_queries_compile_once() -> None:
    model = make_model()
    jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), model)
    jax.tree.unflatten(jax.tree.structure(model), [object()] * len(jax.tree.leaves(model)))
    counted = []

    @jax.jit
    def trace(model):
        counted.append(1)
        return jnp.trace(model.A @ model.Q)

    trace(model)
    trace(make_model(dynamics=np.eye(2)))
    assert len(counted) == 1
    trace(make_model(structure=ModelStructure()))
    assert len(counted) == 2
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), model, make_model(dynamics=np.eye(2)))
    assert jax.vmap(trace)(stacked).shape == (2,)


def test_it_can_be_built_under_a_trace() -> None:
    def cost(scale):
        model = make_model(dynamics_noise=scale * jnp.eye(2))
        return model.expected_free_energy(jnp.ones((3, 2)), jnp.zeros(1), jnp.eye(1)).total

    assert np.isfinite(jax.jit(jax.grad(cost))(0.3))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"dynamics": np.ones((2, 3))}, "dynamics has the shape (2, 3)"),
        ({"dynamics": [1.0, 2.0]}, "dynamics has the shape (2,)"),
        ({"dynamics": [[1.0, np.nan], [0.0, 1.0]]}, "dynamics[0, 1] is nan"),
        ({"sensor_model": np.eye(3)}, "sensor_model has the shape (3, 3)"),
        ({"dynamics_noise": np.eye(3)}, "dynamics_noise has the shape (3, 3)"),
        ({"dynamics_noise": [[1.0, 0.5], [0.0, 1.0]]}, "dynamics_noise is not symmetric"),
        ({"dynamics_noise": [[1.0, 2.0], [2.0, 1.0]]}, "dynamics_noise has the negative eigen"),
        ({"sensor_noise": [[0.0]]}, "sensor_noise is singular"),
        ({"sensor_noise": np.eye(2)}, "sensor_noise has the shape (2, 2)"),
        ({"control": np.ones((3, 1))}, "control has the shape (3, 1)"),
        ({"prior": np.zeros(2)}, "prior is ndarray"),
        ({"prior": Belief([0.0], [[1.0]])}, "prior has a mean of the shape (1,)"),
        ({"observation": np.eye(2)}, "observation is ndarray"),
        ({"process_noise": np.eye(2)}, "process_noise is ndarray"),
        ({"structure": {"arm": [0]}}, "structure is dict"),
        (
            {"observation": CallableSensor(lambda x: x, np.eye(2), 2)},
            "observation has 2 outputs, but sensor_model 1 rows",
        ),
        (
            {"observation": CallableSensor(lambda x: x, np.eye(1), 1)},
            "observation does not fit the state: function returns the shape (2,)",
        ),
        (
            {"observation": CallableSensor(lambda x: 2 * x[:1], np.eye(1), 1)},
            "sensor_model is [[1.0, 0.0]], but the slope of observation",
        ),
        (
            {"observation": CallableSensor(lambda x: x[:1], lambda x: x[1:, None], 1)},
            "observation's noise at the prior's mean",
        ),
        (
            {"process_noise": CallableProcessNoise(lambda x: jnp.eye(3) + x[0])},
            "process_noise at the prior's mean has the shape (3, 3)",
        ),
        (
            {"process_noise": CallableProcessNoise(lambda x: -jnp.diag(1 + x**2))},
            "process_noise at the prior's mean has the negative eigenvalue",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}[^\n]*$"):
        make_model(**changed)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("float64")
def test_expected_free_energy_is_that_of_cpomdp(name: str) -> None:
    case, found = CASES[name]["given"], CASES[name]["cpomdp"]
    ours = model_of(case).expected_free_energy(
        case["actions"], case["preference_mean"], case["preference_precision"]
    )
    np.testing.assert_allclose(ours.pragmatic, found["pragmatic_of_steps"], rtol=1e-10)
    np.testing.assert_allclose(ours.state_information_gain, found["epistemic_of_steps"], rtol=1e-9)
    np.testing.assert_allclose(ours.total, found["total"], rtol=1e-9)


@pytest.mark.parametrize(
    "name",
    [
        "no noise in the dynamics, first state partly known",
        "sharp sensor, vague belief",
        "random, more readings than states",
        "R(x) and Q(x), four steps",
    ],
)
def test_expected_free_energy_in_float32(name: str) -> None:
    case = CASES[name]["given"]
    ours = model_of(case).expected_free_energy(
        case["actions"], case["preference_mean"], case["preference_precision"]
    )
    assert ours.pragmatic.dtype == jnp.float32
    scale = float(ours.pragmatic.sum() + ours.state_information_gain.sum())
    assert abs(float(ours.total) - CASES[name]["cpomdp"]["total"]) < 1e-5 * scale


def test_a_belief_may_stand_in_for_the_prior() -> None:
    belief = Belief([1.0, 2.0], [[0.1, 0.0], [0.0, 0.2]])
    arguments = (jnp.ones((4, 2)), jnp.zeros(1), jnp.eye(1))
    given = make_model().expected_free_energy(*arguments, belief=belief)
    prior = make_model(prior=belief).expected_free_energy(*arguments)
    np.testing.assert_array_equal(given.of_steps, prior.of_steps)


def test_preferences_over_states_and_for_each_step() -> None:
    model, actions = make_model(), jnp.ones((2, 2))
    mean = jnp.zeros((2, 2))
    last = jnp.stack([jnp.zeros((2, 2)), jnp.eye(2)])
    found = model.expected_free_energy(actions, mean, last, preferred="states")
    assert found.pragmatic[0] == 0
    assert found.pragmatic[1] > 0


@pytest.mark.parametrize(
    ("arguments", "changed", "said"),
    [
        ((np.ones((3, 2)), [0.0], [[1.0]]), {"control": None}, "the model has no control"),
        ((np.ones((3, 1)), [0.0], [[1.0]]), {}, "actions has the shape (3, 1)"),
        ((np.ones((0, 2)), [0.0], [[1.0]]), {}, "actions has no rows"),
        ((np.ones((3, 2)), [0.0, 1.0], [[1.0]]), {}, "preference_mean has the shape (2,)"),
        ((np.ones((3, 2)), [0.0], [1.0]), {}, "preference_precision has the shape (1,)"),
        ((np.ones((3, 2)), [np.inf], [[1.0]]), {}, "preference_mean[0] is inf"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(arguments: Any, changed: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}[^\n]*$"):
        make_model(**changed).expected_free_energy(*arguments)


def test_an_unknown_preference_or_belief_is_refused() -> None:
    arguments: Any = (np.ones((3, 2)), [0.0], [[1.0]])
    with pytest.raises(ValueError, match=r"^preferred is 'actions'[^\n]*$"):
        make_model().expected_free_energy(*arguments, preferred="actions")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^belief has a mean of the shape \(1,\)[^\n]*$"):
        make_model().expected_free_energy(*arguments, belief=Belief([0.0], [[1.0]]))


# Where information can be sought.

PLANS = jnp.asarray(np.random.default_rng(0).normal(size=(20, 5, 2)))
GOAL = (jnp.zeros(1), jnp.eye(1))


def gains(model: LinearGaussianModel, plans: jax.Array) -> jax.Array:
    """State information gain per step of each plan."""
    scored = jax.vmap(lambda plan: model.expected_free_energy(plan, *GOAL))(plans)
    return scored.state_information_gain


def slope_of_gains(model: LinearGaussianModel) -> jax.Array:
    """How the state information gain of a whole plan answers each of its actions."""
    return jax.grad(lambda plan: gains(model, plan[None]).sum())(PLANS[0])


def test_with_constant_matrices_no_action_teaches_more_than_another() -> None:
    """The gain is bit for bit the same, and its derivative by any action is exactly zero."""
    model = make_model()
    found = np.asarray(gains(model, 100 * PLANS))
    assert (found == found[0]).all()
    assert (found > 0).all()
    assert (slope_of_gains(model) == 0).all()
    sensor = CallableSensor(lambda x: x[:1], [[0.1]], 1)
    noise = CallableProcessNoise(lambda x: jnp.asarray(PARTS["dynamics_noise"]) + 0 * x)
    same = make_model(observation=sensor, process_noise=noise)
    np.testing.assert_allclose(gains(same, PLANS), found, rtol=1e-5)
    assert (slope_of_gains(same) == 0).all()


@pytest.mark.parametrize(
    "changed",
    [
        {"observation": CallableSensor(lambda x: x[:1], lambda x: 0.1 + x[:1, None] ** 2, 1)},
        {"process_noise": CallableProcessNoise(lambda x: (0.02 + x @ x) * jnp.eye(2))},
        {
            "observation": CallableSensor(lambda x: jnp.sin(x[:1]), [[0.1]], 1),
            "sensor_model": [[np.cos(0.3), 0.0]],
        },
    ],
    ids=["R(x)", "Q(x)", "nonlinear sensor"],
)
@pytest.mark.usefixtures("float64")
def test_where_noise_or_slope_depends_on_the_state_actions_matter(changed: dict[str, Any]) -> None:
    model = make_model(**changed)
    assert np.ptp(gains(model, PLANS).sum(1)) > 0.1
    slope = slope_of_gains(model)
    assert (jnp.abs(slope).max(1) > 1e-4).all()
    along = jnp.zeros((5, 2)).at[1, 0].set(1e-5)
    up, down = (gains(model, (PLANS[0] + sign * along)[None]).sum() for sign in (1, -1))
    np.testing.assert_allclose(slope[1, 0], (up - down) / 2e-5, rtol=1e-6)


@pytest.mark.usefixtures("float64")
def test_with_uncertain_parameters_actions_matter() -> None:
    """Larger regressors teach more of the matrix, though they teach nothing of the state."""
    A, B = jnp.asarray(PARTS["dynamics"]), jnp.asarray(PARTS["control"])

    def taught(plan):
        def move(x, u):
            return A @ x + B @ u, jnp.concatenate([x, u])

        _, regressors = jax.lax.scan(move, jnp.asarray([0.3, -0.2]), plan)
        return parameter_information_gain(*Trials(regressors, 2 * jnp.eye(4), 2)).sum()

    found = jax.vmap(taught)(PLANS)
    assert np.ptp(found) > 0.1
    assert (jnp.abs(jax.grad(taught)(PLANS[0])).max(1) > 1e-4).all()
    assert (jax.vmap(taught)(10 * PLANS) > found).all()


@pytest.mark.usefixtures("float64")
def test_the_beacon_is_worth_the_detour_until_its_noise_is_constant() -> None:
    case = CASES["beacon: detour"]["given"]
    goal = (case["preference_mean"], case["preference_precision"])
    plans = [
        CASES[f"beacon: {name}"]["given"]["actions"] for name in ("detour", "straight to the goal")
    ]

    def difference(model: LinearGaussianModel) -> jax.Array:
        detour, straight = (model.expected_free_energy(plan, *goal) for plan in plans)
        return detour.total - straight.total

    model = model_of(case)
    assert difference(model) < -1
    assert difference(dataclasses.replace(model, observation=None)) > 0
