"""The codec: every message comes back as it went; everything else is refused as a WireError."""

import math
import struct
import tracemalloc
from enum import IntEnum
from typing import Any, get_args

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from jopa_agent.transport import messages
from jopa_agent.transport.codec import MAX_MESSAGE, WireError, decode, encode
from jopa_agent.transport.messages import Command, Frame, Goal, Header, Origin, Plan, Start, Stop
from jopa_agent.transport.schema import MAX_BODY, MAX_TEXT, Array, Kind, layout

HEAD = 52  # bytes of the header
MESSAGES = get_args(messages.Message)
INT64 = st.integers(-(2**63), 2**63 - 1)

headers = st.builds(
    Header,
    source=st.integers(0, 2**32 - 1),
    sequence=st.integers(0, 2**64 - 1),
    stamp_ns=INT64,
    tick=INT64,
    epoch=st.integers(0, 2**32 - 1),
)


@st.composite
def any_message(draw: st.DrawFn) -> messages.Message:
    kind = draw(st.sampled_from(MESSAGES))
    lengths: dict[str, int] = {}
    fields = {name: draw(_values(each, lengths, draw)) for name, each in layout(kind).items()}
    return kind(**fields)


def _values(kind: Kind, lengths: dict[str, int], draw: st.DrawFn) -> st.SearchStrategy[Any]:
    if isinstance(kind, Array):
        shape = tuple(lengths.setdefault(axis, draw(st.integers(1, 5))) for axis in kind.axes)
        finite = {"allow_nan": False, "allow_infinity": False} if "float" in kind.dtype else {}
        return arrays.arrays(kind.dtype, shape, elements=finite)
    if issubclass(kind, IntEnum):
        return st.sampled_from(list(kind))
    plain = {
        bool: st.booleans(),
        int: INT64,
        float: st.floats(allow_nan=False, allow_infinity=False),
        str: st.text(max_size=50),
    }
    return plain[kind]


def frame() -> Frame:
    image = np.arange(32 * 32, dtype=np.uint32).astype(np.uint8).reshape(32, 32, 1)
    return Frame(image, np.array([0.5], np.float32), 0, 0)


def forge(kind: type, body: bytes, **header: int) -> bytes:
    """A message of ``kind``'s identifier and schema around any body."""
    samples = {Frame: frame(), Stop: Stop(), Start: Start(1, 2, True, 0)}
    samples |= {
        Goal: Goal(frame().image, "a"),
        Plan: Plan(np.zeros((3, 1), "f4"), 0, 1.0, 1.0, 1.0),
    }
    samples |= {Command: Command(np.zeros(1, "f4"), Origin.SAFE, 0)}
    head = bytearray(encode(Header(1, 1, 1), samples[kind])[:HEAD])
    struct.pack_into("<I", head, HEAD - 4, header.get("size", len(body)))
    return bytes(head) + body


def packed(value: Any) -> bytes:
    return msgpack.Packer().pack(value)


