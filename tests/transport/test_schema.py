"""Message types: what may be declared, and when two declarations are the same message."""

from dataclasses import dataclass, make_dataclass
from enum import IntEnum
from typing import Annotated, Any, get_args

import numpy as np
import pytest
from jopa_agent.transport import messages
from jopa_agent.transport.schema import Array, layout, schema_hash


class Colour(IntEnum):
    RED = 0


def variant(*fields: tuple[str, Any], name: str = "Sample") -> int:
    return schema_hash(make_dataclass(name, fields))


def image(*axes: str, dtype: str = "uint8") -> Any:
    return Annotated[np.ndarray, Array(dtype, *axes)]


def test_identifiers_are_unique() -> None:
    identifiers = [message.ID for message in get_args(messages.Message)]
    assert len(set(identifiers)) == len(identifiers)


def test_the_hash_tells_schemas_apart() -> None:
    other_colour = IntEnum("Colour", {"RED": 0, "BLUE": 1})
    hashes = [
        variant(("a", int), ("b", float)),
        variant(("b", float), ("a", int)),
        variant(("a", int), ("b", str)),
        variant(("a", int)),
        variant(("a", int), ("b", float), name="Other"),
        variant(("a", image("h", "w"))),
        variant(("a", image("h", "h"))),
        variant(("a", image("h", "w", dtype="float32"))),
        variant(("a", Colour)),
        variant(("a", other_colour)),
    ]
    assert len(set(hashes)) == len(hashes)
    assert variant(("a", int), ("b", float)) == hashes[0]


def test_the_hash_is_the_same_in_every_process() -> None:
    # of "Stop:", whatever Python's hash seed
    assert schema_hash(messages.Stop) == 0xD2975C1EDEE84A79


@pytest.mark.parametrize("hint", [object, list, np.ndarray, dict[str, int], int | None])
def test_a_type_that_cannot_cross_the_wire_is_refused(hint: Any) -> None:
    with pytest.raises(TypeError, match="cannot cross the wire"):
        layout(make_dataclass("Sample", [("a", hint)]))


@pytest.mark.parametrize(
    ("dtype", "axes"), [("object", 1), ("float16", 1), ("uint8", 0), ("uint8", 5)]
)
def test_an_array_that_cannot_cross_the_wire_is_refused(dtype: str, axes: int) -> None:
    with pytest.raises(TypeError, match="can cross the wire"):
        Array(dtype, *"abcde"[:axes])


def test_the_order_of_fields_is_that_of_the_declaration() -> None:
    @dataclass
    class Sample:
        second: int
        first: float

    assert list(layout(Sample)) == ["second", "first"]
