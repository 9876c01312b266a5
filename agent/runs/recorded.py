"""A recorded run, as it is read again: what it was told at its start, and its messages."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...transport.recording import Recorded, Recording, RecordingError
from .launch import Launch, read


class RecordedRun:
    """The recording in a run's folder; ``launch`` is what its processes were told.

    Raises :class:`RecordingError` where there is none, or it is of another kind.
    """

    def __init__(self, folder: Path) -> None:
        self.recording = Recording(folder)
        self._told = tempfile.TemporaryDirectory(prefix="jopa-")  # as long as this object is there
        told = Path(self._told.name)
        for file, data in self.recording.attachments.items():
            (told / Path(file).name).write_bytes(data)
        try:
            self.launch: Launch = read(told)
        except ValueError as error:
            raise RecordingError(
                f"the recording in {str(folder)!r} is of another version ({error})"
            ) from None

    def __iter__(self) -> Iterator[Recorded]:
        return iter(self.recording)
