"""Graph models as trees that JSON can hold, and named arrays.

A model is made of objects, tuples, dicts and arrays. An array stands in the tree by its name, an
object by the name of its class and its fields, a function by a name alone: ``{"array": ...}``,
``{"class": ..., "fields": ...}``, ``{"function": ...}``. A list is a tuple, other containers say
what they are. Only classes of the list below are ever made.
"""

import math
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import jax
import numpy as np

from .errors import ModelError
from .model_parts import fields_of, made

_LARGEST_COUNT = (1 << 31) - 1
_TYPES = ("float32", "float64", "int32", "uint32", "uint8", "bool")

_HOMES = {
    "..discrete.block": ("DiscreteBlock",),
    "..discrete.model": ("DiscreteModel",),
    "..encoders.categorical": ("CategoricalEncoder",),
    "..encoders.decoder": ("Decoder",),
    "..encoders.layers": ("Network",),
    "..encoders.pose": ("PoseEncoder",),
    "..encoders.vae": ("LearnedVAE",),
    "..encoders.window_vae": ("WindowVAE",),
    "..graph.block": ("Block",),
    "..graph.coupling": ("LinearCoupling",),
    "..graph.encoder_sensor": ("Frozen",),
    "..graph.factorised_density": ("FactorisedDensity", "MatrixGaussian"),
    "..graph.factorised_linear": ("FactorisedLinear",),
    "..graph.features": ("PolynomialFeatures",),
    "..graph.gaussian": ("Belief", "Gaussian"),
    "..graph.inference": ("Inference",),
    "..graph.joint": ("JointModel",),
    "..graph.known": ("CallableProcessNoise", "KnownLinear", "KnownPhysics"),
    "..graph.learned_affine": ("LearnedAffine",),
    "..graph.learned_features": ("FeatureFunction", "LearnedFeatures"),
    "..graph.learned_linear": ("LearnedLinear",),
    "..graph.linear_gaussian_joint": ("LinearWithNoiseAtArrival",),
    "..graph.linear_gaussian_model": ("LinearGaussianModel",),
    "..graph.local_noise": ("LocalNoise",),
    "..graph.matrix_normal_wishart": ("MatrixNormalWishart",),
    "..graph.model_structure": ("ModelStructure",),
    "..graph.sensors": ("CallableSensor", "FixedSensor"),
    "..graph.skeleton": ("Skeleton",),
    "..graph.wishart": ("Wishart",),
    "..model": ("Model",),
    "..pose_sensor": ("PoseSensor",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


class TreeWriter:
    """Takes a model apart: ``tensors`` and ``functions`` by name, and the tree as JSON."""

    def __init__(self, functions: dict[str, Any]) -> None:
        self.tensors: dict[str, np.ndarray] = {}
        self.functions = functions

    def written(self, place: str, value: Any) -> Any:
        for name, given in self.functions.items():
            if given is value:
                return {"function": name}
        if isinstance(value, jax.Array | np.ndarray):
            return {"array": self._tensor(place, np.array(value, order="C"))}
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, float) and not math.isfinite(value):
            return {"float": str(value)}
        if value is None or isinstance(value, bool | int | float | str):
            return value
        name = type(value).__name__
        if name in _HOME and type(value) is _class(name):
            fields = fields_of(type(value))
            inside = {key: self.written(_inside(place, key), getattr(value, key)) for key in fields}
            return {"class": name, "fields": inside}
        if type(value) in (tuple, list):
            items = [self.written(_inside(place, i), item) for i, item in enumerate(value)]
            return items if isinstance(value, tuple) else {"list": items}
        if type(value) is dict and all(isinstance(key, str) for key in value):
            inside = {key: self.written(_inside(place, key), value[key]) for key in value}
            return {"dict": inside}
        if callable(value):
            return {"function": self._function(place, value)}
        raise ModelError(
            f"{place or 'it'} is a {name}, which files do not know; name it in functions, and give "
            "it again to load_graph"
        )

    def _tensor(self, place: str, value: np.ndarray) -> str:
        place = place or "array"
        while place in self.tensors:
            place += "_"
        self.tensors[place] = value
        return place

    def _function(self, place: str, function: Any) -> str:
        name = getattr(function, "__name__", "")
        name = name if name.isidentifier() else place or "function"
        if self.functions.setdefault(name, function) != function:
            name = place
            self.functions[name] = function
        return name


class TreeReader:
    """Puts a model together; every array of ``tensors`` has its place in it."""

    def __init__(self, tensors: dict[str, np.ndarray], functions: Mapping[str, Any]) -> None:
        self.tensors = tensors
        self.functions = functions

    def model(self, tree: Any) -> Any:
        model = self.read(tree)
        if self.tensors:
            some = ", ".join(map(repr, sorted(self.tensors)[:3]))
            raise ModelError(f"{len(self.tensors)} of its arrays are not part of it: {some}")
        return model

    def read(self, node: Any) -> Any:
        match node:
            case int() if abs(node) > _LARGEST_COUNT:
                raise ModelError(f"its page has a number of more than {_LARGEST_COUNT}")
            case None | bool() | int() | float() | str():
                return node
            case list():
                return tuple(map(self.read, node))
            case {"list": list(items), **rest} if not rest:
                return list(map(self.read, items))
            case {"dict": dict(items), **rest} if not rest:
                return {key: self.read(item) for key, item in items.items()}
            case {"float": "inf" | "-inf" as text, **rest} if not rest:
                return float(text)
            case {"function": str(name), **rest} if not rest:
                return self.functions[name]
            case {"array": str(name), **rest} if not rest:
                return self._array(name)
            case {"class": str(name), "fields": dict(fields), **rest} if not rest:
                if name not in _HOME:
                    raise ModelError(f"it holds a {name!r}, which this version does not know")
                return made(_class(name), {key: self.read(item) for key, item in fields.items()})
        raise ModelError(f"its page has {str(node)[:80]!r}, which says nothing")

    def _array(self, name: str) -> jax.Array:
        if name not in self.tensors:
            raise ModelError(f"its array {name!r} is missing, or stands in two places")
        value = self.tensors.pop(name)
        if value.dtype.name not in _TYPES:
            raise ModelError(f"its array {name!r} has the type {value.dtype}")
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ModelError(f"its array {name!r} has numbers that are not finite")
        return jax.numpy.asarray(value)


def _inside(place: str, key: str | int) -> str:
    """Where a part is; a sensor without a name has none there."""
    return ".".join(filter(None, (place, str(key))))


def _class(name: str) -> type:
    return getattr(import_module(_HOME[name], __package__), name)


def functions_in(node: Any) -> list[str]:
    """Names of functions in the tree."""
    if isinstance(node, dict) and isinstance(node.get("function"), str):
        return [node["function"]]
    items = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [name for item in items for name in functions_in(item)]
