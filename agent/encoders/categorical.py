"""The encoder of categories: a continuous emission to a distribution over a few observations."""

from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .pose import Layers

_LEAST = 1e-8  # of any probability: a logarithm of it is taken


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["centre", "scale", "layers", "temperature"],
    meta_fields=[],
)
@dataclass(frozen=True)
class CategoricalEncoder:
    """``softmax(f((x - centre) / scale) / temperature)`` with a small network ``f``.

    ``centre`` and ``scale`` ``(d,)`` are those of the emissions that it was trained with;
    ``layers`` the weights and biases, with tanh between them.
    """

    centre: Float[Array, "d"]
    scale: Float[Array, "d"]
    layers: Layers
    temperature: Float[Array, ""]

    def __call__(self, emission: Float[Array, "*batch d"]) -> Float[Array, "*batch k"]:
        """The distribution over the categories; of many emissions along leading axes."""
        told = jnp.maximum(jax.nn.softmax(self.logits(emission)), _LEAST)
        return told / told.sum(axis=-1, keepdims=True)

    def logits(self, emission: Float[Array, "*batch d"]) -> Float[Array, "*batch k"]:
        """Logarithms of the distribution, but for a constant."""
        hidden = (emission - self.centre) / self.scale
        for weight, bias in self.layers[:-1]:
            hidden = jnp.tanh(hidden @ weight + bias)
        weight, bias = self.layers[-1]
        return (hidden @ weight + bias) / self.temperature

    def category(self, emission: Float[Array, "*batch d"]) -> Int[Array, "*batch"]:
        """The likeliest category."""
        return self.logits(emission).argmax(axis=-1)

    @property
    def categories(self) -> int:
        """How many there are."""
        return self.layers[-1][1].shape[0]

    def with_layers(self, layers: Layers) -> "CategoricalEncoder":
        """The same encoder with another network."""
        return replace(self, layers=layers)


def random_layers(key: Array, inputs: int, width: int, categories: int) -> Layers:
    """Two hidden layers of ``width`` and the last, drawn at random: what training begins with."""
    sizes = pairwise([inputs, width, width, categories])
    return tuple(
        (jax.random.uniform(one, shape, minval=-1.0, maxval=1.0) / shape[0] ** 0.5,
         jnp.zeros(shape[1]))
        for one, shape in zip(jax.random.split(key, 3), sizes, strict=True)
    )  # fmt: skip


def encoder_for(
    emissions: Float[Array, "*batch d"], layers: Layers, temperature: float
) -> CategoricalEncoder:
    """The encoder with these ``layers``, for emissions that spread as these do."""
    rows = emissions.reshape(-1, emissions.shape[-1])
    warmth = jnp.asarray(temperature, jnp.float32)
    return CategoricalEncoder(rows.mean(axis=0), rows.std(axis=0), layers, warmth)
