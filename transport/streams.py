"""The two ends of a stream: typed messages in and out of a socket."""

from collections.abc import Iterator
from typing import NamedTuple

import zmq

from .clock import now_ns
from .codec import WireError, decode, encode
from .messages import Header, Message
from .sockets import READER

_BATCH = 100  # messages read in one go, so that a flood cannot hold a loop past its deadline


class Received(NamedTuple):
    """A message that arrived, behind its header; ``data`` are the bytes of both."""

    header: Header
    message: Message
    data: bytes = b""


class Publisher:
    """Sends messages with a running sequence number; never blocks."""

    def __init__(self, socket: zmq.Socket, source: int) -> None:
        self._socket = socket
        self._source = source
        self._sequence = 0
        self._readers: set[str] = set()

    def readers(self) -> set[str]:
        """Who has been known to read this stream: nothing that is sent from now on is lost to them.

        ZeroMQ keeps the order of subscriptions, and tells them to the socket that publishes.
        """
        for _ in range(_BATCH):
            try:
                told = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                break
            if told[:1] == b"\x01" and told[1:].startswith(READER):
                self._readers.add(told[1 + len(READER) :].decode(errors="replace"))
        return self._readers

    def send(
        self, message: Message, tick: int = -1, epoch: int = 0, stamp_ns: int | None = None
    ) -> None:
        """Send ``message``; its stamp is the present moment unless one is given."""
        stamp = now_ns() if stamp_ns is None else stamp_ns
        header = Header(self._source, self._sequence, stamp, tick, epoch)
        self._socket.send(encode(header, message), zmq.NOBLOCK)
        self._sequence += 1


class Subscriber:
    """Reads messages of the accepted types; whatever else arrives is dropped and counted."""

    def __init__(self, socket: zmq.Socket, *accepts: type) -> None:
        self.socket = socket
        self.malformed = 0
        self._accepts = accepts

    def waiting(self) -> Iterator[Received]:
        """The messages that wait now, oldest first; never blocks."""
        for _ in range(_BATCH):
            try:
                data = self.socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                received = Received(*decode(data), data)
            except WireError:
                self.malformed += 1
                continue
            if isinstance(received.message, self._accepts):
                yield received
            else:
                self.malformed += 1
