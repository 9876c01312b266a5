"""The learning query: variational message passing for the parameters of all transitions.

Each iteration smooths every trajectory under the expected parameters (E), and then multiplies the
prior by the likelihood of the expected statistics (M): coordinate ascent on the evidence bound of
``q(x) q(M, W)`` (Şenöz, van de Laar, Bagaev and de Vries, 2021). The negative bound is the free
energy. It cannot rise where transitions and sensors are linear.

Trajectories whose observations have the same precisions share their covariances: these are worked
out once for all of them.
"""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .chain import Chain, Smoothed
from .check import default_float, is_traced
from .inference import Inference
from .matrix_normal_wishart import Statistics
from .pairs import pairs_of
from .precise import compiled
from .rows import Rows
from .smooth_query import smooth_data
from .system import Data, System, observed

_STRETCH = 128  # steps

Expected = tuple[Statistics | None, ...]


class Group(NamedTuple):
    """Trajectories to learn from: ``G`` groups of ``M`` that share the precisions of what they
    observed. ``data`` are stacked ``(G, M, ...)``, where ``shared`` without ``M`` for what does
    not differ; ``weights`` ``(G, M)`` are 0 for padding."""

    data: Data
    weights: Float[Array, "G M"]
    shared: bool


def expect(system: System, inference: Inference, group: Group) -> tuple[Expected, Float[Array, ""]]:
    """Expected statistics and log evidence, summed over all trajectories."""
    inference = replace(inference, parameters="variational")

    def one(data: Data, weight):
        smoothed, chain = smooth_data(system, data, inference, system.prior)
        weighted = replace(data, live=data.live * weight)
        statistics = _by_stretches(system, weighted, smoothed, chain)
        return statistics, smoothed.evidence * weight

    shared = 0 if not group.shared else None
    rows = Rows(shared, 0, 0)  # type: ignore[arg-type]
    axes = Data(0, rows, 0, shared, shared) if group.shared else Data(0, 0, 0, 0, 0)  # type: ignore[arg-type]
    members = jax.vmap(one, in_axes=(axes, 0))
    found = jax.vmap(members)(group.data, group.weights)
    return jax.tree.map(lambda x: x.sum((0, 1)), found)


def _by_stretches(system: System, data: Data, smoothed: Smoothed, chain: Chain) -> Expected:
    """Expected statistics of one trajectory, summed over stretches of it, so that the pairs of all
    its steps never stand in memory at once."""

    def stretch(start, steps: int) -> Expected:
        def pairs(x):
            return jax.lax.dynamic_slice_in_dim(x, start, steps)

        def states(x):
            return jax.lax.dynamic_slice_in_dim(x, start, steps + 1)

        some = smoothed._replace(
            states=jax.tree.map(states, smoothed.states),
            noises=pairs(smoothed.noises),
            gains=pairs(smoothed.gains),
            noise_roots=pairs(smoothed.noise_roots),
        )
        links = chain._replace(along=pairs(chain.along), noise=pairs(chain.noise))
        few = replace(data, controls=pairs(data.controls), live=states(data.live))
        return expected_statistics(system, few, pairs_of(links, some))

    whole, rest = divmod(chain.along.shape[0], _STRETCH)
    first = stretch(0, rest)
    if not whole:
        return first

    def further(sums, start):
        return jax.tree.map(jnp.add, sums, stretch(start, _STRETCH)), None

    return jax.lax.scan(further, first, rest + _STRETCH * jnp.arange(whole))[0]


def expected_statistics(system: System, data: Data, pairs) -> Expected:
    """Statistics of each part of the transition, centred on its mean; None where it is known."""
    found, start = [], 0
    for part in system.transition.parts:
        own = slice(start, start + part.dim)
        controls = data.controls[:, : part.controls]
        mine = jax.tree.map(lambda x, own=own: x[:, own], pairs)
        known = part.certain
        found.append(None if known else part.expected(mine, controls, data.live[1:]))
        start += part.dim
    return tuple(found)


def believing(system: System, statistics: Expected) -> System:
    """``system`` with the posteriors that follow from ``statistics``."""
    parts = tuple(
        part if found is None else part.learned(found)
        for part, found in zip(system.transition.parts, statistics, strict=True)
    )
    return replace(system, transition=replace(system.transition, parts=parts))


def divergence(system: System) -> Float[Array, ""]:
    """KL divergence of all posteriors from their priors."""
    parts = [part.divergence() for part in system.transition.parts if not part.certain]
    return sum(parts, jnp.zeros(()))


def iterate(
    system: System, inference: Inference, group: Group, iterations: int, room: int
) -> tuple[System, Float[Array, "room"]]:
    """``iterations`` of learning; the free energy before each M step, in an array of ``room``."""

    def improve(index, carry):
        system, energies = carry
        statistics, evidence = expect(system, inference, group)
        energies = energies.at[index].set(divergence(system) - evidence)
        return believing(system, statistics), energies

    energies = jnp.zeros(room, group.weights.dtype)
    return jax.lax.fori_loop(0, iterations, improve, (system, energies))


@compiled(static_argnames=("inference", "shared", "room"))
def iterate_compiled(system, inference, data, weights, shared, iterations, room):
    """:func:`iterate`, compiled for any number of ``iterations``."""
    return iterate(system, inference, Group(data, weights, shared), iterations, room)


@compiled(static_argnames=("inference",))
def all_rows(system: System, inference: Inference, data: Data) -> Rows:
    """What all linear sensors say, for trajectories stacked along the first axis."""
    return jax.vmap(lambda one: observed(system, one, None, inference))(data)


def group_up(system: System, inference: Inference, data: list[Data]) -> tuple[System, Group]:
    """Trajectories of one padded length: one group where the same was observed with the same
    precisions in all of them, and otherwise each by itself.

    Where all sensors are linear they are asked once, and the system comes back without them. While
    jax traces there are no values to group by: each trajectory stands alone.
    """
    if any(is_traced(x) for x in jax.tree.leaves((system, data))):
        single = jax.tree.map(lambda *x: jnp.stack(x)[:, None], *data)
        return system, Group(single, jnp.ones((len(data), 1)), False)
    stacked = jax.tree.map(lambda *x: np.stack(x), *data)
    if not system.linear(replace(inference, parameters="variational")):
        single = jax.tree.map(lambda x: jnp.asarray(x)[:, None], stacked)
        return system, Group(single, jnp.ones((len(data), 1)), False)
    rows = jax.tree.map(np.asarray, all_rows(system, inference, stacked))
    bare = replace(system, sensors=(), starts=(), links=Rows(
        jnp.zeros((0, system.transition.dim)), jnp.zeros(0), jnp.zeros(())
    ))  # fmt: skip
    keys = (
        matrix.tobytes() + live.tobytes()
        for matrix, live in zip(rows.matrix, stacked.live, strict=True)
    )
    alike = len(data) == 1 or len(set(keys)) == 1
    places = np.arange(len(data))
    places = places[None] if alike else places[:, None]  # two shapes, whatever is missing
    first = slice(1) if alike else slice(None)
    weights = np.ones(places.shape)
    grouped = Data(
        (),
        Rows(rows.matrix[first], rows.value[places], rows.log_scale[places]),  # type: ignore[arg-type]
        stacked.controls[places],
        stacked.live[first],
        stacked.past[first],
    )
    return bare, Group(grouped, jnp.asarray(weights, default_float()), True)
