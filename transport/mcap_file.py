"""MCAP files as an index of their chunks, so that any of them can be read without the others.

The index is made by walking over the records, which takes a look at each chunk's head alone, and
none at the index that a file ends with: a file whose writer was killed has none.
"""

import io
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Attachment, Channel, Chunk, Message, Metadata
from mcap.stream_reader import breakup_chunk

_MAGIC = b"\x89MCAP0\r\n"
_RECORD = struct.Struct("<BQ")  # what it is, and its length
_TIMES = struct.Struct("<QQ")
_INDEX = struct.Struct("<H")
_LARGEST_CHUNK = 64 * 2**20  # a message has 4 MiB at most
_LARGEST_NOTE = 256 * 2**20

# What parsing raises where a record is damaged.
_DAMAGED = (
    McapError, EOFError, struct.error, zstandard.ZstdError, ValueError, OverflowError, MemoryError,
)  # fmt: skip


@dataclass
class ChunkPlace:
    """Where a chunk is, and of when its first and last message are; ``channels`` are those that it
    has messages of, None where that is not known."""

    offset: int
    size: int
    first_ns: int
    last_ns: int
    channels: set[int] | None = field(default_factory=set)


class McapFile:
    """The ``chunks`` of a file, its ``notes`` (metadata by name), its ``attachments``, and the
    ``topics`` of its channels. It is ``whole`` where its writer came to the end.

    ``ValueError`` for what does not begin as an MCAP file, ``OSError`` where it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.chunks: list[ChunkPlace] = []
        self.notes: dict[str, dict[str, str]] = {}
        self.attachments: dict[str, bytes] = {}
        self.topics: dict[int, str] = {}
        self.whole = False
        with path.open("rb") as stream:
            if stream.read(len(_MAGIC)) != _MAGIC:
                raise ValueError("it does not begin as one")
            with suppress(*_DAMAGED):  # as far as it goes
                self._survey(stream, path.stat().st_size)
            if not self.whole and self.chunks:
                self.chunks[-1].channels = None

    def messages(self, place: ChunkPlace) -> Iterator[tuple[str, Message]]:
        """The messages of a chunk in their order, with their topics; those of one that is damaged,
        as far as it goes, after which the file is no longer ``whole``."""
        try:
            with self.path.open("rb") as stream:
                records = _records(_content(stream, place.offset, place.size))
            for record in records:
                if isinstance(record, Channel):
                    self.topics.setdefault(record.id, record.topic)
                elif isinstance(record, Message):
                    yield self.topics.get(record.channel_id, ""), record
        except _DAMAGED:
            self.whole = False

    def _survey(self, stream: BinaryIO, end: int) -> None:
        """Walk over the records."""
        offset = len(_MAGIC)
        while True:
            stream.seek(offset)
            kind, size = _RECORD.unpack(stream.read(_RECORD.size))
            offset += _RECORD.size
            if offset + size > end:
                return
            match kind:
                case Opcode.CHUNK:
                    first_ns, last_ns = _read(stream, _TIMES)
                    self.chunks.append(ChunkPlace(offset, size, first_ns, last_ns))
                    if len(self.chunks) == 1:  # it holds the channels
                        for _ in self.messages(self.chunks[0]):
                            pass
                case Opcode.MESSAGE_INDEX if self.chunks:
                    channels = self.chunks[-1].channels
                    assert channels is not None
                    channels.update(_read(stream, _INDEX))
                case Opcode.CHANNEL if size <= _LARGEST_NOTE:
                    channel = Channel.read(_content(stream, offset, size))
                    self.topics.setdefault(channel.id, channel.topic)
                case Opcode.METADATA if size <= _LARGEST_NOTE:
                    note = Metadata.read(_content(stream, offset, size))
                    self.notes[note.name] = note.metadata
                case Opcode.ATTACHMENT if size <= _LARGEST_NOTE:
                    attachment = Attachment.read(_content(stream, offset, size))
                    self.attachments[attachment.name] = attachment.data
                case Opcode.FOOTER:
                    self.whole = True
                    return
            offset += size


def _records(content: ReadDataStream) -> list:
    """What is in a chunk; ``ValueError`` for one that says it is larger than any of ours."""
    chunk = Chunk.read(content)
    size = chunk.uncompressed_size
    if chunk.compression == "zstd":
        size = max(size, zstandard.frame_content_size(chunk.data))
    if size > _LARGEST_CHUNK:
        raise ValueError(f"a chunk of {size} bytes")
    return breakup_chunk(chunk)


def _content(stream: BinaryIO, offset: int, size: int) -> ReadDataStream:
    stream.seek(offset)
    return ReadDataStream(io.BytesIO(stream.read(size)))


def _read(stream: BinaryIO, form: struct.Struct) -> tuple[int, ...]:
    return form.unpack(stream.read(form.size))
