"""Filtering as observations come in, one step at a time."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .block import Block
from .check import default_float, is_traced, replaced
from .check_query import one_observation, stream_state
from .data import Trajectory, checked_controls, gather, length_of
from .filter import filter_step
from .gaussian import Belief
from .inference import Inference
from .posterior import slices
from .precise import compiled
from .readings import Readings
from .rows import Rows
from .system import Data, JointTransition, System

if TYPE_CHECKING:
    from .joint import JointModel


_LATER = np.bool_(False)


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
    float_ = default_float()
    root = jnp.zeros((n, n), float_).at[:, : prior.root.shape[1]].set(prior.root)
    zero, mean = np.zeros((), float_), prior.mean.astype(float_)
    blank = np.zeros(model.controls, float_)
    start = (mean, root, np.bool_(True))
    graph = _lean(model)
    shapes = jax.eval_shape(
        partial(_advance, graph.form), graph.numbers, start, blank, single(model, {})
    )
    return Filtering(Belief.of(mean, root), zero, np.zeros(shapes[3].shape, float_), start[2])


def advance(
    model: "JointModel", state: Filtering, observation: Trajectory | None, control: Any
) -> Filtering:
    """The stream one step later."""
    graph = _lean(model)
    stream_state(state, Filtering, graph.dim)
    mean, root = state.joint.mean, state.joint.root
    whole = None if state.fresh is not _LATER else _whole(graph.plain, observation, control)
    if whole is not None:
        found = _advance_whole(graph.form, graph.numbers, mean, root, whole)
    else:
        given = single(model, one_observation(observation))
        control = one_control(graph.controls, state, control)
        found = _advance(graph.form, graph.numbers, (mean, root, state.fresh), control, given)
    return Filtering(Belief.of(found[0], found[1]), found[2], found[3], _LATER)


def _whole(plain: "_Plain | None", observation: Any, control: Any) -> np.ndarray | None:
    """Control and reading end to end, which is quicker to hand over, where they are arrays of
    finite floats of the right shapes; None, and the long way, where they are not."""
    if plain is None or type(observation) is not dict or len(observation) != 1:
        return None
    reading = observation.get(plain.block)
    if type(reading) is not np.ndarray or reading.shape != (plain.outputs,):
        return None
    if control is None and not plain.controls:
        whole = reading
    elif type(control) is np.ndarray and control.shape == (plain.controls,) and plain.controls:
        whole = np.concatenate((control, reading))
    else:
        return None
    return whole if whole.dtype.kind == "f" and math.isfinite(whole.sum()) else None


def one_control(size: int, state: Filtering, control: Any) -> Array:
    """The control ``(size,)`` before one step; zero before the first."""
    if control is not None:
        if not is_traced(state.fresh) and bool(state.fresh):
            raise ValueError(
                "control is given at the first step of a stream: it led to no observation, and "
                "would be left out; give None there"
            )
        return checked_controls(np.reshape(control, (1, -1)), 2, size, "control")[0]
    if size and not _may_be_first(state.fresh):
        raise ValueError(
            f"control is missing: the model has {size}, and this is not the first step; "
            "give what was applied since the last observation"
        )
    return np.zeros(size, default_float())  # type: ignore[return-value]


def _may_be_first(fresh: Any) -> bool:
    return is_traced(fresh) or bool(fresh)


@compiled(lean=True, static_argnums=0)
def _advance_whole(form: "_Form", numbers: Array, mean: Array, root: Array, whole: Array):
    assert form.plain is not None
    control, reading = jnp.split(whole.astype(mean.dtype), [form.plain.controls])
    given = Given((Readings(reading[None], jnp.ones(1, bool)),), None)
    return _one_step(form, numbers, (mean, root, jnp.bool_(False)), control, given)


@compiled(lean=True, static_argnums=0)
def _advance(form: "_Form", numbers: Array, now, control: Array, given: "Given"):
    return _one_step(form, numbers, now, control, given)


def _one_step(form: "_Form", numbers: Array, now, control: Array, given: "Given"):
    mean, root, fresh = now
    live = jnp.ones(1, mean.dtype)
    rows = rows_of(given, live, mean.shape[0])
    data = Data(given.readings, rows, jnp.zeros((0, control.shape[0])), live, live)
    belief, control = Belief.of(mean, root), control.astype(mean.dtype)
    told = filter_step(form.system(numbers), form.inference, belief, control, data, fresh)
    return told.belief.mean, told.belief.root, told.evidence, told.surprise


class Given(NamedTuple):
    """What was observed at one step; ``messages`` are None where there are none."""

    readings: tuple[Readings, ...]
    messages: Rows | None


def rows_of(given: Given, live: Float[Array, "T"], dim: int) -> Rows:
    """Its messages as rows, over the steps of ``live``."""
    steps, float_ = live.shape[0], live.dtype
    none = Rows(jnp.zeros((steps, 0, dim), float_), jnp.zeros((steps, 0), float_), 0 * live)
    return none if given.messages is None else given.messages


class _Plain(NamedTuple):
    """The commonest model: one block with one sensor, whose readings are vectors."""

    block: str
    controls: int
    outputs: int


@dataclass(frozen=True, eq=False)
class _Form:
    """All of a model but its numbers: what a compiled step depends on. There is one object for
    each, which is told by its identity."""

    structure: Any
    shapes: tuple[tuple[tuple[int, ...], Any], ...]
    inference: Inference
    plain: _Plain | None

    def system(self, numbers: Float[Array, "k"]) -> System:
        """The system whose arrays were laid end to end."""
        ends = np.cumsum([math.prod(shape) for shape, _ in self.shapes])
        pieces = jnp.split(numbers, ends[:-1])
        arrays = [
            piece.reshape(shape).astype(dtype)
            for piece, (shape, dtype) in zip(pieces, self.shapes, strict=True)
        ]
        return jax.tree.unflatten(self.structure, arrays)


_form = lru_cache(maxsize=256)(_Form)


class _Graph(NamedTuple):
    """A model taken apart, its arrays laid end to end: a call is paid for by the array, and by
    every node of a pytree."""

    form: _Form
    numbers: Float[Array, "k"]
    plain: _Plain | None
    controls: int
    dim: int


@compiled
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
        arrays, structure = jax.tree.flatten(system)
        shapes = tuple((x.shape, x.dtype) for x in arrays)
        numbers = jnp.concatenate([jnp.ravel(x).astype(default_float()) for x in arrays])
        plain = _plain(model)
        form = _form(structure, shapes, model.inference, plain)
        found = _Graph(form, numbers, plain, model.controls, model.dim)
        if not traced:
            _LEAN[model] = found
    return found


def _plain(model: "JointModel") -> _Plain | None:
    block, *others = model.blocks
    if others or list(block.observe) != [""]:
        return None
    outputs = getattr(block.observe[""], "outputs", None)
    return None if outputs is None else _Plain(block.name, model.controls, outputs)


def single(model: "JointModel", observation: Trajectory) -> Given:
    """Readings and messages of one step."""
    blocks = model.blocks
    sequences = {
        name: {key: _one(one) for key, one in value.items()}
        if isinstance(value, Mapping)
        else _one(value)
        for name, value in observation.items()
    }
    if sequences:
        length_of(blocks, sequences, None)
    data = gather(blocks, sequences, np.zeros((0, model.controls)), 1)
    return Given(data.readings, data.messages if data.messages.value.shape[1] else None)


def _one(value: Any) -> Any:
    numeric = isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim > 0
    return value[None] if numeric or is_traced(value) else [value]
