"""A recorded run, as it is read again: what it was told at its start, and its messages."""

import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from ...transport.messages import STREAMS
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
        try:
            for file, data in self.recording.attachments.items():
                (told / Path(file).name).write_bytes(data)
            self.launch: Launch = read(told)
        except (ValueError, OSError) as error:
            raise RecordingError(
                f"the recording in {str(folder)!r} is of another version ({error})"
            ) from None

    def __iter__(self) -> Iterator[Recorded]:
        """All messages, but those of streams that another version has written."""
        return self.messages((), STREAMS)

    def messages(
        self, needed: Collection[str], welcome: Collection[str] = ()
    ) -> Iterator[Recorded]:
        """The messages of the streams that are ``needed``, and of those that are ``welcome`` unless
        another version has written them; :class:`RecordingError` where it has one of the former."""
        return self.recording.messages({*needed, *welcome} - (self.recording.foreign - {*needed}))

    def passed_over(self, needed: Collection[str]) -> list[str]:
        """A line about the streams that are left out because another version has written them, or
        none; :class:`RecordingError` where one that is ``needed`` is among them."""
        foreign = self.recording.foreign
        if lacking := sorted(foreign.intersection(needed)):
            raise RecordingError(
                f"{', '.join(lacking)} of the recording cannot be read: another version has "
                "written it; use that version"
            )
        return [f"passed over {', '.join(sorted(foreign))}, of another version"] * bool(foreign)
