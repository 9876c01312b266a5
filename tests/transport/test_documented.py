"""The page about the wire says what the code does."""

import struct
from pathlib import Path
from typing import get_args

import pytest
from jopa_agent.agent.runtime.table import PROCESSES
from jopa_agent.transport import codec, messages
from jopa_agent.transport.schema import DTYPES, MAX_TEXT, schema_hash, spelling

PAGE = (Path(__file__).parents[2] / "docs" / "runtime.md").read_text("utf-8")


@pytest.mark.parametrize("message", get_args(messages.Message))
def test_each_message_is_there_as_it_is(message: type) -> None:
    row = f"| {message.ID} | `{spelling(message)}` | `{schema_hash(message):016x}` |"  # type: ignore[attr-defined]
    assert row in PAGE


def test_the_header_and_arrays_are_there_as_they_are() -> None:
    size = struct.calcsize("<4sHHQIQqqII")
    assert codec.MAX_MESSAGE - size == 4 * 2**20
    assert f"header of {size} bytes" in PAGE
    assert ", ".join(f"{code} {name}" for code, name in enumerate(DTYPES)) in PAGE
    assert f"at most {MAX_TEXT:,} characters" in PAGE


def test_processes_stand_in_the_order_of_their_numbers() -> None:
    places = [PAGE.index(f"\n| {process.name} |") for process in PROCESSES]
    assert places == sorted(places)
