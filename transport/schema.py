"""What a message type promises: the name, type and shape of each of its fields."""

import hashlib
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

DTYPES = ("uint8", "float32", "float64", "int64")
"""Element types that may cross the wire; the index is the code on the wire (add only)."""

MAX_AXES = 4
MAX_TEXT = 2000
MAX_BODY = 4 * 2**20


@dataclass(frozen=True)
class Array:
    """An array field: its dtype, and a name for each axis.

    Axes that share a name within one message have the same length.
    """

    dtype: str
    axes: tuple[str, ...]

    def __init__(self, dtype: str, *axes: str) -> None:
        if dtype not in DTYPES or not 1 <= len(axes) <= MAX_AXES:
            raise TypeError(f"no array of {dtype} with {len(axes)} axes can cross the wire")
        object.__setattr__(self, "dtype", dtype)
        object.__setattr__(self, "axes", axes)

    def __str__(self) -> str:
        return f"{self.dtype}({','.join(self.axes)})"


Kind = Array | type[bool] | type[int] | type[float] | type[str] | type[IntEnum]


@cache
def layout(message: type) -> dict[str, Kind]:
    """The fields of a message type, in order; ``TypeError`` for one that cannot cross the wire."""
    hints = get_type_hints(message, include_extras=True)
    return {field.name: _kind(message, field.name, hints[field.name]) for field in fields(message)}


def spelling(message: type) -> str:
    """The name of a message type and all that its fields promise, in one line."""
    fields_of = (f"{name}={_spell(kind)}" for name, kind in layout(message).items())
    return f"{message.__name__}:" + ";".join(fields_of)


@cache
def schema_hash(message: type) -> int:
    """64 bits that change with the name, the fields, their order, types or axes of a message."""
    return int.from_bytes(hashlib.sha256(spelling(message).encode()).digest()[:8], "little")


def _kind(message: type, name: str, hint: Any) -> Kind:
    if get_origin(hint) is Annotated:
        array = get_args(hint)[1]
        if isinstance(array, Array):
            return array
    if hint in (bool, int, float, str) or (isinstance(hint, type) and issubclass(hint, IntEnum)):
        return hint
    raise TypeError(f"{message.__name__}.{name}: {hint} cannot cross the wire")


def _spell(kind: Kind) -> str:
    if isinstance(kind, Array):
        return str(kind)
    if issubclass(kind, IntEnum):
        return "enum(" + ",".join(f"{member.name}={member.value}" for member in kind) + ")"
    return kind.__name__
