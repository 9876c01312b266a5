"""What a sensor was taught, on disk: one file, as :mod:`.model_file` writes it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import jax
import numpy as np

from ..graph.features import PolynomialFeatures
from ..graph.matrix_normal_wishart import MatrixNormalWishart
from ..model import Model
from ..store.errors import ModelError
from ..store.model_file import load_graph, save_graph

_KIND = "jopa-agent factor 1"


@dataclass(frozen=True)
class Factor:
    """The posterior of ``reading = W φ(p, v) + ε`` of one sensor.

    ``posterior`` is over ``W`` ``(m, k)`` and the precision of ε, ``digest`` that of the model
    whose poses p it is about, and ``figures`` is how well it predicted.
    """

    sensor: str
    units: str
    digest: str
    features: PolynomialFeatures
    posterior: MatrixNormalWishart
    figures: Mapping[str, float]


def save_factor(factor: Factor, path: Path) -> None:
    """Write ``factor``; raises :class:`ModelError` where the file cannot be written."""
    values = {field.name: getattr(factor, field.name) for field in fields(factor)}
    save_graph({"kind": _KIND, **values, "figures": dict(factor.figures)}, path)


def load_factor(path: Path, called: str = "") -> Factor:
    """The factor in a file; raises :class:`ModelError` in one line where there is none.

    ``called`` is what the user calls the file, where ``path`` is a copy.
    """
    name = called or str(path)
    again = "make one with 'jopa-agent calibrate'"
    if not path.is_file():
        raise ModelError(f"no factor file {name!r}: {again}")
    try:
        found = load_graph(path)
    except ModelError as error:
        reason = str(error).removesuffix(": save it again with save_graph")
        reason = reason.replace(repr(str(path)), repr(name))
        raise ModelError(f"{reason}: {again}") from None
    if not isinstance(found, dict) or found.pop("kind", None) != _KIND:
        raise ModelError(f"model file {name!r} is about no sensor: {again}")
    fault = _fault(found)
    if fault:
        raise ModelError(f"factor file {name!r} is damaged ({fault}): {again}")
    return Factor(**found)


def digest_of(model: Model) -> str:
    """A digest of all that gives a pose and a velocity their meaning: of the encoder."""
    found = hashlib.sha256(repr(model.frame_shape).encode())
    leaves, tree = jax.tree.flatten(model.encoder)
    found.update(str(tree).encode())
    for leaf in leaves:
        value = np.ascontiguousarray(leaf)
        found.update(f"{value.dtype} {value.shape}".encode())
        found.update(value.data)
    return found.hexdigest()


def _fault(found: dict) -> str:
    kinds = {
        "sensor": str,
        "units": str,
        "digest": str,
        "features": PolynomialFeatures,
        "posterior": MatrixNormalWishart,
        "figures": dict,
    }
    if set(found) != set(kinds):
        return f"it has {sorted(found)}"
    for key, kind in kinds.items():
        if not isinstance(found[key], kind):
            return f"{key} is {type(found[key]).__name__}"
    columns, count = found["posterior"].mean.shape[-1], found["features"].count
    if columns != count:
        return f"weights of {columns} features, of which there are {count}"
    return ""
