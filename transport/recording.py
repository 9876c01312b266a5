"""Recordings: the wire's own bytes in MCAP files, which Foxglove, PlotJuggler and ``mcap`` open.

A recording is the MCAP files of one folder, in the order of their names. Each message of a stream
is kept byte for byte on the channel of the stream's name, encoded as ``jopa`` (its schema's text
says what the fields are); every frame is there once more as a PNG on the channel ``camera``, in
Foxglove's ``CompressedImage``. MCAP's stamps are wall time: the host's monotonic clock plus
``clock_offset_ns``, which the file's metadata has. What is not in a chunk yet is lost when the
process is killed; what is, can be read though the file has no end.
"""

import base64
import io
import json
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard
from mcap.exceptions import McapError
from mcap.records import Attachment, Channel, Metadata
from mcap.records import Message as McapMessage
from mcap.stream_reader import StreamReader
from mcap.writer import Writer
from PIL import Image

from .clock import now_ns
from .codec import WireError, decode
from .messages import STREAMS, Frame, Header, Message
from .schema import layout

CAMERA = "camera"
PREFIX = "recording-"
PROFILE = "jopa"

_CHUNK = 64 * 1024  # what a kill may cost: a second or so
_ENCODING = "jopa"
_IMAGE = {
    "title": "foxglove.CompressedImage",
    "type": "object",
    "properties": {
        "timestamp": {
            "type": "object",
            "title": "time",
            "properties": {"sec": {"type": "integer"}, "nsec": {"type": "integer"}},
        },
        "frame_id": {"type": "string"},
        "data": {"type": "string", "contentEncoding": "base64"},
        "format": {"type": "string"},
    },
}

# What reading raises where a file is cut off in the middle of a record.
_DAMAGED = (McapError, EOFError, struct.error, zstandard.ZstdError, ValueError)


class RecordingError(ValueError):
    """A recording that cannot be read; the text says which, why, and what to do."""


class RecordingWriter:
    """Writes one MCAP file; ``OSError`` where it cannot, as when the disk is full."""

    def __init__(self, file: Path, notes: dict[str, str], attachments: dict[str, bytes]) -> None:
        """``notes`` are kept as metadata, ``attachments`` as files within the file."""
        self._offset_ns = time.time_ns() - now_ns()
        self._stream = file.open("xb")
        self._writer = Writer(self._stream, chunk_size=_CHUNK)
        self._writer.start(PROFILE, "jopa-agent")
        self._writer.add_metadata("jopa", notes | {"clock_offset_ns": str(self._offset_ns)})
        for name, data in attachments.items():
            self._writer.add_attachment(time.time_ns(), time.time_ns(), name, "", data)
        self._channels = {name: self._channel(name, kind) for name, kind in STREAMS.items()}
        image = self._writer.register_schema(
            "foxglove.CompressedImage", "jsonschema", json.dumps(_IMAGE).encode()
        )
        self._camera = self._writer.register_channel(CAMERA, "json", image)
        self._stream.flush()

    @property
    def size(self) -> int:
        """Bytes in the file so far."""
        return self._stream.tell()

    def add(self, stream: str, header: Header, message: Message, data: bytes) -> None:
        """Keep the bytes ``data`` of a message of ``stream``, as it arrived just now."""
        arrived = now_ns() + self._offset_ns
        stamp = header.stamp_ns + self._offset_ns
        before = self.size
        channel = self._channels[stream]
        self._writer.add_message(channel, arrived, data, stamp, header.sequence % 2**32)
        if isinstance(message, Frame):
            self._writer.add_message(self._camera, arrived, _picture(message, stamp), stamp)
        if self.size != before:
            self._stream.flush()

    def close(self) -> None:
        """Write the end of the file, with its index."""
        try:
            self._writer.finish()
        finally:
            self._stream.close()

    def _channel(self, name: str, kind: type) -> int:
        text = "\n".join(f"{field}: {kind}" for field, kind in layout(kind).items())
        schema = self._writer.register_schema(kind.__name__, _ENCODING, text.encode())
        return self._writer.register_channel(name, _ENCODING, schema)


@dataclass(frozen=True)
class Recorded:
    """One message of a recording: its stream, when it arrived (monotonic), and what it was."""

    stream: str
    arrived_ns: int
    header: Header
    message: Message


class Recording:
    """Reads the recording in a folder, message by message; :class:`RecordingError` for any other.

    ``notes`` and ``attachments`` are those of its first file. ``cut_off`` says after reading
    whether a file has no end, as when its writer was killed.
    """

    def __init__(self, folder: Path) -> None:
        if folder.is_file():
            self.files = [folder]
        else:
            self.files = sorted(folder.glob(f"{PREFIX}*.mcap"))
        if not self.files:
            raise RecordingError(
                f"no recording in {str(folder)!r}: give the folder of a run that was recorded, or "
                "an MCAP file of one"
            )
        self.cut_off = False
        self.notes, self.attachments = self._head()

    def __iter__(self) -> Iterator[Recorded]:
        for file in self.files:
            offset = 0
            for record, topic in _records(file):
                if isinstance(record, Metadata) and record.name == "jopa":
                    offset = int(record.metadata["clock_offset_ns"])
                elif isinstance(record, McapMessage) and topic in STREAMS:
                    try:
                        header, message = decode(record.data)
                    except WireError as error:
                        raise RecordingError(
                            f"{str(file)!r}: a message on {topic!r} cannot be read ({error}): it "
                            "was recorded by another version"
                        ) from None
                    yield Recorded(topic, record.log_time - offset, header, message)
                elif record is None:
                    self.cut_off = True

    def _head(self) -> tuple[dict[str, str], dict[str, bytes]]:
        notes: dict[str, str] = {}
        attachments: dict[str, bytes] = {}
        for record, _ in _records(self.files[0]):
            if isinstance(record, Metadata) and record.name == "jopa":
                notes = record.metadata
            elif isinstance(record, Attachment):
                attachments[record.name] = record.data
            elif isinstance(record, McapMessage):
                break
        if not notes:
            raise RecordingError(f"{str(self.files[0])!r} is not a recording of jopa-agent's")
        return notes, attachments


def _records(file: Path) -> Iterator[tuple[object, str]]:
    """Records of a file in their order, messages with their topic; None for an end that is not
    there."""
    topics: dict[int, str] = {}
    begun = False
    try:
        with file.open("rb") as stream:
            try:
                for record in StreamReader(stream).records:
                    begun = True
                    if isinstance(record, Channel):
                        topics[record.id] = record.topic
                    known = isinstance(record, McapMessage)
                    yield record, topics.get(record.channel_id, "") if known else ""
            except _DAMAGED as error:
                if not begun:
                    raise RecordingError(f"{str(file)!r} is not an MCAP file ({error})") from None
                yield None, ""
    except OSError as error:
        raise RecordingError(f"{str(file)!r} cannot be read ({error.strerror})") from None


def _picture(frame: Frame, stamp_ns: int) -> bytes:
    image, png = frame.image, io.BytesIO()
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(png, "png")
    seconds, nanoseconds = divmod(stamp_ns, 10**9)
    picture = {
        "timestamp": {"sec": seconds, "nsec": nanoseconds},
        "frame_id": CAMERA,
        "data": base64.b64encode(png.getvalue()).decode(),
        "format": "png",
    }
    return json.dumps(picture).encode()
