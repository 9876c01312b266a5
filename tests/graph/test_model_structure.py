"""Declared structure: what it finds, what it prints, and what it refuses to believe of a model."""

import re
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.gaussian import Belief
from jopa_agent.agent.graph.known import CallableProcessNoise
from jopa_agent.agent.graph.linear_gaussian_model import LinearGaussianModel
from jopa_agent.agent.graph.model_structure import ModelStructure

TWO = {"arm": [0, 2], "ball": [1]}


def make_model(**changed: Any) -> LinearGaussianModel:
    """Three states in which 0 and 2 move together and 1 on its own; each is read."""
    parts: dict[str, Any] = {
        "dynamics": [[1.0, 0.0, 0.1], [0.0, 0.9, 0.0], [0.0, 0.0, 1.0]],
        "sensor_model": np.eye(3),
        "dynamics_noise": [[0.2, 0.0, 0.1], [0.0, 0.3, 0.0], [0.1, 0.0, 0.2]],
        "sensor_noise": np.eye(3),
        "prior": Belief(np.zeros(3), np.eye(3)),
    }
    return LinearGaussianModel(**(parts | changed))


def test_it_finds_what_was_declared() -> None:
    structure = ModelStructure.from_dicts(
        factors=TWO, roles={"internal": [0, 2], "external": (1,)}, channels={"eye": range(2)}
    )
    assert structure.factor_names == ("arm", "ball")
    assert structure.factor("arm") == (0, 2)
    assert structure.channel("eye") == (0, 1)
    assert structure.role_of(1) == "external"
    assert structure.role_of(7) is None
    structure.validate(make_model(sensor_model=[[1.0, 0, 0], [0, 0, 2.0], [0, 1.0, 0]]))


def test_pairs_and_dicts_say_the_same_and_hash() -> None:
    pairs = ModelStructure(factors=[("arm", [0, 2]), ("ball", [1])])
    named = ModelStructure.from_dicts(factors=TWO)
    assert pairs == named
    assert hash(pairs) == hash(named)
    assert pairs != ModelStructure()
    assert pairs.factors == (("arm", (0, 2)), ("ball", (1,)))


def test_summary_names_every_group() -> None:
    text = ModelStructure.from_dicts(factors=TWO, channels={"eye": [0]}).summary()
    assert text.splitlines() == [
        "factors:",
        "  arm: states 0, 2",
        "  ball: states 1",
        "roles: none declared",
        "channels:",
        "  eye: rows 0",
    ]


def test_nothing_declared_fits_every_model() -> None:
    ModelStructure().validate(make_model(dynamics=np.ones((3, 3))))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"factors": [("arm", [0]), ("arm", [1])]}, "factors names 'arm' twice"),
        ({"roles": [("active", [0.5])]}, "roles['active'] holds 0.5"),
        ({"channels": [("eye", [-1])]}, "channels['eye'] holds -1"),
        ({"factors": [("arm", ["x"])]}, "factors['arm'] holds 'x'"),
    ],
)
def test_it_refuses_what_no_model_could_mean(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}.*$"):
        ModelStructure(**arguments)


@pytest.mark.parametrize("look_up", ["factor", "channel"])
def test_an_unknown_name_lists_the_known_ones(look_up: str) -> None:
    structure = ModelStructure.from_dicts(factors={"arm": [0]}, channels={"arm": [0]})
    with pytest.raises(ValueError, match=f"no {look_up} is named 'leg'.*declared: 'arm'"):
        getattr(structure, look_up)("leg")


@pytest.mark.parametrize(
    ("declared", "changed", "said"),
    [
        ({"factors": {"arm": [0, 3]}}, {}, "factors['arm'] holds 3: the model has only 3"),
        ({"channels": {"eye": [3]}}, {}, "channels['eye'] holds 3: the model has only 3"),
        ({"roles": {"a": [0, 1], "b": [1, 2]}}, {}, "roles['b'] holds 1, which 'a' holds"),
        ({"channels": {"a": [0, 0]}}, {}, "channels['a'] holds 0, which 'a' holds"),
        ({"factors": {"arm": [0, 2]}}, {}, "factors leaves out the states [1]"),
        ({"roles": {"internal": [1]}}, {}, "roles leaves out the states [0, 2]"),
        (
            {"factors": TWO},
            {"dynamics": [[1.0, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]},
            "dynamics[0, 1] is 0.5: it ties the factors 'arm' and 'ball'",
        ),
        (
            {"factors": TWO},
            {"dynamics": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -0.5, 1.0]]},
            "dynamics[2, 1] is -0.5",
        ),
        (
            {"factors": TWO},
            {"dynamics_noise": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.2], [0.0, 0.2, 1.0]]},
            "dynamics_noise[2, 1] is 0.2",
        ),
        (
            {"factors": TWO, "channels": {"eye": [0, 1]}},
            {},
            "channels['eye'] reads from the factors ['arm', 'ball']",
        ),
    ],
)
def test_validate_names_what_does_not_fit(declared: Any, changed: Any, said: str) -> None:
    structure = ModelStructure.from_dicts(**declared)
    with pytest.raises(ValueError, match=f"^{re.escape(said)}[^\n]*$"):
        structure.validate(make_model(**changed))


def test_entries_within_the_tolerance_count_as_zero() -> None:
    structure = ModelStructure.from_dicts(factors=TWO)
    model = make_model(dynamics=np.eye(3) + 1e-4 * np.ones((3, 3)))
    structure.validate(model, atol=1e-3)
    with pytest.raises(ValueError, match="ties the factors"):
        structure.validate(model)


def test_noise_that_depends_on_the_state_is_not_held_against_factors() -> None:
    """There is no one matrix to look at; the nominal one stands for nothing."""
    tied = 0.1 * np.ones((3, 3)) + np.eye(3)
    noise = CallableProcessNoise(lambda x: (1 + x @ x) * jnp.asarray(tied, x.dtype))
    structure = ModelStructure.from_dicts(factors=TWO)
    structure.validate(make_model(dynamics_noise=tied, process_noise=noise))


def test_a_matrix_that_is_not_a_number_is_not_zero() -> None:
    model = make_model()
    leaves, _ = model.tree_flatten()
    broken = LinearGaussianModel.tree_unflatten(None, (jnp.full((3, 3), jnp.nan), *leaves[1:]))
    with pytest.raises(ValueError, match="dynamics\\[0, 1\\] is nan"):
        ModelStructure.from_dicts(factors=TWO).validate(broken)
