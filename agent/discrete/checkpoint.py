"""Trained discrete agents on disk: a folder with the numbers (safetensors), a page about them
(TOML), and the log of the training (CSV)."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import tomli_w
from jaxtyping import Array
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from ..encoders.categorical import CategoricalEncoder
from ..learning.errors import ModelError
from ..store.page import PAGE, page_of
from .model import DiscreteModel

KIND = "discrete"
_FORMAT = 1
_TENSORS, _LOG = "model.safetensors", "training.csv"
_REMAKE = "make one with 'jopa-agent train lineworld'"
_MATRICES = ("likelihood", "transition", "prior", "likelihood_counts", "transition_counts")


class Trained(NamedTuple):
    """What an agent needs to act: ``view`` is half the side of the square that frames show."""

    encoder: CategoricalEncoder
    model: DiscreteModel
    view: float


def save_trained(
    trained: Trained, about: Mapping[str, Any], log: list[dict[str, float]], folder: Path
) -> None:
    """Write all to ``folder``; :class:`ModelError` where it cannot be written."""
    page = {"format": _FORMAT, "kind": KIND, "view": trained.view, **about}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _TENSORS).write_bytes(save(_tensors(trained)))
        (folder / PAGE).write_text(tomli_w.dumps(page), "utf-8")
        with (folder / _LOG).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(log[0]))
            writer.writeheader()
            writer.writerows({k: f"{v:.6g}" for k, v in line.items()} for line in log)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"model folder {str(folder)!r} cannot be written: {error}") from None


def read_page(folder: Path) -> dict[str, Any]:
    """The page about the agent in ``folder``; :class:`ModelError` where there is none."""
    return page_of(folder, _REMAKE, kind=KIND, format=_FORMAT)


def read_log(folder: Path) -> dict[str, np.ndarray]:
    """The log of the training, a column an entry; :class:`ModelError` where there is none."""
    try:
        with (folder / _LOG).open(newline="") as file:
            lines = list(csv.DictReader(file))
        return {name: np.array([float(line[name]) for line in lines]) for name in lines[0]}
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise ModelError(
            f"training log {str(folder / _LOG)!r} cannot be read ({error}): {_REMAKE}"
        ) from None


def load_trained(folder: Path) -> Trained:
    """What :func:`save_trained` wrote; :class:`ModelError` where it is missing or damaged."""
    page = read_page(folder)
    try:
        tensors = load_file(folder / _TENSORS)
        for name, value in tensors.items():
            if value.dtype != np.float32 or not np.isfinite(value).all():
                raise ValueError(f"{name} is not finite float32")
        named = {name: jnp.asarray(value) for name, value in tensors.items()}
        encoder, view = _encoder(named), float(page["view"])
        if not view > 0:
            raise ValueError(f"view is {view}, it has to be positive")
        counts = (named.get(name) for name in _MATRICES[3:])
        model = DiscreteModel(*(named[name] for name in _MATRICES[:3]), *counts)
        if encoder.categories != model.observations:
            raise ValueError(f"{encoder.categories} categories, {model.observations} observations")
    except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
        raise ModelError(
            f"model folder {str(folder)!r} is damaged or incomplete ({error}): {_REMAKE}"
        ) from None
    return Trained(encoder, model, view)


def _tensors(trained: Trained) -> dict[str, np.ndarray]:
    encoder, model = trained.encoder, trained.model
    named: dict[str, Array | None] = {name: getattr(model, name) for name in _MATRICES}
    named |= {
        "encoder.centre": encoder.centre,
        "encoder.scale": encoder.scale,
        "encoder.temperature": encoder.temperature,
    }
    for i, (weight, bias) in enumerate(encoder.layers):
        named |= {f"encoder.weight.{i}": weight, f"encoder.bias.{i}": bias}
    return {k: np.array(v, np.float32, order="C") for k, v in named.items() if v is not None}


def _encoder(named: Mapping[str, Array]) -> CategoricalEncoder:
    count = sum(name.startswith("encoder.weight.") for name in named)
    layers = tuple((named[f"encoder.weight.{i}"], named[f"encoder.bias.{i}"]) for i in range(count))
    width = named["encoder.centre"].shape
    scale, temperature = named["encoder.scale"], named["encoder.temperature"]
    if not count or len(width) != 1 or scale.shape != width or temperature.shape != ():
        raise ValueError("the parts of its encoder do not fit together")
    if not (scale > 0).all() or not temperature > 0:
        raise ValueError("scale and temperature of its encoder have to be positive")
    for weight, bias in layers:
        if weight.shape != (*width, *bias.shape):
            raise ValueError(f"a layer of its encoder has the shape {weight.shape}")
        width = bias.shape
    return CategoricalEncoder(named["encoder.centre"], scale, layers, temperature)
