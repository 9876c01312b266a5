"""Recordings: the wire's own bytes in MCAP files, which Foxglove, PlotJuggler and ``mcap`` open.

A recording is the MCAP files of one folder, in the order of their names. Each message of a stream
is kept byte for byte on the channel of the stream's name, encoded as ``jopa`` (its schema's text
says what the fields are); every frame is there once more as a PNG on the channel ``camera``, in
Foxglove's ``CompressedImage``. MCAP's stamps are wall time: the host's monotonic clock plus
``clock_offset_ns``, which the file's metadata has. What is not in a chunk yet is lost when the
process is killed; what is, can be read though the file has no end.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from .codec import WireError, decode
from .mcap_file import ChunkPlace, McapFile
from .messages import STREAMS, Header, Message

PREFIX = "recording-"
NOTE = "jopa"
"""Name of the metadata that a file of ours has."""


class RecordingError(ValueError):
    """A recording that cannot be read; the text says which, why, and what to do."""


@dataclass(frozen=True)
class Recorded:
    """One message of a recording: its stream, when it arrived (monotonic), and what it was."""

    stream: str
    arrived_ns: int
    header: Header
    message: Message


class Raw(NamedTuple):
    """One message of a recording as its bytes, and the file that holds it."""

    stream: str
    arrived_ns: int
    data: bytes
    file: Path

    def read(self) -> Recorded:
        """What it says; :class:`RecordingError` where another version has written it."""
        try:
            return Recorded(self.stream, self.arrived_ns, *decode(self.data))
        except WireError as error:
            raise RecordingError(
                f"{str(self.file)!r}: a message on {self.stream!r} cannot be read ({error}): it "
                "was recorded by another version"
            ) from None


class Recording:
    """Reads the recording in a folder, message by message; :class:`RecordingError` for any other.
    An empty file, whose writer was killed at once, is passed over.

    Only the chunk that is being read is in memory. ``notes`` and ``attachments`` are those of its
    first file. ``cut_off`` says whether a file has no end, as when its writer was killed, or was
    found damaged while it was read.
    """

    def __init__(self, folder: Path) -> None:
        self.files = [folder] if folder.is_file() else sorted(folder.glob(f"{PREFIX}*.mcap"))
        if not self.files:
            raise RecordingError(
                f"no recording in {str(folder)!r}: give the folder of a run that was recorded, or "
                "an MCAP file of one"
            )
        begun = [file for file in self.files if _size(file)] or self.files[:1]
        self._files = [_opened(file) for file in begun]
        first = self._files[0]
        if NOTE not in first.notes:
            raise RecordingError(f"{str(first.path)!r} is not a recording of jopa-agent's")
        self.notes, self.attachments = first.notes[NOTE], first.attachments

    @property
    def cut_off(self) -> bool:
        return len(self._files) < len(self.files) or not all(file.whole for file in self._files)

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """When the first message arrived, and the last (monotonic); None where there is none."""
        spans = [
            (place.first_ns - _offset_ns(file), place.last_ns - _offset_ns(file))
            for file in self._files
            for place in file.chunks
        ]
        return (spans[0][0], spans[-1][1]) if spans else None

    @cached_property
    def foreign(self) -> frozenset[str]:
        """The streams that cannot be read, because another version has written them."""
        return frozenset(stream for stream in STREAMS if not self._is_ours(stream))

    def raw(
        self,
        streams: Collection[str] | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
    ) -> Iterator[Raw]:
        """All messages in the order of their arrival, or those of some ``streams``, from a moment
        on, until another one and no later (monotonic). Chunks without any are not read."""
        wanted = set(STREAMS if streams is None else streams)
        for file, place in self._places(wanted):
            offset = _offset_ns(file)
            if since_ns is not None and place.last_ns - offset < since_ns:
                continue
            if until_ns is not None and place.first_ns - offset > until_ns:
                return
            for topic, message in file.messages(place):
                arrived_ns = message.log_time - offset
                early = since_ns is not None and arrived_ns < since_ns
                late = until_ns is not None and arrived_ns > until_ns
                if topic in wanted and not early and not late:
                    yield Raw(topic, arrived_ns, message.data, file.path)

    def messages(
        self,
        streams: Collection[str] | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
    ) -> Iterator[Recorded]:
        """As :meth:`raw`, read; :class:`RecordingError` where one of them cannot be."""
        for raw in self.raw(streams, since_ns, until_ns):
            yield raw.read()

    def __iter__(self) -> Iterator[Recorded]:
        return self.messages()

    def _is_ours(self, stream: str) -> bool:
        first = next(self.raw([stream]), None)
        try:
            return first is None or bool(first.read())
        except RecordingError:
            return False

    def _places(self, streams: Collection[str]) -> Iterator[tuple[McapFile, ChunkPlace]]:
        """The chunks that may hold messages of ``streams``."""
        for file in self._files:
            wanted = {channel for channel, topic in file.topics.items() if topic in streams}
            for place in file.chunks:
                if place.channels is None or wanted & place.channels:
                    yield file, place


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _opened(path: Path) -> McapFile:
    try:
        file = McapFile(path)
        _offset_ns(file)
        return file
    except OSError as error:
        raise RecordingError(f"{str(path)!r} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise RecordingError(f"{str(path)!r} is not an MCAP file ({error})") from None


def _offset_ns(file: McapFile) -> int:
    """Wall time less the monotonic clock, when the file was written."""
    return int(file.notes.get(NOTE, {}).get("clock_offset_ns", 0))
