"""What the connections of this process bring in, by the kernel's count, and an end to one of them.

ZeroMQ keeps the parts of a message until its last one has come, and tells nobody whose they are.
Linux counts the bytes of each connection; elsewhere nothing is known.
"""

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_TCP_INFO, _INFO_BYTES = 11, 192
_RECEIVED = struct.Struct("<128xQ")  # tcpi_bytes_received of Linux's tcp_info
_STATM_RESIDENT = 1
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Line(NamedTuple):
    """A connection: the address of its other end, and the bytes that have come over it."""

    peer: str
    received: int


def resident_bytes() -> int:
    """Memory of this process; 0 where the system does not say."""
    try:
        return _PAGE * int(Path("/proc/self/statm").read_text().split()[_STATM_RESIDENT])
    except (OSError, ValueError, IndexError):
        return 0


def lines() -> dict[int, Line]:
    """The TCP connections of this process by their inodes; none where the system does not count."""
    return {inode: line for inode, line, _ in _connections()}


def end(inode: int) -> None:
    """End a connection as if the network had: whoever holds it, ZeroMQ as well, finds it closed and
    frees what has come over it."""
    for number, _, connection in _connections():
        if number == inode:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def give_back() -> None:
    """Return free memory to the system, where the C library can."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _connections() -> Iterator[tuple[int, Line, socket.socket]]:
    if sys.platform != "linux":
        return
    for file in Path("/proc/self/fd").iterdir():
        try:
            if not str(file.readlink()).startswith("socket:"):
                continue
            copy = os.dup(int(file.name))
        except OSError:  # closed meanwhile
            continue
        with socket.socket(fileno=copy) as connection:
            try:
                host, port = connection.getpeername()[:2]
                host = host.removeprefix("::ffff:")
                info = connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _INFO_BYTES)
                inode = os.fstat(copy).st_ino
            except (OSError, ValueError, TypeError):  # no connection, or none of TCP
                continue
            if len(info) >= _RECEIVED.size:
                yield inode, Line(f"{host}:{port}", _RECEIVED.unpack_from(info)[0]), connection
