"""Checks of arguments: what passes, in which type, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent.graph import check


@pytest.mark.parametrize("value", [[1, 2], (1.0, 2.0), np.array([1, 2]), np.array([1.0, 2.0])])
def test_numbers_of_any_kind_become_floats_of_the_default_width(value: object):
    found = check.vector("x", value, 2)
    assert isinstance(found, jax.Array)
    assert found.dtype == jnp.float32
    assert found.tolist() == [1, 2]


@pytest.mark.usefixtures("float64")
def test_a_type_that_is_narrower_stays():
    assert check.vector("x", np.zeros(2, np.float32)).dtype == jnp.float32
    assert check.vector("x", np.zeros(2)).dtype == jnp.float64
    assert check.vector("x", jnp.zeros(2, jnp.bfloat16)).dtype == jnp.bfloat16
    assert check.scalar("x", 3).dtype == jnp.float64


def test_tracers_are_checked_for_their_shape_alone():
    @jax.jit
    def inside(x, count):
        check.covariance("x", x, 2, definite=True)
        check.scalar("x", x[0, 0], above=10.0)
        assert jnp.issubdtype(check.floats("count", count).dtype, jnp.floating)
        return check.vector("x", [x[0, 0], 1.0], 2)

    assert inside(jnp.array([[np.nan, 1.0], [2.0, 0.0]]), 3).shape == (2,)
    with pytest.raises(ValueError, match=r"x has the shape \(3, 3\), not \(2, 2\)"):
        inside(jnp.eye(3), 3)


@given(seed=st.integers(0, 2**32 - 1), rank=st.integers(0, 5))
@settings(max_examples=30)
def test_covariances_computed_in_float32_pass(seed: int, rank: int):
    """Whatever their rank; their rounding's asymmetry is taken away."""
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(5, rank)).astype(np.float32)
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0].astype(np.float32)
    cov = turn @ (factor @ factor.T) @ turn.T
    found = np.asarray(check.covariance("cov", cov))
    assert (found == found.T).all()
    np.testing.assert_allclose(found, cov, rtol=0, atol=1e-5 * np.abs(cov).max(initial=0.0))


def test_definiteness_is_judged_in_the_units_of_each_coordinate():
    scale = np.diag([1e-6, 1.0, 1e6])
    check.covariance("cov", scale @ (np.eye(3) + 0.5) @ scale, definite=True)
    for singular in (np.ones((2, 2)), np.diag([1.0, 0.0])):
        check.covariance("cov", singular)
        with pytest.raises(ValueError, match="cov is singular"):
            check.covariance("cov", singular, definite=True)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: check.vector("x", 1.0), ["x", "()", "(n,)"]),
        (lambda: check.vector("x", [1, 2], 3), ["x", "(2,)", "(3,)"]),
        (lambda: check.matrix("x", [1, 2]), ["x", "(2,)", "(m, n)"]),
        (lambda: check.matrix("x", np.eye(2), (None, 3)), ["(2, 2)", "(m, 3)"]),
        (lambda: check.matrix("x", [[1, -np.inf]]), ["x[0, 1]", "-inf"]),
        (lambda: check.covariance("x", np.ones((2, 3))), ["(2, 3)", "(n, n)"]),
        (lambda: check.covariance("x", np.diag([1.0, -1.0])), ["eigenvalue -1"]),
        (lambda: check.covariance("x", [[1, 0.1], [0.2, 1]]), ["[0, 1]", "[1, 0]", "0.1"]),
        (lambda: check.scalar("x", [1.0]), ["(1,)", "()"]),
        (lambda: check.scalar("x", np.nan), ["x is nan"]),
        (lambda: check.positive("x", 0), ["x is 0", "above 0"]),
        (lambda: check.whole("x", 1.5, 1), ["x is 1.5", "at least 1"]),
        (lambda: check.whole("x", True, 1), ["x is True"]),
        (lambda: check.whole("x", 0, 1), ["x is 0", "at least 1"]),
        (lambda: check.floats("x", None), ["x", "object"]),
        (lambda: check.floats("x", [[1], [1, 2]]), ["x", "rows of one length"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line(call, words: list[str]):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        call()
    line = str(caught.value)
    assert "\n" not in line
    assert all(word in line for word in words), line


def test_what_is_registered_is_rebuilt_without_its_constructor():
    @check.pytree("leaf", static=("name",))
    class Thing:
        leaf: jax.Array
        name: str

        def __init__(self, leaf, name: str) -> None:
            check.store(self, leaf=check.vector("leaf", leaf), name=name)

    thing = Thing([1, 2], "a")
    doubled = jax.tree.map(lambda x: 2 * x, thing)
    assert (doubled.leaf.tolist(), doubled.name) == ([2, 4], "a")
    assert jax.tree.structure(thing) != jax.tree.structure(Thing([1, 2], "b"))
    assert jax.tree.unflatten(jax.tree.structure(thing), ["any"]).leaf == "any"
    assert check.unchecked(Thing, leaf="x", name="c").leaf == "x"
    assert jax.jit(lambda x: x)(thing).name == "a"
