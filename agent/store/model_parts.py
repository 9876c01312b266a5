"""Parts of a model from their fields, as a file gives them: nothing that does not fit is made."""

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import jaxtyped

from ..graph.check import default_float, matrix, unchecked
from .errors import ModelError

_DERIVED = ("layer", "columns")  # of what learns: they follow from its posterior
_DEFINITE = {
    "MatrixGaussian": ("precision",),
    "MatrixNormalWishart": ("precision", "inverse_scale"),
    "Wishart": ("inverse_scale",),
}
_AS_THEY_ARE = ("Gaussian", *_DEFINITE)  # their constructors ask more than learning can promise


def fields_of(cls: Any) -> tuple[str, ...]:
    """The fields of ``cls`` that are saved."""
    if dataclasses.is_dataclass(cls):
        derived = _DERIVED if hasattr(cls, "believing") else ()
        return tuple(f.name for f in dataclasses.fields(cls) if f.name not in derived)
    return cls._fields


def made(cls: Any, fields: dict[str, Any]) -> Any:
    """An instance of ``cls``; :class:`ModelError` where ``fields`` are not those that it has, or
    not of the kinds and shapes that it declares.

    It goes through the constructor where that takes the fields as they are.
    """
    name = cls.__name__
    known = fields_of(cls)
    fields = _defaults(cls) | fields
    if set(fields) != set(known):
        raise ModelError(f"its {name} has the fields {sorted(fields)}, not {sorted(known)}")
    _check_kinds(cls, fields)
    try:
        as_given = set(inspect.signature(cls).parameters) == set(known)
        build = cls if as_given and name not in _AS_THEY_ARE else partial(unchecked, cls)
        instance = build(**fields)
        _check_density(name, instance)
        if name == "CallableSensor" and instance.R is not None:
            matrix("R", instance.R, (instance.outputs, instance.outputs))
        if hasattr(cls, "believing"):
            instance = _learned(instance)
        if hasattr(cls, "local"):
            _check_transition(instance)
    except Exception as error:  # whatever functions of a user's raise  # noqa: BLE001
        reason = (str(error).splitlines() or [""])[0]
        raise ModelError(f"its {name} cannot be made: {reason or type(error).__name__}") from None
    return instance


def _defaults(cls: Any) -> dict[str, Any]:
    every = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    return {each.name: each.default for each in every if each.default is not dataclasses.MISSING}


def _check_kinds(cls: Any, fields: dict[str, Any]) -> None:
    """Kinds, and shapes that share letters, are those of the class's annotations."""
    kinds = typing.get_type_hints(cls)
    with jaxtyped("context"):
        for key in fields_of(cls):
            if not _is(kinds.get(key, Any), fields[key]):
                value = fields[key]
                found = f"{value.dtype}{value.shape}" if isinstance(value, jax.Array) else value
                text = found if isinstance(found, str) else repr(value)[:60]
                kind = kinds[key]
                wanted = getattr(kind, "dim_str", getattr(kind, "__name__", str(kind)))
                raise ModelError(f"{key} of its {cls.__name__} is {text}, not ({wanted})")


def _is(kind: Any, value: Any) -> bool:
    """Whether ``value`` is of the annotated ``kind``; what cannot be told is let through."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(_is(each, value) for each in inside)
    if origin is tuple and inside[-1] is ...:
        return isinstance(value, tuple) and all(_is_alone(inside[0], item) for item in value)
    if origin is tuple:
        fits = isinstance(value, tuple) and len(value) == len(inside)
        return fits and all(map(_is, inside, value))
    if origin is dict:
        items = value.values() if isinstance(value, dict) else ()
        return isinstance(value, dict) and all(_is_alone(inside[1], item) for item in items)
    if origin is Callable:
        return callable(value)
    if origin is typing.Literal:
        return value in inside
    if kind is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is Any or not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return True
    return isinstance(value, kind)


def _is_alone(kind: Any, item: Any) -> bool:
    """As :func:`_is`, of one of many, whose shapes may differ."""
    with jaxtyped("context"):
        return _is(kind, item)


def _check_density(name: str, instance: Any) -> None:
    """As positive definite as its own type of numbers can tell."""
    for field in _DEFINITE.get(name, ()):
        try:
            np.linalg.cholesky(np.asarray(getattr(instance, field)))
        except np.linalg.LinAlgError:
            raise ModelError(f"{field} of its {name} is not positive definite") from None
    if hasattr(instance, "dof") and not instance.dof > instance.inverse_scale.shape[0] - 1:
        raise ModelError(f"dof of its {name} is {instance.dof}, too few for {name} to be one")


def _learned(instance: Any) -> Any:
    """``instance`` with what follows from its posterior, which is about what the prior is about."""
    prior, posterior = ([x.shape for x in jax.tree.leaves(each)] for each in (
        instance.prior, instance.posterior
    ))  # fmt: skip
    if prior != posterior:
        raise ModelError(f"prior and posterior have the shapes {prior} and {posterior}")
    if hasattr(instance, "intercept"):
        k = instance.inputs + instance.controls + instance.intercept
        if k != instance.posterior.mean.shape[1]:
            raise ModelError(f"it has {k} regressors, its posterior {posterior[0][1]}")
    return instance.believing(instance.posterior)


def _check_transition(instance: Any) -> None:
    """It maps states to states of its own size; nothing is computed."""
    n, p = instance.dim, instance.controls
    state, control = (jax.ShapeDtypeStruct((k,), default_float()) for k in (n, p))
    local = jax.eval_shape(lambda x, u: instance.local(x, u, "variational"), state, control)
    found = local.mean.shape, local.along_state.shape, local.along_control.shape
    if found != ((n,), (n, n), (n, p)) or local.noise.shape[0] != n:
        raise ModelError(f"its parts have the shapes {found}, but dim={n} and controls={p}")
