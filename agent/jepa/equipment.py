"""What a trained world model acts with: remembered places, and the noise of its factors."""

from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ..learning.errors import ModelError
from .files import write_tree
from .graph import Noise, measured_noise
from .learn import experience_of
from .model import Architecture, WorldModel
from .places import Places, remembered, scenes_of
from .roadmap import NEIGHBOURS, Memory, memory_of

_FILE = "acting.safetensors"
_WINDOW = 17  # frames of the trajectories that noise is measured with
_WINDOWS = 1500
_FRAMES = 300_000  # of the walks that places are remembered from
_REMAKE = "train it again with 'jopa-agent train two-rooms'"


class Equipment(NamedTuple):
    """``memory`` of places, ``scenes`` by which the motion at a place is told, and ``noise``."""

    memory: Memory
    scenes: Float[Array, "scenes scene"]
    noise: Noise


def equip(model: WorldModel, seed: int) -> Equipment:
    """Remember places of the walks that the model was trained on, and measure its noise there."""
    experience = experience_of(_FRAMES, seed)
    some = experience._replace(
        positions=experience.positions[:_WINDOWS, :_WINDOW],
        controls=experience.controls[:_WINDOWS, : _WINDOW - 1],
        wall_x=experience.wall_x[:_WINDOWS],
        door_y=experience.door_y[:_WINDOWS],
    )
    memory = memory_of(remembered(model, experience, seed))
    return Equipment(memory, scenes_of(model, experience), measured_noise(model, some))


def save_equipment(equipment: Equipment, folder: Path) -> None:
    """Write it beside the model; :class:`ModelError` where that fails."""
    write_tree(_named(equipment), folder / _FILE)


def load_equipment(folder: Path, architecture: Architecture) -> Equipment:
    """What is beside the model in ``folder``.

    Raises :class:`ModelError` for a file that is missing, damaged, or of another model.
    """
    path, m = folder / _FILE, architecture.moving
    try:
        found = {key.strip("['\"]"): value for key, value in load_file(path).items()}
        n, scenes = len(found["latents"]), len(found["scenes"])
        shapes = {
            "latents": (n, m), "tangent": (n, m, 2), "px": (n, 2, 2), "scale": (n,),
            "neighbours": (n, NEIGHBOURS), "scenes": (scenes, architecture.scene),
            "process": (m, m), "sensor": (m, m),
        }  # fmt: skip
        for name, shape in shapes.items():
            if found[name].shape != shape or not np.isfinite(found[name]).all():
                raise ValueError(f"{name} is not finite, or not of the shape {shape}")
        if found["neighbours"].dtype.kind != "i" or not (found["neighbours"] < n).all():
            raise ValueError("neighbours are not numbers of places")
    except (OSError, SafetensorError, LookupError, ValueError) as error:
        raise ModelError(
            f"model file {str(path)!r} is missing or damaged ({error}): {_REMAKE}"
        ) from None
    told = {name: jnp.asarray(value) for name, value in found.items()}
    places = Places(*(told[name] for name in Places._fields))
    memory = Memory(places, np.asarray(found["neighbours"]))
    return Equipment(memory, told["scenes"], Noise(told["process"], told["sensor"]))


def _named(equipment: Equipment) -> dict[str, Array | np.ndarray]:
    return {
        **equipment.memory.places._asdict(),
        "neighbours": np.asarray(equipment.memory.neighbours, np.int32),
        "scenes": equipment.scenes,
        **equipment.noise._asdict(),
    }
