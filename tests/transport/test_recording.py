"""Recordings: what was on the wire comes back, however the writer ended."""

import base64
import io
import json
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from jopa_agent.transport.clock import now_ns
from jopa_agent.transport.codec import encode
from jopa_agent.transport.mcap_file import McapFile
from jopa_agent.transport.messages import Command, Frame, Header, Message, Origin
from jopa_agent.transport.recording import PREFIX, Recording, RecordingError
from jopa_agent.transport.recording_writer import RecordingWriter
from mcap.reader import make_reader
from PIL import Image

CONTROL = np.array([0.25], np.float32)


def messages(count: int) -> list[tuple[str, Header, Message]]:
    rng = np.random.default_rng(0)
    found: list[tuple[str, Header, Message]] = []
    for tick in range(count):
        image = rng.integers(0, 256, (32, 32, 1), dtype=np.uint8)
        header = Header(1, tick, now_ns(), tick, 1)
        found.append(("frame", header, Frame(image, CONTROL, now_ns(), 0)))
        found.append(("command", header, Command(CONTROL, Origin.PLAN, 5)))
    return found


def write(file: Path, sent: list[tuple[str, Header, Message]], end: bool = True) -> None:
    writer = RecordingWriter(file, {"part": "0"}, {"a.txt": b"abc"})
    for stream, header, message in sent:
        writer.add(stream, header, message, encode(header, message))
    if end:
        writer.close()


def read_back(folder: Path) -> tuple[Recording, list[tuple[str, Header, bytes]]]:
    recording = Recording(folder)
    found = [(each.stream, each.header, encode(each.header, each.message)) for each in recording]
    return recording, found


def test_everything_comes_back_to_the_bit(tmp_path: Path) -> None:
    sent = messages(50)
    before = now_ns()
    write(tmp_path / f"{PREFIX}000000.mcap", sent[:60])
    write(tmp_path / f"{PREFIX}000001.mcap", sent[60:])
    recording, found = read_back(tmp_path)
    assert found == [(stream, header, encode(header, each)) for stream, header, each in sent]
    assert recording.attachments == {"a.txt": b"abc"}
    assert not recording.cut_off
    arrived = [each.arrived_ns for each in recording]
    assert before <= min(arrived) <= max(arrived) <= now_ns()


def test_other_tools_find_the_camera(tmp_path: Path) -> None:
    file, sent = tmp_path / f"{PREFIX}000000.mcap", messages(5)
    write(file, sent)
    with file.open("rb") as stream:
        reader = make_reader(stream)  # by the index, as they do
        found = list(reader.iter_messages(topics=["camera"]))
    frames = [message for _, _, message in sent if isinstance(message, Frame)]
    assert len(found) == len(frames)
    for (schema, _, message), frame in zip(found, frames, strict=True):
        assert schema is not None
        assert schema.name == "foxglove.CompressedImage"
        png = base64.b64decode(json.loads(message.data)["data"])
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), frame.image[:, :, 0])


@given(share=st.floats(0.0, 1.0))
def test_a_file_that_was_cut_off_anywhere_is_read_as_far_as_it_goes(
    tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    file, sent = folder / f"{PREFIX}000000.mcap", messages(80)
    write(file, sent)
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    try:
        recording, found = read_back(folder)
    except RecordingError:
        assert share < 0.1  # within its notes
        return
    whole = [(stream, header, encode(header, each)) for stream, header, each in sent]
    assert found == whole[: len(found)]
    assert recording.cut_off or len(found) == len(whole)


def test_what_is_in_a_chunk_outlives_its_writer(tmp_path: Path) -> None:
    sent = messages(200)
    write(tmp_path / f"{PREFIX}000000.mcap", sent, end=False)
    recording, found = read_back(tmp_path)
    assert recording.cut_off
    assert len(found) > len(sent) - 100


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x89MCAP0\r\n" + bytes(100)])
def test_what_is_no_recording_is_told_in_one_line(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(RecordingError, match="no recording"):
        Recording(tmp_path)
    file = tmp_path / "a.mcap"
    file.write_bytes(data)
    with pytest.raises(RecordingError, match=r"a\.mcap") as told:
        Recording(file)
    assert "\n" not in str(told.value)


def test_a_damaged_chunk_costs_itself_alone(tmp_path: Path) -> None:
    file, sent = tmp_path / f"{PREFIX}000000.mcap", messages(300)
    write(file, sent)
    places = McapFile(file).chunks
    assert len(places) >= 5
    data = bytearray(file.read_bytes())
    middle = places[2]
    data[middle.offset + 100 : middle.offset + middle.size] = bytes(middle.size - 100)
    file.write_bytes(data)
    recording, found = read_back(tmp_path)
    whole = [(stream, header, encode(header, each)) for stream, header, each in sent]
    assert recording.cut_off
    lost = [each for each in whole if each not in found]
    assert [each for each in whole if each in found] == found
    assert 0 < len(lost) < 2 * len(whole) / len(places)
    first = whole.index(lost[0])
    assert whole[first : first + len(lost)] == lost


def test_a_span_is_read_without_the_rest(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / f"{PREFIX}000000.mcap", {}, {})
    for tick, (stream, header, message) in enumerate(messages(200)):
        writer.add(stream, header, message, encode(header, message), 1000 + tick)
    writer.close()
    recording = Recording(tmp_path)
    assert recording.span_ns == (1000, 1399)
    found = list(recording.messages(["command"], since_ns=1100, until_ns=1200))
    assert [each.arrived_ns for each in found] == list(range(1101, 1201, 2))
    assert {each.stream for each in found} == {"command"}


def test_a_file_that_its_writer_never_began_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / f"{PREFIX}000000.mcap", messages(3))
    (tmp_path / f"{PREFIX}000001.mcap").touch()
    recording, found = read_back(tmp_path)
    assert len(found) == 6
    assert recording.cut_off


def test_a_length_beyond_all_memory_is_damage(tmp_path: Path) -> None:
    """Found by ``tools/fuzz_coverage.py``: a record of 2**64 - 1 bytes within a chunk."""
    file = tmp_path / f"{PREFIX}000000.mcap"
    write(file, messages(3), end=False)
    record = b"\x7f" + struct.pack("<Q", 2**64 - 1)
    chunk = struct.pack("<QQQIIQ", 0, 0, len(record), 0, 0, len(record)) + record
    with file.open("ab") as stream:
        stream.write(b"\x06" + struct.pack("<Q", len(chunk)) + chunk)
    recording, found = read_back(tmp_path)
    assert recording.cut_off
    assert found == []


@pytest.mark.parametrize("compression", ["zstd", ""])
def test_a_chunk_that_would_fill_the_memory_is_damage(tmp_path: Path, compression: str) -> None:
    file = tmp_path / f"{PREFIX}000000.mcap"
    write(file, messages(3), end=False)
    data = zstandard.compress(bytes(2**27)) if compression else bytes(9)
    words = compression.encode()
    head = struct.pack("<QQQI", 0, 0, 2**40 * (not compression), 0)
    chunk = head + struct.pack("<I", len(words)) + words + struct.pack("<Q", len(data)) + data
    with file.open("ab") as stream:
        stream.write(b"\x06" + struct.pack("<Q", len(chunk)) + chunk)
    tracemalloc.start()
    try:
        recording = Recording(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()
    assert recording.cut_off
