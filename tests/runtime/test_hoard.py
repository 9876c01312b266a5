"""A message that never ends costs its sender the connection, and nobody else anything."""

import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Thread

import pytest
import zmq
from jopa_agent.agent.runtime.hoard import Hoard
from jopa_agent.agent.runtime.port import Port
from jopa_agent.configs.sections import Gateway
from jopa_agent.transport import inflow
from jopa_agent.transport.clock import NS_PER_S, now_ns

from .test_gateway import free_address

# What ZMTP 3.1 begins with (RFC 37), without keys, and a part of a message that more will follow.
_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)
_SOCKET = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
_READY = bytes([4, len(_SOCKET)]) + _SOCKET
_PART = b"\x03" + struct.pack(">Q", 4000) + bytes(4000)


def send_without_end(address: str) -> None:
    """Send one message, until nobody takes it any more."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=1) as line, suppress(OSError):
        line.sendall(_GREETING + _READY)
        answer = b""
        while b"READY" not in answer:
            answer += line.recv(1000)
        while True:
            line.sendall(100 * _PART)


MIB = 2**20

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere nobody counts the bytes of a connection"
)


@pytest.fixture
def address() -> str:
    return free_address()


@pytest.fixture
def port(address: str) -> Iterator[Port]:
    opened = Port(Gateway(listen=address), 5000)
    yield opened
    opened.close()


def test_an_endless_message_ends_its_connection_and_no_other(
    port: Port, address: str, wait_until: Callable
) -> None:
    context = zmq.Context()
    honest = context.socket(zmq.DEALER)
    honest.connect(address)
    honest.send(b"before")
    letters = wait_until(port.letters)
    assert [letter.data for letter in letters] == [b"before"]
    hoard = Hoard()
    assert not hoard.look(now_ns())
    peace = inflow.resident_bytes()
    attacker = Thread(target=send_without_end, args=(address,), daemon=True)
    attacker.start()
    wait_until(lambda: hoard.look(now_ns()))
    attacker.join(timeout=60)
    assert not attacker.is_alive()
    hoard.look(now_ns() + 2 * NS_PER_S)
    assert hoard.ended == 1
    assert "127.0.0.1:" in hoard.last
    assert inflow.resident_bytes() < peace + 32 * MIB
    assert port.letters() == []
    honest.send(b"after")
    assert [letter.data for letter in wait_until(port.letters)] == [b"after"]
    context.destroy(linger=0)


def test_what_nobody_brought_costs_nobody_a_connection(
    port: Port, address: str, wait_until: Callable
) -> None:
    context = zmq.Context()
    honest = context.socket(zmq.DEALER)
    honest.connect(address)
    honest.send(b"before")
    wait_until(port.letters)
    hoard = Hoard()
    hoard.look(now_ns())
    needed = bytearray(b"\1" * (100 * MIB))
    assert not any(hoard.look(now_ns() + NS_PER_S * later) for later in range(1, 4))
    assert hoard.ended == 0
    honest.send(needed[:7])
    assert wait_until(port.letters)[0].data == b"\1" * 7
    context.destroy(linger=0)
