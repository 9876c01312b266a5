"""The world model as factors of the graph: its encoder observes, its dynamics move.

The state of the one block is a latent, ``moving`` and ``scene`` side by side. A frame becomes a
Gaussian message about it, whose covariance was measured, as was that of what the dynamics leave
open. Actions are the block's controls.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..graph.block import Block
from ..graph.encoder_sensor import Frozen
from ..graph.gaussian import Belief, Gaussian
from ..graph.joint import JointModel
from ..graph.known import KnownPhysics
from .frames import drawn_dots, drawn_walls
from .layers import through
from .model import ACTION, WorldModel, encode, joined
from .training import Experience

BLOCK = "room"
_SCENE_STD = 0.02  # of what a frame tells of walls that stand still, and of how they drift
_WIDE = 3.0  # standard deviation of latents that nothing is known of; theirs is near 1
_LEAST = 0.05  # of the residual covariance, that is left to the sensor, and to the process


class Noise(NamedTuple):
    """Covariances ``(moving, moving)`` of what the dynamics leave open in a step, and of what a
    frame tells."""

    process: Float[Array, "moving moving"]
    sensor: Float[Array, "moving moving"]


def world_graph(model: WorldModel, noise: Noise) -> JointModel:
    """The graph with one block, ``room``, that observes frames ``(65, 65, 2)``."""
    moving = noise.process.shape[0]
    scene = jax.tree.leaves(model.walls.head)[-1].shape[0]
    n, still = moving + scene, jnp.eye(scene)
    precision = jax.scipy.linalg.block_diag(
        _symmetric(jnp.linalg.inv(noise.sensor)), still / _SCENE_STD**2
    )

    def move(state: Array, action: Array) -> Array:
        parts = state[None, :moving], state[None, moving:]
        after = model.cell(*parts, through(model.embed, action[None]))[0]
        return joined(after, state[moving:])

    def tell(frame: Array) -> Gaussian:
        return Gaussian.of(precision @ encode(model, frame[None])[0], precision)

    process = jax.scipy.linalg.block_diag(noise.process, 0.01 * _SCENE_STD**2 * still)
    physics = KnownPhysics(n, ACTION, function=move, noise=process)
    prior = Belief.of(jnp.zeros(n), _WIDE * jnp.eye(n))
    return JointModel([Block(BLOCK, physics, Frozen(tell), prior)])


def measured_noise(model: WorldModel, experience: Experience) -> Noise:
    """The covariances, from how far predictions of one and of two steps are from what is seen.

    With slopes near one, the errors have the covariances ``Q + 2R`` and ``2Q + 2R``. What differs
    by chance is kept positive: at least a twentieth of the error is each one's.
    """
    one, two = (_errors(model, experience, steps) for steps in (1, 2))
    whole = _covariance(one)
    root = jnp.linalg.cholesky(whole + 1e-6 * jnp.trace(whole) * jnp.eye(len(whole)))
    white = jax.scipy.linalg.solve_triangular(root, two.T, lower=True)
    later, turn = jnp.linalg.eigh(_covariance(white.T))
    sensor = jnp.clip(1 - later / 2, _LEAST, (1 - _LEAST) / 2)  # where one step's error is 1
    back = root @ turn

    def coloured(share: Array) -> Array:
        return _symmetric((back * share) @ back.T)

    return Noise(coloured(1 - 2 * sensor), coloured(sensor))


def _errors(model: WorldModel, experience: Experience, steps: int) -> Float[Array, "rows moving"]:
    """What predictions of so many steps miss, from every frame of every trajectory."""
    many, time = experience.positions.shape[:2]
    latents = model.dots(drawn_dots(experience.positions.reshape(-1, 2))).reshape(many, time, -1)
    scene = model.walls(drawn_walls(experience.wall_x, experience.door_y))
    scenes = jnp.repeat(scene, time - steps, axis=0)
    actions = through(model.embed, experience.controls)
    state = latents[:, : time - steps].reshape(-1, latents.shape[-1])
    for step in range(steps):
        some = actions[:, step : step + time - steps].reshape(len(state), -1)
        state = model.cell(state, scenes, some)
    return state - latents[:, steps:].reshape(state.shape)


def _covariance(values: Float[Array, "rows n"]) -> Float[Array, "n n"]:
    return values.T @ values / len(values)


def _symmetric(matrix: Float[Array, "n n"]) -> Float[Array, "n n"]:
    return (matrix + matrix.T) / 2


def surprises(
    graph: JointModel, frames: np.ndarray, controls: np.ndarray, moving: int
) -> Float[np.ndarray, "time-1 moving"]:
    """The innovations of what moves, in sigmas, as frames of one trajectory come in one by one.

    The first frame has none: nothing was predicted. Where all is calibrated they are draws from
    N(0, 1).
    """
    state = graph.start()
    found = []
    for tick, frame in enumerate(frames):
        state = graph.step(state, {BLOCK: frame}, controls[tick - 1] if tick else None)
        found.append(np.asarray(state.surprise)[:moving])
    return np.stack(found[1:])
