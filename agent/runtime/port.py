"""The port that remote sensors and viewers connect to: its socket, its keys, its patience."""

from contextlib import suppress
from typing import NamedTuple

import zmq

from ...configs.sections import Gateway
from ...transport.clock import now_ns
from ...transport.codec import encode
from ...transport.curve import (
    Doorkeeper,
    check_address,
    is_loopback,
    key_of,
    plain_server,
    secure_server,
)
from ...transport.keys import AllowList, folder_named, own
from ...transport.messages import Header, Message, Role
from ...transport.sockets import port

_BATCH = 100  # messages that are read in one go


class Letter(NamedTuple):
    """What a peer has sent, with the public key that it came with, or none."""

    identity: bytes
    data: bytes
    key: str


class Port:
    """Reads what peers send, and writes to them; closed to all but those whose keys are allowed,
    where other hosts can reach it or the settings ask for that."""

    def __init__(self, settings: Gateway, largest: int) -> None:
        """Open it for messages of up to ``largest`` bytes; ``ValueError`` where the address cannot
        be used, or keys are missing."""
        check_address(settings.listen, bind=True)
        self._context = zmq.Context()
        self._allowed: AllowList | None = None
        self._doorkeeper: Doorkeeper | None = None
        self._sequence = 0
        try:
            self.socket = port(self._context, largest)
            self._guard(settings)
            self._bind(settings.listen)
        except BaseException:
            self.close()
            raise

    @property
    def turned_away(self) -> int:
        """Handshakes that were refused for their key."""
        return self._doorkeeper.refused if self._doorkeeper else 0

    def holder(self, key: str) -> tuple[str, Role] | None:
        """Name and role of whoever holds a public key, as it stands now."""
        return self._allowed.peer(key) if self._allowed else None

    def letters(self) -> list[Letter]:
        """What has arrived, as much as is read in one go."""
        found = []
        with suppress(zmq.Again):
            for _ in range(_BATCH):
                identity, *parts = self.socket.recv_multipart(zmq.NOBLOCK, copy=False)
                data = parts[0].bytes if len(parts) == 1 else b""
                key = (key_of(parts[0]) or "") if self._allowed and parts else ""
                if key or not self._allowed:
                    found.append(Letter(identity.bytes, data, key))
        return found

    def send(self, identity: bytes, message: Message, epoch: int = 0) -> None:
        """Send a message of the gateway's own."""
        self.put(identity, encode(Header(0, self._sequence, now_ns(), -1, epoch), message))
        self._sequence += 1

    def put(self, identity: bytes, data: bytes) -> None:
        """Send bytes to a peer; they are lost where it has gone, or does not read."""
        with suppress(zmq.ZMQError):
            self.socket.send_multipart([identity, data], zmq.NOBLOCK)

    def close(self) -> None:
        """Close it."""
        if self._doorkeeper:
            self._doorkeeper.close()
        self._context.destroy(linger=0)

    def _guard(self, settings: Gateway) -> None:
        if not settings.secure and is_loopback(settings.listen):
            self._doorkeeper = Doorkeeper(self._context, None)
            plain_server(self.socket)
            return
        folder = folder_named(settings.keys)
        try:
            pair = own(folder)
            self._allowed = AllowList(folder)
        except ValueError as error:
            raise ValueError(
                f"gateway.listen = {settings.listen!r} asks for keys: {error}"
            ) from None
        self._doorkeeper = Doorkeeper(self._context, self._allowed)
        secure_server(self.socket, pair)

    def _bind(self, address: str) -> None:
        try:
            self.socket.bind(address)
        except zmq.ZMQError as error:
            raise ValueError(
                f"gateway.listen = {address!r} cannot be opened ({error.strerror}): choose another "
                "port, or an address of this host"
            ) from None
