"""ZeroMQ sockets: the one place that makes them, every option set before bind or connect."""

import os
from collections.abc import Iterable
from pathlib import Path

import zmq

from .codec import MAX_MESSAGE

QUEUE = 1000
"""Messages that wait for a slow reader before new ones are dropped: many seconds of any stream,
so that lockstep loses none; what is too old to use is the reader's to judge."""

RECONNECT_MS = 10
"""How soon an end looks again for another that has gone: its process may be back at any moment."""

READER = b"reader:"
"""What the subscription that names a reader begins with."""

PORT_QUEUE = 100
"""Messages that wait at the port for one peer, either way."""

_HANDSHAKE_MS = 3000  # for whoever connects to the port and then says nothing
_LOST_MS = 3000  # a peer whose host does not answer for so long is gone

CONTROL = "control"
"""Name of the endpoint where the supervisor hears the health of all and speaks to each."""


def publisher(context: zmq.Context, folder: Path, place: str) -> zmq.Socket:
    """The publishing end of a stream: it binds, and there is one in a ``place``; it is told who
    reads."""
    socket = _socket(context, zmq.XPUB)
    socket.setsockopt(zmq.XPUB_VERBOSE, 1)  # of every reader, not of the first alone
    socket.bind(endpoint(folder, place))
    return socket


def subscriber(
    context: zmq.Context, folder: Path, places: Iterable[str], reader: str
) -> zmq.Socket:
    """A reading end of a stream; it may connect before the stream is bound, or bound again, in each
    of the ``places`` where somebody publishes it.

    The publisher is told the name of the ``reader``, as one more subscription, which no message
    begins with; the last one, so that whoever is named reads everything.
    """
    socket = _socket(context, zmq.SUB)
    socket.setsockopt(zmq.SUBSCRIBE, b"")
    socket.setsockopt(zmq.SUBSCRIBE, READER + reader.encode())
    for place in places:
        socket.connect(endpoint(folder, place))
    return socket


def control_centre(context: zmq.Context, folder: Path) -> zmq.Socket:
    """The supervisor's end of the control channel; messages carry the process's name in front."""
    socket = _socket(context, zmq.ROUTER)
    socket.bind(endpoint(folder, CONTROL))
    return socket


def control_line(context: zmq.Context, folder: Path, name: str) -> zmq.Socket:
    """A process's end of the control channel."""
    socket = _socket(context, zmq.DEALER)
    socket.setsockopt(zmq.ROUTING_ID, name.encode())
    socket.connect(endpoint(folder, CONTROL))
    return socket


def port(context: zmq.Context, largest: int) -> zmq.Socket:
    """The gateway's end of the port, not bound yet; messages carry their peer's identity in front.

    One of more than ``largest`` bytes costs its sender the connection.
    """
    socket = _socket(context, zmq.ROUTER)
    socket.setsockopt(zmq.HANDSHAKE_IVL, _HANDSHAKE_MS)
    socket.setsockopt(zmq.MAXMSGSIZE, largest)
    return _far(socket)


def line_to_port(context: zmq.Context) -> zmq.Socket:
    """A peer's end of the port, not connected yet; nothing is kept for while it is cut off."""
    socket = _socket(context, zmq.DEALER)
    socket.setsockopt(zmq.IMMEDIATE, 1)
    socket.setsockopt(zmq.RECONNECT_IVL, 100)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
    return _far(socket)


def endpoint(folder: Path, name: str) -> str:
    """Address of a socket file; ``ValueError`` where its path is longer than the system takes."""
    path = folder / name
    if len(os.fsencode(path)) >= zmq.IPC_PATH_MAX_LEN:
        raise ValueError(
            f"socket path {str(path)!r} is longer than the {zmq.IPC_PATH_MAX_LEN} characters that "
            "the system takes: set TMPDIR to a shorter folder, such as /tmp"
        )
    return f"ipc://{path}"


def _far(socket: zmq.Socket) -> zmq.Socket:
    """``socket`` for hosts that may vanish, and peers that may not read."""
    socket.setsockopt(zmq.IPV6, 1)
    socket.setsockopt(zmq.SNDHWM, PORT_QUEUE)
    socket.setsockopt(zmq.RCVHWM, PORT_QUEUE)
    socket.setsockopt(zmq.HEARTBEAT_IVL, _LOST_MS // 3)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, _LOST_MS)
    return socket


def _socket(context: zmq.Context, kind: int) -> zmq.Socket:
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
    socket.setsockopt(zmq.SNDHWM, QUEUE)
    socket.setsockopt(zmq.RCVHWM, QUEUE)
    # A larger message cuts its reader off for good; ``encode`` refuses to make one.
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE)
    return socket
