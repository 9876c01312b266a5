"""Filtering as observations come in, one step at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .block import Block
from .check import is_traced, pytree, replaced
from .data import Trajectory, checked_controls, gather, length_of
from .filter import filter_step
from .gaussian import Belief, Gaussian
from .inference import Inference
from .posterior import slices
from .rows import Rows
from .sensors import Readings
from .system import Data, JointTransition, System

if TYPE_CHECKING:
    from .joint import JointModel


class Filtering(NamedTuple):
    """The state of a stream.

    ``joint``: belief about the state of all blocks side by side; ``evidence``: log evidence of
    the newest observation; ``surprise``: its innovation in sigmas; ``fresh`` says that nothing
    has been observed yet.
    """

    joint: Belief
    evidence: Float[Array | np.ndarray, ""]
    surprise: Float[Array | np.ndarray, "m"]
    fresh: Bool[Array, ""] | np.bool

    @property
    def free_energy(self) -> Float[Array | np.ndarray, ""]:
        """Negative log evidence of the newest observation."""
        return -self.evidence

    def beliefs(self, blocks: tuple[Block, ...]) -> dict[str, Belief]:
        """Beliefs by block."""
        return slices(blocks, self.joint)


def begin(model: "JointModel", prior: Belief) -> Filtering:
    """The state before the first observation, of the shapes that all later ones have."""
    n = model.dim
    float_ = jnp.result_type(float)
    root = jnp.zeros((n, n), float_).at[:, : prior.root.shape[1]].set(prior.root)
    zero, mean = np.zeros((), float_), prior.mean.astype(float_)
    blank = np.zeros(model.controls, float_)
    start = (mean, root, np.bool_(True))
    shapes = jax.eval_shape(_advance, _lean(model), start, blank, single(model, {}))
    return Filtering(Belief.of(mean, root), zero, np.zeros(shapes[3].shape, float_), start[2])


def advance(
    model: "JointModel", state: Filtering, observation: Trajectory | None, control: Any
) -> Filtering:
    """The stream one step later."""
    control = one_control(model, state, control)
    now = (state.joint.mean, state.joint.root, state.fresh)
    found = _advance(_lean(model), now, control, single(model, observation or {}))
    return Filtering(Belief.of(found[0], found[1]), found[2], found[3], np.bool_(False))


def one_control(model: "JointModel", state: Filtering, control: Any) -> Array:
    """The control ``(p,)`` before one step; zero before the first."""
    if control is not None:
        return checked_controls(np.reshape(control, (1, -1)), 2, model.controls, "control")[0]
    if model.controls and not _may_be_first(state.fresh):
        raise ValueError(
            f"control is missing: the model has {model.controls}, and this is not the first step; "
            "give what was applied since the last observation"
        )
    return np.zeros(model.controls, jnp.result_type(float))  # type: ignore[return-value]


def _may_be_first(fresh: Any) -> bool:
    return is_traced(fresh) or bool(fresh)


@jax.jit
def _advance(graph: "_Graph", now, control: Array, given):
    mean, root, fresh = now
    readings, rows = given
    live = jnp.ones(1, mean.dtype)
    data = Data(readings, rows, jnp.zeros((0, control.shape[0])), live, live)
    belief = Belief.of(mean, root)
    told = filter_step(
        graph.system, graph.inference, belief, control.astype(mean.dtype), data, fresh
    )
    return told.belief.mean, told.belief.root, told.evidence, told.surprise


@pytree("system", static=("inference",))
@dataclass(frozen=True, eq=False)
class _Graph:
    """What filtering needs of a model, and no more: calls are paid for by the array."""

    system: System
    inference: Inference


@jax.jit
def _system(model: "JointModel") -> System:
    return model.system()


_LEAN: WeakKeyDictionary = WeakKeyDictionary()


def _lean(model: "JointModel") -> _Graph:
    """The model's factors, worked out once, without the priors and posteriors of parameters."""
    found = _LEAN.get(model)
    if found is None:
        traced = any(is_traced(x) for x in jax.tree.leaves(model))
        system = _system(model)
        parts = tuple(
            part if part.certain else replaced(part, prior=None, posterior=None)
            for part in system.transition.parts
        )
        system = replaced(system, transition=JointTransition(parts), prior=None)
        found = _Graph(system, model.inference)
        if not traced:
            _LEAN[model] = found
    return found


def single(model: "JointModel", observation: Trajectory) -> tuple[tuple[Readings, ...], Rows]:
    """Readings and messages of one step."""
    blocks = model.blocks
    none = _blank(model.dim, jnp.result_type(float))
    if len(blocks) == 1 == len(observation) == len(blocks[0].observe) and "" in blocks[0].observe:
        block = blocks[0]
        value = observation.get(block.name)
        if value is not None and not isinstance(value, Gaussian | Belief | Mapping):
            return (block.observe[""].gather(block.name, _one(value)),), none
    sequences = {
        name: {key: _one(one) for key, one in value.items()}
        if isinstance(value, Mapping)
        else _one(value)
        for name, value in observation.items()
    }
    if sequences:
        length_of(blocks, sequences, None)
    data = gather(blocks, sequences, np.zeros((0, model.controls)), 1)
    return data.readings, data.messages


def _one(value: Any) -> Any:
    return value[None] if is_traced(value) else [value]


@lru_cache
def _blank(dim: int, dtype: Any) -> Rows:
    zeros: Any = np.zeros
    return Rows(zeros((1, 0, dim), dtype), zeros((1, 0), dtype), zeros(1, dtype))