def packed_array(code: int, shape: tuple[int, ...], raw: bytes) -> msgpack.ExtType:
    head = struct.pack("<BB6x", code, len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
    return msgpack.ExtType(1, head + raw)


@given(headers, any_message())
def test_every_message_comes_back(header: Header, message: messages.Message) -> None:
    seen_header, seen = decode(encode(header, message))
    assert seen_header == header
    assert type(seen) is type(message)
    for name in layout(type(message)):
        value, expected = getattr(seen, name), getattr(message, name)
        assert type(value) is type(expected)
        if isinstance(expected, np.ndarray):
            assert value.dtype == expected.dtype
            assert not value.flags.writeable
        np.testing.assert_array_equal(value, expected)


def test_arrays_of_other_memory_orders_come_back() -> None:
    image = np.asfortranarray(frame().image[::2, ::-1])
    control = np.array([0.5], np.dtype(">f4"))
    _, seen = decode(encode(Header(0, 0, 0), Frame(image, control, 0, 0)))
    assert isinstance(seen, Frame)
    np.testing.assert_array_equal(seen.image, image)
    np.testing.assert_array_equal(seen.control, control)
    assert seen.control.flags.aligned


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        decode(data)


@given(st.binary(max_size=200))
def test_a_random_body_behind_a_true_header_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        decode(forge(Frame, body))


@given(any_message(), st.data())
def test_a_truncation_is_refused(message: messages.Message, data: st.DataObject) -> None:
    whole = encode(Header(1, 2, 3), message)
    with pytest.raises(WireError):
        decode(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(any_message(), st.data())
def test_a_damaged_message_is_refused_or_still_well_formed(
    message: messages.Message, data: st.DataObject
) -> None:
    damaged = bytearray(encode(Header(1, 2, 3), message))
    place = data.draw(st.integers(0, len(damaged) - 1))
    damaged[place] ^= data.draw(st.integers(1, 255))
    try:
        header, seen = decode(bytes(damaged))
    except WireError:
        return
    assert len(encode(header, seen)) <= MAX_MESSAGE


@pytest.mark.parametrize(
    ("place", "fault"), [(0, "JOPA"), (4, "protocol"), (6, "identifier"), (8, "schema")]
)
def test_another_version_is_refused(place: int, fault: str) -> None:
    data = bytearray(encode(Header(1, 2, 3), Stop()))
    data[place] ^= 0x40
    with pytest.raises(WireError, match=fault):
        decode(bytes(data))


def test_a_wrong_announced_size_is_refused() -> None:
    with pytest.raises(WireError, match="announced"):
        decode(forge(Stop, b"\x80", size=2))


def test_an_oversized_message_is_neither_decoded_nor_sent() -> None:
    with pytest.raises(WireError, match="cannot be a message"):
        decode(forge(Stop, bytes(MAX_BODY + 1)))
    image = np.zeros((2048, 2049, 1), np.uint8)
    with pytest.raises(WireError, match="at most"):
        encode(Header(0, 0, 0), Frame(image, np.zeros(1, np.float32), 0, 0))


IMAGE = packed_array(0, (2, 2, 1), bytes(4))
CONTROL = packed_array(1, (1,), bytes(4))


@pytest.mark.parametrize(
    "fields",
    [
        {"image": IMAGE},
        {"image": IMAGE, "control": CONTROL, "more": 1},
        {"image": IMAGE, "Control": CONTROL},
        {"image": IMAGE, "control": None},
        {"image": IMAGE, "control": [0.0]},
        {"image": IMAGE, "control": b"\0\0\0\0"},
        {"image": IMAGE, "control": {"a": 1}},
        {"image": IMAGE, "control": packed_array(2, (1,), bytes(8))},
        {"image": IMAGE, "control": packed_array(1, (1, 1), bytes(4))},
        {"image": IMAGE, "control": packed_array(1, (1, 1, 1, 1, 1), bytes(4))},
        {"image": IMAGE, "control": packed_array(1, (), bytes(4))},
        {"image": IMAGE, "control": packed_array(1, (2,), bytes(4))},
        {"image": IMAGE, "control": packed_array(1, (1,), bytes(5))},
        {"image": IMAGE, "control": packed_array(1, (0,), b"")},
        {"image": IMAGE, "control": packed_array(1, (2**62,), bytes(4))},
        {"image": IMAGE, "control": packed_array(9, (1,), bytes(4))},
        {"image": IMAGE, "control": packed_array(1, (1,), struct.pack("<f", math.nan))},
        {"image": IMAGE, "control": packed_array(1, (1,), struct.pack("<f", math.inf))},
        {"image": packed_array(0, (2, 2**63, 2), bytes(4)), "control": CONTROL},
        {"image": packed_array(1, (1, 1, 1), bytes(4)), "control": CONTROL},
        {"image": msgpack.ExtType(1, b"\0"), "control": CONTROL},
        {"image": msgpack.ExtType(2, IMAGE.data), "control": CONTROL},
        {"image": msgpack.Timestamp(0), "control": CONTROL},
    ],
)
def test_fields_that_are_not_as_declared_are_refused(fields: dict[str, Any]) -> None:
    decode(
        forge(Frame, packed({"image": IMAGE, "control": CONTROL, "applied_ns": 0, "episode": 0}))
    )
    with pytest.raises(WireError):
        decode(forge(Frame, packed({"applied_ns": 0, "episode": 0} | fields)))


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Start, {"t0_ns": 1, "period_ns": 1, "realtime": 1}),
        (Start, {"t0_ns": True, "period_ns": 1, "realtime": True}),
        (Start, {"t0_ns": 1.0, "period_ns": 1, "realtime": True}),
        (Start, {"t0_ns": 2**63, "period_ns": 1, "realtime": True}),
        (Start, {b"t0_ns": 1, "period_ns": 1, "realtime": True}),
        (Goal, {"image": IMAGE, "name": "a" * (MAX_TEXT + 1)}),
        (Goal, {"image": IMAGE, "name": "a" * (MAX_BODY // 2)}),
        (Goal, {"image": IMAGE, "name": b"upright"}),
        (Command, {"control": CONTROL, "origin": 7, "frame_stamp_ns": 0}),
        (Command, {"control": CONTROL, "origin": True, "frame_stamp_ns": 0}),
        (Command, {"control": CONTROL, "origin": "PLAN", "frame_stamp_ns": 0}),
    ],
)
def test_values_of_another_type_or_range_are_refused(kind: type, fields: dict[Any, Any]) -> None:
    with pytest.raises(WireError):
        decode(forge(kind, packed(fields)))


@pytest.mark.parametrize("value", [math.nan, math.inf, 1])
def test_a_float_is_a_finite_float(value: float) -> None:
    controls = packed_array(1, (2, 1), bytes(8))
    fields = {
        "controls": controls,
        "received_ns": 0,
        "filter_ms": 1.0,
        "plan_ms": value,
        "free_energy": 1.0,
    }
    with pytest.raises(WireError, match="plan_ms"):
        decode(forge(Plan, packed(fields)))


def test_a_field_twice_is_refused() -> None:
    twice = b"\x84" + packed("t0_ns") + b"\x01" + packed({"t0_ns": 1})[1:]
    twice += packed({"period_ns": 1})[1:] + packed({"realtime": True})[1:]
    with pytest.raises(WireError, match="twice"):
        decode(forge(Start, twice))


def test_axes_of_one_name_have_one_length() -> None:
    belief = messages.Belief(
        mean=np.zeros(5, np.float32),
        std=np.zeros(4, np.float32),
        planned_mean=np.zeros((3, 5), np.float32),
        planned_std=np.zeros((3, 5), np.float32),
        goal=np.zeros(2, np.float32),
        distance=0.0,
        surprise=0.0,
    )
    with pytest.raises(WireError, match="state is 5"):
        encode(Header(0, 0, 0), belief)


@pytest.mark.parametrize(
    "message",
    [
        Frame(frame().image, np.array([np.nan], np.float32), 0, 0),
        Frame(frame().image, np.zeros(1), 0, 0),
        Frame(frame().image, np.zeros(0, np.float32), 0, 0),
        Frame(frame().image[0], np.zeros(1, np.float32), 0, 0),
        Frame(frame().image, [0.0], 0, 0),  # type: ignore[arg-type]
        Goal(frame().image, "a" * (MAX_TEXT + 1)),
        Plan(np.zeros((3, 1), np.float32), 0, math.inf, 1.0, 1.0),
        Start(2**63, 1, True, 0),
    ],
)
def test_what_a_receiver_would_refuse_is_not_sent(message: messages.Message) -> None:
    with pytest.raises(WireError):
        encode(Header(0, 0, 0), message)


@pytest.mark.parametrize(
    "body",
    [
        b"\x91" * MAX_BODY,
        b"\xdd\x00\x3f\xff\xf0" + b"\x90" * (MAX_BODY - 5),
        b"\xdf\x00\x1f\xff\xf0" + b"\xa0\x80" * ((MAX_BODY - 5) // 2),
        b"\x82\xa1a\x90\xa1b" * (MAX_BODY // 6),
        b"\x89" + b"".join(bytes([0xA1, 97 + i]) + b"\x82\xa1a\x80\xa1b\x80" for i in range(9)),
    ],
    ids=["lists in lists", "a list of lists", "a map of maps", "maps in maps", "a tree of maps"],
)
def test_a_body_made_to_fill_memory_is_refused_early(body: bytes) -> None:
    data = forge(Frame, body)
    tracemalloc.start()
    try:
        with pytest.raises(WireError):
            decode(data)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
