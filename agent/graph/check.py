"""Checks of what a user builds, and pytrees that pass by them.

A check reads values only where there are any: inside ``jit``, ``vmap`` and ``grad`` an argument is
a tracer, whose shape alone is checked.
"""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

T = TypeVar("T")


def vector(name: str, value: Any, size: int | None = None) -> Float[Array, "n"]:
    """``value`` as a float array ``(n,)``.

    Raises ValueError unless it has one axis, of length ``size`` where that is given, and finite
    entries.
    """
    array = floats(name, value)
    expected = ("n",) if size is None else (size,)
    if array.ndim != 1 or (size is not None and array.shape[0] != size):
        raise ValueError(shape_line(name, array.shape, expected))
    return array


def matrix(
    name: str, value: Any, shape: tuple[int | None, int | None] | None = None
) -> Float[Array, "m n"]:
    """``value`` as a float array ``(m, n)``.

    Raises ValueError unless it has two axes, of the lengths in ``shape`` (None: any), and finite
    entries.
    """
    array = floats(name, value)
    wanted = shape or (None, None)
    if array.ndim != 2 or any(
        size is not None and size != found for size, found in zip(wanted, array.shape, strict=True)
    ):
        letters = tuple(
            letter if size is None else size for letter, size in zip("mn", wanted, strict=True)
        )
        raise ValueError(shape_line(name, array.shape, letters))
    return array


def covariance(
    name: str, value: Any, size: int | None = None, definite: bool = False
) -> Float[Array, "n n"]:
    """``value`` as a symmetric float array ``(n, n)``; ``n = size`` where that is given.

    Raises ValueError unless it is square, finite, symmetric and positive semi-definite
    (``definite``: positive definite), all within the rounding of its type.
    """
    array = matrix(name, value, (size, size))
    if array.shape[0] != array.shape[1]:
        raise ValueError(shape_line(name, array.shape, ("n", "n")))
    return covariances(name, array, definite)


def covariances(
    name: str, array: Float[Array, "*t n n"], definite: bool = False
) -> Float[Array, "*t n n"]:
    """As :func:`covariance`, of square float arrays stacked along leading axes."""
    array = symmetric(name, array)
    if is_traced(array) or not array.size:
        return array
    values = np.asarray(array, np.float64)
    eigenvalues = np.linalg.eigvalsh(values).reshape(-1, values.shape[-1])
    smallest, largest = eigenvalues[:, 0], np.abs(eigenvalues).max(axis=1)
    rounding = 100 * values.shape[-1] * float(jnp.finfo(array.dtype).eps)
    negative = smallest < -rounding * largest
    if negative.any():
        raise ValueError(
            f"{name} has the negative eigenvalue {smallest[negative][0]:.3g}: no Gaussian has such "
            f"a matrix; give one that is positive {'' if definite else 'semi-'}definite"
        )
    if definite and not _definite(values):
        raise ValueError(
            f"{name} is singular (smallest eigenvalue {smallest.min():.3g}, largest "
            f"{largest.max():.3g}): its inverse would be infinite; give a positive definite one"
        )
    return array


def scalar(
    name: str, value: Any, above: float | None = None, reason: str = "it is too small"
) -> Float[Array, ""]:
    """``value`` as a float array without axes.

    Raises ValueError unless it is finite, and above the bound ``above`` where one is given; what
    would come of a smaller one is the ``reason``.
    """
    array = floats(name, value)
    if array.ndim != 0:
        raise ValueError(shape_line(name, array.shape, ()))
    if above is not None and not is_traced(array) and not float(array) > above:
        raise ValueError(f"{name} is {float(array):g}: {reason}; give one above {above:g}")
    return array


def default_float() -> np.dtype:
    """jax's default type of floats."""
    return np.dtype(jax.dtypes.canonicalize_dtype(float))


def in_default_floats(tree: T) -> T:
    """``tree`` with its floats in jax's default type, so that models of another fit."""
    float_ = default_float()

    def cast(x):
        return x.astype(float_) if jnp.issubdtype(jnp.result_type(x), jnp.floating) else x

    return jax.tree.map(cast, tree)


def positive(name: str, value: Any) -> Float[Array, ""]:
    """``value`` as a float array without axes; ValueError unless it is above zero."""
    return scalar(name, value, 0.0, "it must be positive")


