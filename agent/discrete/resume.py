"""The state of a training on disk, from which one that was cut off goes on."""

import json
from pathlib import Path
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..learning.errors import ModelError

_FILE = "state.safetensors"

State = TypeVar("State")  # any pytree of arrays


def save_state(folder: Path, state: object, log: list[dict[str, float]]) -> None:
    """Write ``state`` and ``log``; the file is whole or the one before.

    Raises :class:`ModelError` where the folder cannot be written.
    """
    leaves = {f"{i:04d}": np.array(x, order="C") for i, x in enumerate(jax.tree.leaves(state))}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f"{_FILE}.new"
        new.write_bytes(save(leaves, {"log": json.dumps(log)}))
        new.replace(folder / _FILE)
    except OSError as error:
        raise ModelError(f"training folder {str(folder)!r} cannot be written: {error}") from None


def load_state(folder: Path, start: State) -> tuple[State, list[dict[str, float]]]:
    """What :func:`save_state` wrote last, or ``start`` and an empty log where there is nothing.

    Raises :class:`ModelError` for a state of another shape than ``start``.
    """
    if not (folder / _FILE).exists():
        return start, []
    leaves, tree = jax.tree.flatten(start)
    try:
        with safe_open(folder / _FILE, framework="numpy") as file:
            log = json.loads(file.metadata()["log"])
            found = [file.get_tensor(f"{i:04d}") for i in range(len(leaves))]
            if len(file.keys()) != len(leaves):
                raise ValueError("it has other parts")
    except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
        raise _other(folder, str(error)) from None
    for old, new in zip(leaves, found, strict=True):
        if old.shape != new.shape or old.dtype != new.dtype:
            raise _other(folder, f"{new.dtype}{new.shape} in the place of {old.dtype}{old.shape}")
    return jax.tree.unflatten(tree, map(jnp.asarray, found)), log


def _other(folder: Path, why: str) -> ModelError:
    return ModelError(
        f"training folder {str(folder)!r} is not one that can be gone on with ({why}): remove it"
    )
