"""World models and trainings on disk: numbers in safetensors, and a page (TOML) about them."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import tomli_w
from jax.tree_util import keystr, tree_flatten_with_path, tree_unflatten
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from ..learning.errors import ModelError
from ..store.page import PAGE, page_of
from .model import ARCHITECTURES, Architecture, WorldModel, new_model

Tree = TypeVar("Tree")

_FORMAT = "jopa-agent world model 1"
_REMAKE = "make one with 'jopa-agent train two-rooms'"
_TENSORS = "model.safetensors"


def write_tree(tree: Any, path: Path) -> None:
    """The arrays of a pytree, each under its place in it; a file that was there is replaced at
    once. Raises :class:`ModelError` where that fails."""
    named = {keystr(place): np.array(leaf, order="C") for place, leaf in _leaves(tree)}
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(save(named))
        part.replace(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"model file {str(path)!r} cannot be written: {error}") from None


def read_tree(like: Tree, path: Path) -> Tree:
    """The arrays of :func:`write_tree` in the places of a tree ``like`` it.

    Raises :class:`ModelError` for a file that is missing, damaged, or of another tree.
    """
    try:
        found = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"model file {str(path)!r} cannot be read ({error}): {_REMAKE}") from None
    values = []
    for place, leaf in _leaves(like):
        value = found.pop(keystr(place), None)
        if value is None or value.shape != np.shape(leaf) or value.dtype != leaf.dtype:
            raise ModelError(
                f"model file {str(path)!r} has no {leaf.dtype} {np.shape(leaf)} for "
                f"{keystr(place)}: it is of another model; {_REMAKE}"
            )
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ModelError(f"model file {str(path)!r} has numbers that are not finite: {_REMAKE}")
        values.append(jnp.asarray(value))
    if found:
        raise ModelError(f"model file {str(path)!r} has more than the model: {_REMAKE}")
    return tree_unflatten(jax.tree.structure(like), values)


def save_world(
    model: WorldModel, architecture: Architecture, about: Mapping[str, Any], folder: Path
) -> None:
    """Write a model to ``folder``, and ``about`` (training, seed, figures) to its page."""
    write_tree(model, folder / _TENSORS)
    sizes = {name: _plain(value) for name, value in asdict(architecture).items()}
    page = {"format": _FORMAT, "architecture": sizes, **about}
    try:
        (folder / PAGE).write_text(tomli_w.dumps(page), "utf-8")
    except OSError as error:
        raise ModelError(f"model folder {str(folder)!r} cannot be written: {error}") from None


def read_world_page(folder: Path) -> dict[str, Any]:
    """The page about the model in ``folder``; :class:`ModelError` where there is none."""
    return page_of(folder, _REMAKE, format=_FORMAT)


def load_world(folder: Path) -> tuple[WorldModel, Architecture]:
    """The model in ``folder``; :class:`ModelError` for one that is missing or damaged."""
    sizes = read_world_page(folder).get("architecture")
    default = asdict(ARCHITECTURES["default"])
    try:
        if not isinstance(sizes, dict) or set(sizes) != set(default):
            raise ValueError("its page has no architecture")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in sizes.items()
        }
        architecture = Architecture(**values)
        like = jax.eval_shape(lambda key: new_model(architecture, key), jax.random.key(0))
    except (TypeError, ValueError, IndexError) as error:
        raise ModelError(f"model folder {str(folder)!r} is damaged ({error}): {_REMAKE}") from None
    return read_tree(like, folder / _TENSORS), architecture


def _leaves(tree: Any) -> list[tuple[Any, Any]]:
    return tree_flatten_with_path(tree)[0]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
