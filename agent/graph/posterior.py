"""What a query about states returns."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from .block import Block
from .check import is_traced, pytree
from .gaussian import Belief


@pytree("joint", "evidence", "free_energy", "blocks")
@dataclass(frozen=True, eq=False)
class Posterior:
    """Beliefs about every state of one trajectory of ``T`` steps.

    ``joint``: stacked over time, about the state of all blocks side by side. ``evidence``: log
    evidence of the observations, ``()`` from smoothing, ``(T,)``, what each step adds, from
    filtering; ``free_energy`` is its negative: that of ``q(x)`` under the present parameters.
    """

    joint: Belief
    evidence: Float[Array, "..."]
    free_energy: Float[Array, "..."]
    blocks: tuple[Block, ...]

    @property
    def beliefs(self) -> dict[str, Belief]:
        """Beliefs by block, each stacked over time: ``mean`` ``(T, n)``, ``cov`` ``(T, n, n)``."""
        return slices(self.blocks, self.joint)

    @property
    def predictions(self) -> dict[str, Any]:
        """By block, what its sensors would observe at the expected states, ``(T, ...)``.

        Blocks whose sensors cannot tell are left out; where a block has several sensors, its
        entry is a dict of them.
        """
        found = {}
        for block in self.blocks:
            mean = self.beliefs[block.name].mean
            told = {name: _expected(sensor, mean) for name, sensor in block.sensors.items()}
            told = {name: value for name, value in told.items() if value is not None}
            if told:
                single = len(block.sensors) == 1
                found[block.name] = next(iter(told.values())) if single else told
        return found


def slices(blocks: tuple[Block, ...], joint: Belief) -> dict[str, Belief]:
    """Marginals of the blocks' slices."""
    found, start = {}, 0
    for block in blocks:
        own = slice(start, start + block.dim)
        found[block.name] = Belief.of(joint.mean[..., own], joint.root[..., own, :])
        start += block.dim
    return found


def trim(values: Any, length: int) -> Any:
    """The first ``length`` steps of arrays stacked over time, without compiling anything."""
    return jax.tree.map(lambda x: (x if _traced(x) else np.asarray(x))[:length], values)


def _expected(sensor: Any, means: Float[Array, "T n"]) -> Any:
    if sensor.expect(means[0]) is None:
        return None
    try:
        return jax.vmap(sensor.expect)(means)
    except jax.errors.JAXTypeError:
        return np.stack([sensor.expect(mean) for mean in np.asarray(means)])


def _traced(value: Any) -> bool:
    return is_traced(value)
