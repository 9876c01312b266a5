"""Writes recordings; :mod:`.recording` says what they are."""

import base64
import io
import json
import time
from pathlib import Path

from mcap.writer import Writer
from PIL import Image

from .clock import now_ns
from .messages import STREAMS, Frame, Header, Message
from .recording import NOTE
from .schema import layout

CAMERA = "camera"
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


class RecordingWriter:
    """Writes one MCAP file; ``OSError`` where it cannot, as when the disk is full."""

    def __init__(self, file: Path, notes: dict[str, str], attachments: dict[str, bytes]) -> None:
        """``notes`` are kept as metadata, ``attachments`` as files within the file."""
        self._offset_ns = time.time_ns() - now_ns()
        self._stream = file.open("xb")
        self._writer = Writer(self._stream, chunk_size=_CHUNK)
        self._writer.start(PROFILE, "jopa-agent")
        self._writer.add_metadata(NOTE, notes | {"clock_offset_ns": str(self._offset_ns)})
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

    def add(
        self,
        stream: str,
        header: Header,
        message: Message,
        data: bytes,
        arrived_ns: int | None = None,
    ) -> None:
        """Keep the bytes ``data`` of a message of ``stream``, which arrived just now unless another
        moment is given (monotonic)."""
        arrived = (now_ns() if arrived_ns is None else arrived_ns) + self._offset_ns
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
