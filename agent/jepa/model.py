"""The world model: what frames are encoded to, and what actions make of it.

A latent is two vectors side by side: ``moving``, from the channel of the dot, and ``scene``, from
that of the walls. Actions change what moves; the scene stays. Predictions are open loop: from one
encoded frame and the actions that follow it. LeCun, A path towards autonomous machine intelligence,
2022; Sobal et al., Learning from reward-free offline data (PLDM), 2025.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from ...envs.two_rooms import DOOR_RANGE, HIGH, LOW, seen_walls
from .branches import Branch, convolutions, profiles
from .cells import Cell, gated_cell, residual_cell
from .frames import drawn_dots, drawn_walls
from .layers import Layers, layers, through

ACTION = 2  # numbers of an action: (dx, dy) in px
_PICTURES = 512  # that a model is made for


@dataclass(frozen=True)
class Architecture:
    """Sizes of a world model.

    ``moving`` and ``scene`` are the sizes of the two parts of a latent; ``dot_channels`` and
    ``wall_channels`` those of the branches (of profiles one number, of convolutions one a layer),
    ``dot_hidden`` and ``wall_hidden`` what is between a profile and the latent. ``embedding`` is
    what an action is embedded to, ``hidden`` the layers of a residual cell, ``projection`` those of
    the head that the losses look through at what moves.
    """

    branch: Literal["profiles", "convolutions"]
    cell: Literal["residual", "gated"]
    moving: int
    scene: int
    dot_channels: tuple[int, ...]
    dot_hidden: tuple[int, ...]
    wall_channels: tuple[int, ...]
    wall_hidden: tuple[int, ...]
    embedding: int
    hidden: tuple[int, ...]
    projection: tuple[int, ...]

    @property
    def latent(self) -> int:
        """Size of a latent."""
        return self.moving + self.scene


ARCHITECTURES = {
    "default": Architecture(
        branch="profiles", cell="residual", moving=32, scene=16,
        dot_channels=(8,), dot_hidden=(128, 64), wall_channels=(8,), wall_hidden=(64,),
        embedding=32, hidden=(256, 256), projection=(128, 128),
    ),
    "small": Architecture(
        branch="profiles", cell="residual", moving=16, scene=8,
        dot_channels=(8,), dot_hidden=(32,), wall_channels=(4,), wall_hidden=(16,),
        embedding=8, hidden=(96, 48), projection=(32, 32),
    ),
    "predecessor": Architecture(
        branch="convolutions", cell="gated", moving=128, scene=32,
        dot_channels=(8, 16, 16, 32), dot_hidden=(), wall_channels=(8, 16, 16, 32), wall_hidden=(),
        embedding=16, hidden=(), projection=(128, 128),
    ),
}  # fmt: skip
"""By name: ours, one as small as the smallest published, and the predecessor's kind, two branches
of convolutions and a gated recurrent unit, as far as its page describes it."""


class WorldModel(NamedTuple):
    """All that is trained."""

    dots: Branch
    walls: Branch
    embed: Layers
    cell: Cell
    head: Layers


def new_model(architecture: Architecture, key: Array) -> WorldModel:
    """A random model."""
    a = architecture
    keys = jax.random.split(key, 5)
    dots, walls = _usual_pictures(jax.random.fold_in(key, 5))

    def branch(
        key: Array, pictures: Array, channels: tuple[int, ...], hidden: tuple[int, ...], out: int
    ) -> Branch:
        if a.branch == "profiles":
            return profiles(key, channels[0], (*hidden, out), pictures)
        return convolutions(key, channels, out)

    if a.cell == "residual":
        cell: Cell = residual_cell(keys[3], a.moving, a.scene, a.embedding, a.hidden)
    else:
        cell = gated_cell(keys[3], a.moving, a.scene, a.embedding)
    return WorldModel(
        dots=branch(keys[0], dots, a.dot_channels, a.dot_hidden, a.moving),
        walls=branch(keys[1], walls, a.wall_channels, a.wall_hidden, a.scene),
        embed=layers(keys[2], (ACTION, a.embedding)),
        cell=cell,
        head=layers(keys[4], (a.moving, *a.projection)),
    )


def _usual_pictures(key: Array) -> tuple[Float[Array, "many h w"], Float[Array, "many h w"]]:
    """Channels of random frames, such as are trained on, for a model to begin with."""
    key_place, key_wall, key_door = jax.random.split(key, 3)
    places = jax.random.uniform(key_place, (_PICTURES, 2), minval=LOW, maxval=HIGH)
    wall_x = jax.random.choice(key_wall, jnp.asarray(seen_walls()), (_PICTURES,))
    door_y = jax.random.randint(key_door, (_PICTURES,), *DOOR_RANGE)
    return drawn_dots(places), drawn_walls(wall_x, door_y)


def parameter_count(model: WorldModel) -> int:
    """How many numbers are trained."""
    return sum(leaf.size for leaf in jax.tree.leaves(model))


def encode(
    model: WorldModel, frames: UInt8[Array, "many height width 2"]
) -> Float[Array, "many latent"]:
    """The latents of frames."""
    pictures = frames.astype(jnp.float32) / 255
    return joined(model.dots(pictures[..., 0]), model.walls(pictures[..., 1]))


def joined(
    moving: Float[Array, "*many moving"], scene: Float[Array, "*many scene"]
) -> Float[Array, "*many latent"]:
    """The two parts of latents, side by side."""
    return jnp.concatenate([moving, scene], axis=-1)


def imagine(
    model: WorldModel,
    moving: Float[Array, "many moving"],
    scene: Float[Array, "many scene"],
    actions: Float[Array, "many time 2"],
) -> Float[Array, "many time moving"]:
    """What moves after each of the actions, open loop."""
    embedded = through(model.embed, actions)

    def step(state: Array, action: Array) -> tuple[Array, Array]:
        after = model.cell(state, scene, action)
        return after, after

    _, states = jax.lax.scan(step, moving, jnp.swapaxes(embedded, 0, 1))
    return jnp.swapaxes(states, 0, 1)
