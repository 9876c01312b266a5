"""All factors of a model on one joint state: the graph, as the queries see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .chain import Chain
from .check import pytree
from .factor import Local, Parameters
from .gaussian import Belief
from .inference import Inference
from .linearise import regress_on, transition_near
from .readings import Readings, Sensor
from .rows import Rows, embed_rows, mask_rows, reading_rows, stack_rows
from .sensors import CallableSensor
from .square_root import free_root

# Several independent solves that are batched over this many steps can block each other for ever on
# a CPU with few cores (XLA's thread pool, jax 0.10): from here on one waits for the other.
_LONG = 10_000


@pytree("parts")
@dataclass(frozen=True)
class JointTransition:
    """Transitions side by side, each of its own slice of the state, driven by one control."""

    parts: tuple[Any, ...]

    @property
    def dim(self) -> int:
        """Number of coordinates of the joint state."""
        return sum(part.dim for part in self.parts)

    @property
    def controls(self) -> int:
        """Number of controls."""
        return max(part.controls for part in self.parts)

    @property
    def linear(self) -> bool:
        """Whether all parts are."""
        return all(part.linear for part in self.parts)

    @property
    def certain(self) -> bool:
        """Whether the parameters of all parts are known."""
        return all(part.certain for part in self.parts)

    def mean(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "n"]:
        """Expected next state."""
        pieces = zip(self.parts, self.split(state), strict=True)
        return jnp.concatenate([part.mean(x, control[: part.controls]) for part, x in pieces])

    def doubt(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "k"]:
        """Residues of the rows that uncertain parameters of all parts add."""
        pieces = zip(self.parts, self.split(state), strict=True)
        return jnp.concatenate([part.doubt(x, control[: part.controls]) for part, x in pieces])

    def local(
        self, state: Float[Array, "n"], control: Float[Array, "p"], parameters: Parameters
    ) -> Local:
        """First-order expansion: block-diagonal."""
        if len(self.parts) == 1:
            return self.parts[0].local(state, control, parameters)
        n = self.dim
        locals_, doubts, start = [], [], 0
        for part, x in zip(self.parts, self.split(state), strict=True):
            local = part.local(x, control[: part.controls], parameters)
            doubt = local.doubt.matrix
            wide = jnp.zeros((doubt.shape[0], n + control.shape[0]), doubt.dtype)
            wide = wide.at[:, start : start + part.dim].set(doubt[:, : part.dim])
            wide = wide.at[:, n : n + part.controls].set(doubt[:, part.dim :])
            pad = [(0, 0), (0, control.shape[0] - part.controls)]
            locals_.append(local._replace(along_control=jnp.pad(local.along_control, pad)))
            doubts.append(local.doubt._replace(matrix=wide))
            start += part.dim
        diagonal = jax.scipy.linalg.block_diag
        return Local(
            mean=jnp.concatenate([local.mean for local in locals_]),
            along_state=diagonal(*(local.along_state for local in locals_)),
            along_control=jnp.concatenate([local.along_control for local in locals_]),
            noise=diagonal(*(local.noise for local in locals_)),
            doubt=stack_rows(*doubts),
        )

    def split(self, state: Float[Array, "n"]) -> list[Array]:
        """The slices of the joint ``state``."""
        pieces, start = [], 0
        for part in self.parts:
            pieces.append(state[start : start + part.dim])
            start += part.dim
        return pieces


@pytree("transition", "sensors", "links", "prior", static=("starts",))
@dataclass(frozen=True)
class System:
    """Factors of one model: ``transition``; ``sensors``, each with the coordinate at which its
    block begins in ``starts``; ``links`` are the couplings' rows about one joint state; ``prior``
    is the belief about the first state."""

    transition: JointTransition
    sensors: tuple[Sensor, ...]
    links: Rows
    prior: Belief
    starts: tuple[tuple[int, int], ...]

    def linear(self, inference: Inference) -> bool:
        """Whether one pass of smoothing is exact: nothing depends on where it is linearised."""
        return all_linear(self.transition.parts, self.sensors, inference)


def all_linear(parts: Sequence[Any], sensors: Sequence[Sensor], inference: Inference) -> bool:
    """Whether one pass of smoothing is exact with these transitions and sensors."""
    known = inference.parameters != "predictive" or all(part.certain for part in parts)
    return known and all(factor.linear for factor in (*parts, *sensors))


@pytree("readings", "messages", "controls", "live", "past")
@dataclass(frozen=True)
class Data:
    """One trajectory of ``T`` steps.

    ``readings``: of each sensor; ``messages``: rows about the joint state that were given as
    such, ``(T, m, n)``; ``controls`` ``(T-1, p)``; ``live`` ``(T,)``: 1 at steps that count, 0 at
    padding; ``past`` ``(T,)``: 1 up to the end of what was recorded. What uncertain parameters cost
    counts up to there only: what is merely predicted tells nothing about the past.
    """

    readings: tuple[Readings, ...]
    messages: Rows
    controls: Float[Array, "T-1 p"]
    live: Float[Array, "T"]
    past: Float[Array, "T"]


class Steering(NamedTuple):
    """A prior of the controls of every step: ``mean`` ``(T-1, p)``, ``root`` ``(T-1, p, p)``."""

    mean: Float[Array, "T-1 p"]
    root: Float[Array, "T-1 p p"]


def observed(system: System, data: Data, near: Belief | None, inference: Inference) -> Rows:
    """Rows of all observations and couplings ``(T, m, n)``, sensors linearised ``near`` beliefs.

    Without ``near`` only linear sensors speak.
    """
    T, n = data.live.shape[0], system.transition.dim
    states = jnp.zeros((T, n), data.live.dtype) if near is None else near.mean
    parts = [data.messages]
    for sensor, readings, (start, size) in zip(
        system.sensors, data.readings, system.starts, strict=True
    ):
        if near is None and not sensor.linear:
            continue
        if T >= _LONG:
            readings, parts = jax.lax.optimization_barrier((readings, parts))
        own = states[:, start : start + size]
        if isinstance(sensor, CallableSensor) and inference.linearise == "cubature":
            assert near is not None
            slice_ = Belief.of(own, near.root[:, start : start + size])
            rows = jax.vmap(lambda y, b, s=sensor: _cubature_rows(s, y, b))(readings.values, slice_)
        else:
            rows = sensor.rows(readings, own)
        parts.append(embed_rows(rows, start, n))
    if system.links.value.shape[0]:
        parts.append(jax.tree.map(lambda x: jnp.broadcast_to(x, (T, *x.shape)), system.links))
    return mask_rows(stack_rows(*parts), data.live)


class Steerable(NamedTuple):
    """A chain whose controls may become noises: how each next state ``(T-1, n, p)`` and each doubt
    ``(T-1, k, p)`` follows from the controls, and the ``controls`` ``(T-1, p)`` that it has."""

    chain: Chain
    along_control: Float[Array, "T-1 n p"]
    doubt_along: Float[Array, "T-1 k p"]
    controls: Float[Array, "T-1 p"]

    def under(self, steering: Steering) -> Chain:
        """The chain with the controls as the first of its noises."""
        chain, doubts = self.chain, self.chain.doubts
        away = steering.mean - self.controls
        offset = chain.offset + jnp.einsum("tnp,tp->tn", self.along_control, away)
        noise = jnp.concatenate([self.along_control @ steering.root, chain.noise], axis=2)
        n = offset.shape[1]
        turned = self.doubt_along @ steering.root
        matrix = jnp.concatenate([doubts.matrix[:, :, :n], turned, doubts.matrix[:, :, n:]], axis=2)
        value = doubts.value - jnp.einsum("tkp,tp->tk", self.doubt_along, away)
        doubts = Rows(matrix, value, doubts.log_scale)
        return chain._replace(offset=offset, noise=noise, doubts=doubts)


def chain_of(
    system: System, data: Data, near: Belief | None, inference: Inference, prior: Belief
) -> Chain:
    """The chain of one trajectory, linearised along the beliefs ``near`` and its controls."""
    return steerable(system, data, near, inference, prior).chain


def steerable(
    system: System, data: Data, near: Belief | None, inference: Inference, prior: Belief
) -> Steerable:
    """As :func:`chain_of`, for controls that are to be inferred."""
    n = system.transition.dim
    rows = observed(system, data, near, inference)
    if near is None:
        local, offset = _everywhere(system.transition, data, inference)
    else:
        before = jax.tree.map(lambda x: x[:-1], near)
        local = jax.vmap(lambda b, u: transition_near(system.transition, b, u, inference))(
            before, data.controls
        )
        offset = local.mean - jnp.einsum("tij,tj->ti", local.along_state, before.mean)
    noise, doubt = local.noise, local.doubt
    live = data.past[1:]
    along = doubt.matrix[:, :, n:]
    value = doubt.value - jnp.einsum("tkp,tp->tk", along, data.controls)
    about = jnp.pad(doubt.matrix[:, :, :n], ((0, 0), (0, 0), (0, noise.shape[2])))
    doubts = mask_rows(Rows(about, value, doubt.log_scale), live)
    chain = Chain(prior, local.along_state, offset, noise, rows, doubts)
    return Steerable(chain, local.along_control, along * live[:, None, None], data.controls)


def _everywhere(
    transition: JointTransition, data: Data, inference: Inference
) -> tuple[Local, Float[Array, "T-1 n"]]:
    """A linear transition at every step, worked out once; and its offsets."""
    state = jnp.zeros(transition.dim, data.controls.dtype)
    local = transition.local(
        state, jnp.zeros(data.controls.shape[1], state.dtype), inference.parameters
    )
    offset = local.mean + data.controls @ local.along_control.T
    steps = offset.shape[0]
    every = jax.tree.map(lambda x: jnp.broadcast_to(x, (steps, *x.shape)), local)
    return every, offset


def _cubature_rows(sensor: CallableSensor, reading: Array, belief: Belief) -> Rows:
    mean, slope, residue, points = regress_on(sensor.function, belief)
    roots = jnp.moveaxis(jax.vmap(sensor.noise_root)(points), 0, 1).reshape(mean.shape[0], -1)
    noise = free_root(jnp.concatenate([residue, roots / jnp.sqrt(points.shape[0])], axis=1))
    return reading_rows(slope, reading - mean + slope @ belief.mean, noise)
