"""Probes: what a frozen world model's latents tell of where the dot is.

A trajectory's first frame alone is encoded; what moves in all later latents is predicted from its
actions. An MLP, latent to 256 to 2, is trained on such latents of walks, and judged on other
trajectories: mean squared error in px² a coordinate. It reads the part of a latent that moves, the
recurrent state, and not that of the walls, which stands still.
"""

from collections.abc import Callable
from functools import partial
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Key

from ...envs.two_rooms import Layout
from ...envs.two_rooms_motion import moved
from ...envs.two_rooms_walks import Walks
from .frames import drawn_dots, drawn_walls
from .layers import Layers, layers, through
from .model import WorldModel, imagine

HIDDEN = 256
_MIDDLE_PX, _SCALE_PX = 32.0, 16.0  # of positions, while a probe is trained
_STEPS, _BATCH, _RATE = 3000, 1024, 2e-3
_TOGETHER = 2048  # trajectories that are predicted in one call
_DRAWS = 16  # repetitions that tell what chance alone makes of a trajectory


def foretold(model: WorldModel, walks: Walks) -> Float[np.ndarray, "many time moving"]:
    """What moves, in every frame: the first encoded, the others predicted from it, open loop."""
    parts = []
    for first in range(0, len(walks.positions), _TOGETHER):
        rows = slice(first, first + _TOGETHER)
        parts.append(
            _foretold(
                model,
                jnp.asarray(walks.positions[rows, 0], jnp.float32),
                jnp.asarray(walks.controls[rows], jnp.float32),
                Layout(*(jnp.asarray(each[rows]) for each in walks.layout)),
            )
        )
    return np.concatenate(parts)


def fit_probe(
    latents: Float[np.ndarray, "many time moving"],
    positions: Float[np.ndarray, "many time 2"],
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Layers:
    """An MLP from latents to positions in px, trained with AdamW along a cosine."""
    size = latents.shape[-1]
    inputs = jnp.asarray(latents.reshape(-1, size))
    targets = jnp.asarray(positions.reshape(-1, 2), jnp.float32)
    key_start, key = jax.random.split(jax.random.key(seed))
    probe = layers(key_start, (size, HIDDEN, 2))
    probe = _fitted(probe, inputs, (targets - _MIDDLE_PX) / _SCALE_PX, key)
    if progress:
        progress(_STEPS, _STEPS)
    return probe


def told(probe: Layers, latents: Float[Array, "*many moving"]) -> Float[Array, "*many 2"]:
    """The positions, in px, that a probe reads from latents."""
    return _MIDDLE_PX + _SCALE_PX * through(probe, latents)


def error_px2(
    probe: Layers, latents: Float[np.ndarray, "many time moving"], walks: Walks
) -> Float[np.ndarray, "time"]:
    """Mean squared error a coordinate at each time, px²; the first is that of encoded frames."""
    away = np.asarray(told(probe, jnp.asarray(latents))) - walks.positions
    return (away**2).mean(axis=(0, 2))


def constant_error_px2(training: Walks, walks: Walks) -> float:
    """The error of always telling the mean position of the ``training``, px² a coordinate."""
    away = walks.positions - training.positions.mean(axis=(0, 1))
    return float((away**2).mean())


def chance_px2(walks: Walks, seed: int) -> float:
    """What the push-backs of walls alone make uncertain, px² a coordinate.

    The mean variance of positions when each trajectory is played again from its true start, with
    the same controls: no prediction from the first frame has a smaller expected error.
    """
    rng = np.random.default_rng(seed)
    many = len(walks.positions)
    layout = Layout(*(np.repeat(each, _DRAWS) for each in walks.layout))
    position = np.repeat(walks.positions[:, 0], _DRAWS, axis=0)
    variances = [0.0]
    for step in np.moveaxis(walks.controls, 1, 0):
        position = moved(position, np.repeat(step, _DRAWS, axis=0), layout, rng)[0]
        variances.append(float(position.reshape(many, _DRAWS, 2).var(axis=1, ddof=1).mean()))
    return float(np.mean(variances))


@jax.jit
def _foretold(
    model: WorldModel,
    start: Float[Array, "many 2"],
    controls: Float[Array, "many time-1 2"],
    layout: Layout,
) -> Float[Array, "many time moving"]:
    moving = model.dots(drawn_dots(start))
    scene = model.walls(drawn_walls(layout.wall_x, layout.door_y))
    return jnp.concatenate([moving[:, None], imagine(model, moving, scene, controls)], axis=1)


@partial(jax.jit, donate_argnums=0)
def _fitted(
    probe: Layers,
    inputs: Float[Array, "rows moving"],
    targets: Float[Array, "rows 2"],
    key: Key[Array, ""],
) -> Layers:
    optimiser = optax.adamw(optax.cosine_decay_schedule(_RATE, _STEPS), weight_decay=1e-5)

    def step(carry, key):
        probe, state = carry
        rows = jax.random.randint(key, (_BATCH,), 0, inputs.shape[0])

        def loss(probe: Layers) -> Array:
            return jnp.mean((through(probe, inputs[rows]) - targets[rows]) ** 2)

        change, state = optimiser.update(jax.grad(loss)(probe), state, probe)
        return (cast(Layers, optax.apply_updates(probe, change)), state), None

    carry, _ = jax.lax.scan(step, (probe, optimiser.init(probe)), jax.random.split(key, _STEPS))
    return cast(Layers, carry[0])