def whole(name: str, value: Any, least: int) -> int:
    """``value`` as an int; ValueError unless it is a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ValueError(
            f"{name} is {value!r}: sizes are counted; give a whole number of at least {least}"
        )
    if value < least:
        raise ValueError(f"{name} is {value}: it must be at least {least}; give a larger one")
    return int(value)


def floats(name: str, value: Any) -> Float[Array, "..."]:
    """``value`` as a float array of any shape, no wider than jax's default.

    Raises ValueError unless it holds real, finite numbers in rows of one length.
    """
    if any(map(is_traced, jax.tree.leaves(value))):
        array = jnp.asarray(value)
        wide = jnp.issubdtype(array.dtype, jnp.floating)
        return array if wide else array.astype(default_float())
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} is no array of numbers ({error}): nothing can be computed from it; give "
            "numbers in rows of one length"
        ) from None
    wide = jnp.issubdtype(array.dtype, jnp.floating)
    if not wide and array.dtype.kind not in "biu":
        raise ValueError(
            f"{name} has the type {array.dtype}: a density is one of real numbers; give floats"
        )
    dtype = jax.dtypes.canonicalize_dtype(array.dtype if wide else float)
    with np.errstate(over="ignore"):
        finite = np.isfinite(array.astype(dtype))
    if not finite.all():
        where = tuple(int(index) for index in np.argwhere(~finite)[0])
        raise ValueError(
            f"{name}{list(where) if where else ''} is {array[where]}: every result would become "
            f"NaN; give numbers that are finite in {dtype}"
        )
    return jnp.asarray(value if isinstance(value, jax.Array) else array, dtype)


def symmetric(name: str, array: Float[Array, "*rest n n"]) -> Float[Array, "*rest n n"]:
    """``array``, its rounding made symmetric; ValueError where it is not symmetric."""
    if is_traced(array):
        return array
    values = np.asarray(array, np.float64)
    away = np.abs(values - np.swapaxes(values, -1, -2))
    largest = np.abs(values).max(axis=(-2, -1), keepdims=True, initial=0.0)
    wrong = away > float(jnp.finfo(array.dtype).eps) ** 0.5 * largest
    if wrong.any():
        *_, row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"{name} is not symmetric (entries [{row}, {column}] and [{column}, {row}] differ by "
            f"{away[wrong][0]:.3g}): it would be read in two ways; give (M + Mᵀ) / 2"
        )
    return (array + array.mT) / 2 if away.any() else array


def is_traced(value: Any) -> bool:
    """Whether ``value`` has no numbers yet: it is being traced by jax."""
    return isinstance(value, Tracer)


def pytree(*fields: str, static: tuple[str, ...] = ()):
    """Register a class as a pytree of these ``fields`` that is rebuilt without its constructor.

    The ``static`` fields are part of the tree's structure: they must be hashable.
    """

    def register(cls: type[T]) -> type[T]:
        keys = tuple(jax.tree_util.GetAttrKey(field) for field in fields)
        every = fields + static

        def flatten(instance):
            values = instance.__dict__
            return [values[field] for field in fields], tuple(values[field] for field in static)

        def flatten_with_keys(instance):
            leaves, fixed = flatten(instance)
            return tuple(zip(keys, leaves, strict=True)), fixed

        def unflatten(fixed, leaves):
            instance = object.__new__(cls)
            instance.__dict__.update(zip(every, (*leaves, *fixed), strict=True))
            return instance

        jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
        return cls

    return register


def unchecked(cls: type[T], **fields: Any) -> T:
    """An instance of ``cls`` with these ``fields``, built past its constructor."""
    instance = object.__new__(cls)
    store(instance, **fields)
    return instance


def replaced(instance: T, **fields: Any) -> T:
    """``instance`` with other ``fields``, built past its constructor."""
    return unchecked(type(instance), **{**instance.__dict__, **fields})


def store(instance: Any, **fields: Any) -> None:
    """Set the ``fields`` of a frozen ``instance`` while it is being built."""
    for field, value in fields.items():
        object.__setattr__(instance, field, value)


def reason_of(error: Exception) -> str:
    """What a user's function raised, in one line."""
    said = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def shape_line(name: str, found: tuple[int, ...], expected: tuple[int | str, ...]) -> str:
    """What to say of an argument ``name`` whose shape is ``found``."""
    wanted = f"({', '.join(map(str, expected))}{',' if len(expected) == 1 else ''})"
    return (
        f"{name} has the shape {found}, not {wanted}: it does not fit the other arguments; "
        f"give one of the shape {wanted}"
    )


def _definite(values: Float[np.ndarray, "*t n n"]) -> bool:
    """Whether all are definite by more than rounding, whatever the coordinates' scales."""
    scale = np.sqrt(np.maximum(np.diagonal(values, axis1=-2, axis2=-1), 0.0))
    if not (scale > 0).all():
        return False
    eigenvalues = np.linalg.eigvalsh(values / (scale[..., :, None] * scale[..., None, :]))
    return bool((eigenvalues[..., 0] > 4 * values.shape[-1] * np.finfo(np.float64).eps).all())
