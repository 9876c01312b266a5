"""Monomials against products that are written out."""

from itertools import product
from math import comb, prod

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jopa_agent.agent.graph.features import PolynomialFeatures, polynomial_powers

evaluated = jax.jit(lambda features, inputs: features(inputs))

SIZES = [(1, 1, 1, 0), (2, 1, 3, 2), (4, 1, 3, 2), (2, 2, 2, 3), (3, 0, 2, 0), (1, 2, 0, 2)]


@given(
    states=st.integers(1, 4),
    controls=st.integers(0, 3),
    degree=st.integers(0, 4),
    control_degree=st.integers(0, 3),
)
def test_the_monomials_are_all_that_the_degrees_allow_and_each_once(
    states: int, controls: int, degree: int, control_degree: int
):
    powers = polynomial_powers(states, controls, degree, control_degree)
    exponents = [tuple(power.count(i) for i in range(states + controls)) for power in powers]
    expected = {
        (*of_states, *of_controls)
        for of_states in product(range(max(degree, control_degree) + 1), repeat=states)
        for of_controls in product(range(2), repeat=controls)
        if (sum(of_states) <= degree and sum(of_controls) == 0)
        or (sum(of_states) <= control_degree and sum(of_controls) == 1)
    }
    assert len(set(exponents)) == len(powers)
    assert set(exponents) == expected


@given(
    states=st.integers(1, 4),
    controls=st.integers(0, 3),
    degree=st.integers(0, 4),
    control_degree=st.integers(0, 3),
)
def test_powers_are_ordered_by_degree_and_hold_their_prefixes(
    states: int, controls: int, degree: int, control_degree: int
):
    powers = polynomial_powers(states, controls, degree, control_degree)
    assert list(map(len, powers)) == sorted(map(len, powers))
    assert powers[0] == ()
    assert {power[:-1] for power in powers if power} <= set(powers)


def test_the_recipes_count():
    count = len(polynomial_powers(4, 1, 3, 2))
    assert count == comb(4 + 3, 3) + comb(4 + 2, 2)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.usefixtures("float64")
def test_each_value_is_the_product_of_its_scaled_inputs(sizes: tuple[int, int, int, int]):
    powers = polynomial_powers(*sizes)
    rng = np.random.default_rng(0)
    scale, inputs = rng.uniform(0.5, 2, sizes[0] + sizes[1]), rng.normal(size=sizes[0] + sizes[1])
    features = PolynomialFeatures(jnp.asarray(scale), powers)
    expected = [prod(inputs[i] / scale[i] for i in power) for power in powers]
    assert features.count == len(expected)
    # the same few products in another order: a rounding each
    np.testing.assert_allclose(evaluated(features, jnp.asarray(inputs)), expected, rtol=1e-14)


def test_at_zero_only_the_constant_is_left():
    features = PolynomialFeatures(jnp.ones(3), polynomial_powers(2, 1, 3, 2))
    values = evaluated(features, jnp.zeros(3))
    assert values.dtype == jnp.float32
    assert values[0] == 1
    assert not values[1:].any()


@pytest.mark.usefixtures("float64")
def test_beyond_its_reach_an_input_counts_as_at_its_reach():
    powers = polynomial_powers(2, 1, 3, 2)
    scale, inputs = np.array([0.5, 2.0, 1.0]), np.array([-4.0, 3.0, 1e9])
    features = PolynomialFeatures(jnp.asarray(scale), powers, reach=3.0)
    held = [-3.0, 1.5, 3.0]
    expected = [prod(held[i] for i in power) for power in powers]
    np.testing.assert_allclose(evaluated(features, jnp.asarray(inputs)), expected, rtol=1e-14)
    slope = jax.jit(jax.jacfwd(lambda x: features(x)))(jnp.asarray(inputs))
    assert not slope[:, [0, 2]].any()
    assert slope[:, 1].any()
