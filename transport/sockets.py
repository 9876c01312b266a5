"""ZeroMQ sockets: the one place that makes them, every option set before bind or connect."""

import os
from pathlib import Path

import zmq

from .codec import MAX_MESSAGE

QUEUE = 1000
"""Messages that wait for a slow reader before new ones are dropped: many seconds of any stream,
so that lockstep loses none; what is too old to use is the reader's to judge."""

CONTROL = "control"
"""Name of the endpoint where the supervisor hears the health of all and speaks to each."""


def publisher(context: zmq.Context, folder: Path, stream: str) -> zmq.Socket:
    """The publishing end of a stream: it binds, and there is one."""
    socket = _socket(context, zmq.PUB)
    socket.bind(endpoint(folder, stream))
    return socket


def subscriber(context: zmq.Context, folder: Path, stream: str) -> zmq.Socket:
    """A reading end of a stream; it may connect before the stream is bound."""
    socket = _socket(context, zmq.SUB)
    socket.setsockopt(zmq.SUBSCRIBE, b"")
    socket.connect(endpoint(folder, stream))
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


def endpoint(folder: Path, name: str) -> str:
    """Address of a socket file; ``ValueError`` where its path is longer than the system takes."""
    path = folder / name
    if len(os.fsencode(path)) >= zmq.IPC_PATH_MAX_LEN:
        raise ValueError(
            f"socket path {str(path)!r} is longer than the {zmq.IPC_PATH_MAX_LEN} characters that "
            "the system takes: set TMPDIR to a shorter folder, such as /tmp"
        )
    return f"ipc://{path}"


def _socket(context: zmq.Context, kind: int) -> zmq.Socket:
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, QUEUE)
    socket.setsockopt(zmq.RCVHWM, QUEUE)
    # A larger message cuts its reader off for good; ``encode`` refuses to make one.
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE)
    return socket
