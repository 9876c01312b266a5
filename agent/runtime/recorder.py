"""The recorder: keeps what every stream carries, byte for byte. Control never waits for it."""

from collections.abc import Callable
from pathlib import Path

from ...transport.messages import STREAMS, Do, Order
from ...transport.recording import PREFIX
from ...transport.recording_writer import RecordingWriter
from ...transport.streams import Received
from ..runs.launch import launch_files
from .process import Child

_PART_BYTES = 64 * 2**20
_NAMES = {kind: name for name, kind in STREAMS.items()}


def main(child: Child) -> None:
    """Record until the run ends, unless a person wants none of it for a while; where it is not
    possible any more, say so and go on without."""
    limit = int(child.launch.settings.run.record_mb * 2**20)
    keeper = Keeper(child.run, launch_files(child.folder), limit)
    told, recording = False, True
    try:
        keeper.begin()
        child.start()
        for received in child.messages():
            child.tick = max(child.tick, received.header.tick)
            if isinstance(received.message, Order) and received.message.what is Do.RECORD:
                recording = received.message.value > 0
            if recording:
                keeper.add(received)
            if keeper.trouble and not told:
                child.note(f"recording ended: {keeper.trouble}")
                told = True
    finally:
        for received in child.waiting() if recording else ():
            keeper.add(received)
        keeper.close()


class Keeper:
    """Writes parts of bounded size, and removes the oldest where all are over the limit.

    ``trouble`` says why nothing can be kept any more, or is None.
    """

    def __init__(self, folder: Path, attachments: dict[str, bytes], limit_bytes: int) -> None:
        self.trouble: str | None = None
        self._folder, self._attachments, self._limit = folder, attachments, limit_bytes
        self._part_bytes = max(1, min(_PART_BYTES, limit_bytes // 4))
        self._writer: RecordingWriter | None = None

    def begin(self) -> None:
        """Open the first part."""
        self._guarded(self._open)

    def add(self, received: Received) -> None:
        """Keep a message, unless there was ``trouble``."""
        if self.trouble is None:
            self._guarded(lambda: self._write(received))

    def close(self) -> None:
        """End the last part."""
        if self._writer:
            self._guarded(self._writer.close)
            self._writer = None

    def _write(self, received: Received) -> None:
        if self._writer is None or self._writer.size > self._part_bytes:
            self.close()
            self._open()
        assert self._writer is not None
        stream = _NAMES[type(received.message)]
        self._writer.add(stream, received.header, received.message, received.data)

    def _open(self) -> None:
        parts = sorted(self._folder.glob(f"{PREFIX}*.mcap"))
        number = 1 + int(parts[-1].stem.removeprefix(PREFIX)) if parts else 0
        sizes = [part.stat().st_size for part in parts]
        while parts and sum(sizes) + self._part_bytes > self._limit:
            parts.pop(0).unlink()
            sizes.pop(0)
        notes = {"part": str(number)}
        file = self._folder / f"{PREFIX}{number:06d}.mcap"
        self._writer = RecordingWriter(file, notes, self._attachments)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do ``work``; what the file system has against it ends the recording, not the run."""
        try:
            work()
        except OSError as error:
            self._writer = None
            self.trouble = error.strerror or str(error)
