"""The optimum of a pendulum: what a controller reaches that knows the true state and the physics.

Value iteration on a grid of angle and velocity (Bellman, 1957), each grid starting from the coarser
one before. The returns are those of playing its greedy controls on the true physics, from each
start with several first controls, of which the best counts: no return is promised that cannot be
had.
"""

import hashlib
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import platformdirs
from jaxtyping import Array, Float

from .physics import PendulumPhysics, wrapped

Grids = tuple[tuple[int, int, int], ...]

GRIDS: Grids = ((180, 161, 200), (360, 321, 60), (720, 641, 60))
"""Angles, velocities and sweeps, one grid after the other."""

_TRIED, _PLAYED, _FIRST = 21, 201, 9  # controls: in a sweep, in play, and as the first one


@dataclass(frozen=True)
class Stay:
    """To be within ``tolerance`` of ``angle``, in rad: each tick outside costs 1."""

    angle: float
    tolerance: float

    def cost(self, angle: Array, speed: Array, torque: Array) -> Array:
        """What one tick costs."""
        away = jnp.abs(wrapped(angle - self.angle)) > self.tolerance
        return jnp.broadcast_to(away, jnp.shape(speed + torque)) * 1.0


def optimal_returns(
    physics: PendulumPhysics,
    starts: Float[np.ndarray, "N 2"],
    steps: int,
    grids: Grids = GRIDS,
) -> Float[np.ndarray, "N"]:
    """Sums of the first ``steps`` rewards from each of ``starts`` (angle in rad, velocity in
    rad/s), played as well as can be.

    The first call for a ``physics`` takes half a minute; its value function is then kept in the
    user's cache folder.
    """
    return -_least_costs(physics, None, starts, steps, grids)


def optimal_ticks_away(
    physics: PendulumPhysics,
    stay: Stay,
    starts: Float[np.ndarray, "N 2"],
    steps: int,
    grids: Grids = GRIDS,
) -> Float[np.ndarray, "N"]:
    """How many of ``steps`` ticks a body has to be away from where it should ``stay``, from each
    of ``starts``, its first state counted; kept as by :func:`optimal_returns`."""
    return _least_costs(physics, stay, starts, steps, grids)


def _least_costs(physics, stay: Stay | None, starts, steps: int, grids: Grids) -> np.ndarray:
    values = jnp.asarray(value_function(physics, grids, stay))
    best = partial(_best_cost, physics, stay, values, steps)
    return np.asarray(jax.lax.map(best, jnp.asarray(starts, jnp.float32), batch_size=256))


def value_function(
    physics: PendulumPhysics, grids: Grids = GRIDS, stay: Stay | None = None
) -> Float[np.ndarray, "angles velocities"]:
    """Least sum of all costs to come, on a grid of angles from 0 to 2π and of velocities between
    the limits; from the cache where it is known. The costs are those of Pendulum-v1, or the ticks
    away from where to ``stay``."""
    kept = _kept_at(physics, grids, stay)
    try:
        return np.load(kept, allow_pickle=False)
    except (OSError, ValueError):
        values = np.asarray(_solved(physics, grids, stay))
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(f".{os.getpid()}.npy")
        np.save(unfinished, values)
        unfinished.replace(kept)
    except OSError:
        pass  # it is worked out again next time
    return values


def _kept_at(physics: PendulumPhysics, grids: Grids, stay: Stay | None) -> Path:
    asked = (physics, grids, _TRIED) if stay is None else (physics, grids, _TRIED, stay)
    key = hashlib.sha256(repr(asked).encode()).hexdigest()[:16]
    return Path(platformdirs.user_cache_dir("jopa-agent")) / "optimum" / f"{key}.npy"


def _solved(
    physics: PendulumPhysics, grids: Grids, stay: Stay | None
) -> Float[Array, "angles velocities"]:
    values = jnp.zeros(grids[0][:2])
    for angles, velocities, sweeps in grids:
        values = _interpolated(physics, values, *_grid(physics, angles, velocities))
        values = _swept(physics, stay, values, sweeps)
    return values


def _grid(physics: PendulumPhysics, angles: int, velocities: int) -> list[Array]:
    turn = jnp.arange(angles) / angles * 2 * jnp.pi
    speed = jnp.linspace(-physics.top_speed, physics.top_speed, velocities)
    return jnp.meshgrid(turn, speed, indexing="ij")


@partial(jax.jit, static_argnums=(0, 1, 3))
def _swept(physics: PendulumPhysics, stay: Stay | None, values: Array, sweeps: int) -> Array:
    angle, speed = _grid(physics, *values.shape)
    cost = (stay or physics).cost

    def sweep(_, values):
        def tried(least, control):
            onward = _interpolated(physics, values, *physics.moved(angle, speed, control))
            return jnp.minimum(least, cost(angle, speed, control) + onward), None

        controls = jnp.linspace(-physics.limit, physics.limit, _TRIED)
        return jax.lax.scan(tried, jnp.full(values.shape, jnp.inf), controls)[0]

    return jax.lax.fori_loop(0, sweeps, sweep, values)


def _interpolated(physics: PendulumPhysics, values: Array, angle: Array, speed: Array) -> Array:
    """Bilinear, around the circle and between the limits of the velocity."""
    angles, velocities = values.shape
    across = (angle / (2 * jnp.pi) * angles) % angles
    along = (speed / physics.top_speed + 1) / 2 * (velocities - 1)
    i = jnp.floor(across).astype(int)
    j = jnp.clip(jnp.floor(along).astype(int), 0, velocities - 2)
    x, y = across - i, along - j
    i, k = i % angles, (i + 1) % angles
    near = (1 - y) * values[i, j] + y * values[i, j + 1]
    far = (1 - y) * values[k, j] + y * values[k, j + 1]
    return (1 - x) * near + x * far


@partial(jax.jit, static_argnums=(0, 1, 3))
def _best_cost(
    physics: PendulumPhysics, stay: Stay | None, values: Array, steps: int, start: Array
) -> Array:
    """Least cost of ``steps`` steps among greedy ways that begin with different controls."""
    controls = jnp.linspace(-physics.limit, physics.limit, _PLAYED)
    cost = (stay or physics).cost

    def ahead(state, control):
        return cost(state[0], state[1], control) + _interpolated(
            physics, values, *physics.moved(state[0], state[1], control)
        )

    def step(state, _):
        control = controls[jnp.argmin(jax.vmap(partial(ahead, state))(controls))]
        return physics.moved(state[0], state[1], control), cost(state[0], state[1], control)

    def greedy(state, steps):
        return jax.lax.scan(step, state, None, length=steps)[1].sum()

    def beginning_with(control):
        return cost(state[0], state[1], control) + greedy(
            physics.moved(state[0], state[1], control), steps - 1
        )

    state = (start[0], start[1])
    first = jnp.linspace(-physics.limit, physics.limit, _FIRST)
    return jnp.minimum(greedy(state, steps), jax.vmap(beginning_with)(first).min())
