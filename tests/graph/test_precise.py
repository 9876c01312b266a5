"""Compiled queries: full precision, and whole inside other compiled functions."""

import jax
import jax.numpy as jnp
import pytest
from jopa_agent.agent.graph.precise import compiled


@compiled
def product(x, y):
    return x @ y


@compiled(static_argnames="times")
def repeated(x, times: int):
    if times < 0:
        raise ValueError("times is negative: it counts; give 0 or more")
    return x * times


X = jnp.arange(4.0).reshape(2, 2)


def test_products_are_asked_for_in_full_precision():
    text = str(jax.make_jaxpr(product)(X, X))
    assert "HIGHEST" in text


@pytest.mark.parametrize(
    "wrap",
    [
        lambda f: f,
        jax.jit,
        jax.vmap,
        lambda f: jax.grad(lambda x: f(x).sum()),
        lambda f: jax.jit(lambda _: f(X)),
        lambda f: lambda x: jax.lax.scan(lambda c, _: (f(c), 0), x, None, length=2)[0],
    ],
    ids=["alone", "jit", "vmap", "grad", "of constants in jit", "scan"],
)
def test_it_serves_alone_and_inside_of_others(wrap):
    found = wrap(lambda x: repeated(x, times=3))(X)
    expected = wrap(lambda x: 3 * x)(X)
    assert (found == expected).all()


def test_errors_from_inside_are_the_callers():
    with pytest.raises(ValueError, match="times is negative"):
        repeated(X, times=-1)
