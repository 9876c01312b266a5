"""Networks as plain pytrees, and the one way to train them: Adam on random batches."""

from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jax.tree_util import Partial
from jaxtyping import Array, Float

from .pose import Layers

Parameters = TypeVar("Parameters")  # any pytree of weights

_RESIDUAL = 0.1  # of the linear part, the size that a network's correction has at first


class Network(NamedTuple):
    """A linear map plus a small dense network: ``x linear + f(x)``.

    ``linear`` is ``(in, out)``; ``layers`` are the weights and biases of ``f``, with SiLU between
    them, which is smooth, as the gradient of a message should be.
    """

    linear: Float[Array, "in out"]
    layers: Layers

    def __call__(self, inputs: Float[Array, "*batch in"]) -> Float[Array, "*batch out"]:
        """The output; of many inputs along leading axes."""
        hidden = inputs
        for weight, bias in self.layers[:-1]:
            hidden = jax.nn.silu(hidden @ weight + bias)
        weight, bias = self.layers[-1]
        return inputs @ self.linear + hidden @ weight + bias


def linear_network(
    key: Array,
    linear: Float[Array, "in out"],
    bias: Float[Array, "out"],
    hidden: tuple[int, ...],
    norm: float,
) -> Network:
    """A network that is all but linear at first: random layers of widths ``hidden`` for inputs of
    the length ``norm``, the last of which is weak."""
    sizes = [linear.shape[0], *hidden, linear.shape[1]]
    norms = [norm, *(size**0.5 for size in hidden)]
    keys = jax.random.split(key, len(norms))
    layers = [
        (jax.random.normal(k, shape, linear.dtype) / length, jnp.zeros(shape[1], linear.dtype))
        for k, shape, length in zip(keys, pairwise(sizes), norms, strict=True)
    ]
    layers[-1] = (_RESIDUAL * layers[-1][0], bias)
    return Network(linear, tuple(layers))


@partial(jax.jit, static_argnames="batch")
def ascend(
    objective: Partial,
    parameters: Parameters,
    rows: Any,
    key: Array,
    rates: Float[Array, "steps"],
    batch: int,
) -> tuple[Parameters, Float[Array, "steps"]]:
    """Adam up the gradient of ``objective``, one step for each of the learning ``rates``.

    ``objective(parameters, some_rows, key)`` is the mean over rows (``jax.tree_util.Partial``: its
    bound arguments are data); each step sees a random batch of the leaves of ``rows``. Returns the
    parameters, and the objective before each step. A step whose gradient is not finite is skipped.
    Kingma and Ba, Adam, ICLR 2015.
    """
    count = jax.tree.leaves(rows)[0].shape[0]
    flat, restored = ravel_pytree(parameters)  # one vector: far less to compile
    adam = optax.scale_by_adam()

    def step(carry, given):
        weights, state = carry
        key, rate = given
        key_rows, key_noise = jax.random.split(key)
        chosen = jax.random.randint(key_rows, (batch,), 0, count)
        some = jax.tree.map(lambda leaf: leaf[chosen], rows)
        value, gradient = jax.value_and_grad(
            lambda weights: objective(restored(weights), some, key_noise)
        )(weights)
        direction, after = adam.update(gradient, state)
        moved = weights + rate * direction, after
        finite = jnp.isfinite(gradient).all()
        return jax.tree.map(lambda new, old: jnp.where(finite, new, old), moved, carry), value

    keys = jax.random.split(key, rates.shape[0])
    carry, values = jax.lax.scan(step, (flat, adam.init(flat)), (keys, rates))
    return restored(carry[0]), values
