"""Messages to bytes and back; what is not exactly a message of ours is refused, never guessed.

A message is a fixed header (little-endian) and a msgpack map of its fields. An array is a msgpack
extension: dtype code, number of axes, their lengths, raw little-endian elements in C order.
"""

import math
import struct
from enum import IntEnum
from typing import Any, get_args

import msgpack
import numpy as np

from . import messages
from .messages import Header
from .schema import DTYPES, MAX_AXES, MAX_BODY, MAX_TEXT, Array, Kind, layout, schema_hash

PROTOCOL = 1

_MAGIC = b"JOPA"
_HEADER = struct.Struct("<4sHHQIQqqII")
_ARRAY_TYPE = 1
_ARRAY = struct.Struct("<BB6x")
_DTYPES = tuple(np.dtype(name).newbyteorder("<") for name in DTYPES)
_PACKER = msgpack.Packer()
_INT64 = range(-(2**63), 2**63)
_MESSAGES: dict[int, type] = {message.ID: message for message in get_args(messages.Message)}
_MAX_FIELDS = max(len(layout(message)) for message in _MESSAGES.values())

MAX_MESSAGE = _HEADER.size + MAX_BODY


class WireError(ValueError):
    """Bytes that are not a message of this version, or a message that may not be sent."""


def encode(header: Header, message: messages.Message) -> bytes:
    """The bytes of a message; :class:`WireError` if a field breaks what its type promises."""
    kind = type(message)
    values = {name: getattr(message, name) for name in layout(kind)}
    _check(kind, values)
    body = _PACKER.pack({name: _pack(value) for name, value in values.items()})
    if len(body) > MAX_BODY:
        raise WireError(f"{kind.__name__} of {len(body)} bytes: at most {MAX_BODY} can be sent")
    head = _HEADER.pack(
        _MAGIC,
        PROTOCOL,
        kind.ID,
        schema_hash(kind),
        header.source,
        header.sequence,
        header.stamp_ns,
        header.tick,
        header.epoch,
        len(body),
    )
    return head + body


def decode(data: bytes) -> tuple[Header, messages.Message]:
    """The message in ``data``; its arrays are read-only. :class:`WireError` for anything else."""
    header, kind = _read_header(data)
    try:
        fields = msgpack.unpackb(
            memoryview(data)[_HEADER.size :],
            ext_hook=_unpack_array,
            object_pairs_hook=_flat,
            max_str_len=4 * MAX_TEXT,
            max_bin_len=0,
            max_array_len=0,
            max_map_len=_MAX_FIELDS,
        )
    except WireError:
        raise
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise WireError(f"{kind.__name__}: the body is not msgpack of ours ({error})") from None
    if not isinstance(fields, dict) or fields.keys() != layout(kind).keys():
        raise WireError(f"{kind.__name__}: the body does not hold the declared fields")
    _check(kind, fields)
    return header, kind(**{name: _typed(kind, name, value) for name, value in fields.items()})


def _read_header(data: bytes) -> tuple[Header, type]:
    if not _HEADER.size <= len(data) <= MAX_MESSAGE:
        raise WireError(f"{len(data)} bytes cannot be a message")
    magic, protocol, identifier, schema, source, sequence, stamp, tick, epoch, size = (
        _HEADER.unpack_from(data)
    )
    if magic != _MAGIC or protocol != PROTOCOL:
        raise WireError(f"{magic!r}, protocol {protocol}: expected {_MAGIC!r}, protocol {PROTOCOL}")
    kind = _MESSAGES.get(identifier)
    if kind is None:
        raise WireError(f"no message has the identifier {identifier}")
    if schema != schema_hash(kind):
        raise WireError(f"{kind.__name__}: the sender's schema is {schema:016x}, another version's")
    if size != len(data) - _HEADER.size:
        raise WireError(f"{kind.__name__}: {size} bytes announced, {len(data)} received in all")
    return Header(source, sequence, stamp, tick, epoch), kind


def _pack(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    code = DTYPES.index(value.dtype.name)
    head = _ARRAY.pack(code, value.ndim) + struct.pack(f"<{value.ndim}Q", *value.shape)
    return msgpack.ExtType(_ARRAY_TYPE, head + value.astype(_DTYPES[code], copy=False).tobytes())


def _unpack_array(code: int, data: bytes) -> np.ndarray:
    if code != _ARRAY_TYPE or len(data) < _ARRAY.size:
        raise WireError(f"extension {code} of {len(data)} bytes is not an array")
    dtype_code, axes = _ARRAY.unpack_from(data)
    start = _ARRAY.size + 8 * axes
    if dtype_code >= len(_DTYPES) or not 1 <= axes <= MAX_AXES or len(data) < start:
        raise WireError(f"no array has dtype code {dtype_code} and {axes} axes")
    shape = struct.unpack_from(f"<{axes}Q", data, _ARRAY.size)
    dtype = _DTYPES[dtype_code]
    if min(shape) < 1 or math.prod(shape) * dtype.itemsize != len(data) - start:
        raise WireError(f"an array of shape {shape} does not fill {len(data) - start} bytes")
    return np.frombuffer(data, dtype, offset=start).reshape(shape)


def _flat(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """The one map of a body. An inner map is refused as soon as it is closed, so none grows."""
    fields = dict(pairs)
    if len(fields) != len(pairs) or any(isinstance(value, dict) for value in fields.values()):
        raise WireError("the body holds a map within a map, or a field twice")
    return fields


def _check(kind: type, values: dict[str, Any]) -> None:
    """Every value is what its field promises, and axes of one name have one length."""
    lengths: dict[str, int] = {}
    for name, expected in layout(kind).items():
        fault = _fault(expected, values[name], lengths)
        if fault:
            raise WireError(f"{kind.__name__}.{name} {fault}")


def _fault(expected: Kind, value: Any, lengths: dict[str, int]) -> str | None:
    if isinstance(expected, Array):
        return _array_fault(expected, value, lengths)
    if issubclass(expected, IntEnum):
        known = type(value) in (int, expected) and value in tuple(expected)
        return None if known else f"is not one of {expected.__name__}"
    if type(value) is not expected:
        return f"is {type(value).__name__}, not {expected.__name__}"
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}, not finite"
    if isinstance(value, int) and value not in _INT64:
        return "does not fit 64 bits"
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return f"is longer than {MAX_TEXT} characters"
    return None


def _array_fault(expected: Array, value: Any, lengths: dict[str, int]) -> str | None:
    if not isinstance(value, np.ndarray) or value.dtype.name != expected.dtype:
        return f"is not an array of {expected.dtype}"
    if value.ndim != len(expected.axes) or value.size == 0:
        return f"has shape {value.shape}, not ({', '.join(expected.axes)})"
    for axis, length in zip(expected.axes, value.shape, strict=True):
        if lengths.setdefault(axis, length) != length:
            return f"has shape {value.shape}, but {axis} is {lengths[axis]} in this message"
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        return "is not finite"
    return None


def _typed(kind: type, name: str, value: Any) -> Any:
    expected = layout(kind)[name]
    if not isinstance(expected, Array) and issubclass(expected, IntEnum):
        return expected(value)
    return value
