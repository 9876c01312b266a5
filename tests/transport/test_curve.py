"""Who gets in through a port that asks for keys, on real sockets."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from jopa_agent.transport import keys
from jopa_agent.transport.curve import (
    AddressError,
    Doorkeeper,
    check_address,
    is_loopback,
    key_of,
    secure_client,
    secure_server,
)
from jopa_agent.transport.keys import AllowList, KeyPair, KeysError
from jopa_agent.transport.messages import Role
from zmq.utils.monitor import recv_monitor_message

TIMEOUT_MS = 10_000
ENDS = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)


class Port:
    """A server on this host that asks for keys, and clients that try to get in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "server"
        self.pair = keys.new(self.folder)
        self.context, self.clients = zmq.Context(), zmq.Context()
        self.doorkeeper = Doorkeeper(self.context, AllowList(self.folder))
        self.server = self.context.socket(zmq.ROUTER)
        secure_server(self.server, self.pair)
        self.server.bind("tcp://127.0.0.1:0")
        self.callers: list[zmq.Socket] = []  # a socket that is forgotten is closed

    def close(self) -> None:
        self.doorkeeper.close()
        self.clients.destroy(linger=0)
        self.context.destroy(linger=0)

    def allow(self, name: str) -> KeyPair:
        pair = a_pair()
        keys.allow(self.folder, name, Role.SENSOR, pair.public)
        return pair

    def call(self, pair: KeyPair | None, server_key: str | None = None) -> int:
        """Send a word as the owner of ``pair``; how the first handshake ended."""
        socket = self.clients.socket(zmq.DEALER)
        self.callers.append(socket)
        if pair:
            secure_client(socket, pair, server_key or self.pair.public)
        monitor = socket.get_monitor_socket(ENDS)
        socket.connect(self.server.getsockopt_string(zmq.LAST_ENDPOINT))
        socket.send(b"hello")
        assert monitor.poll(TIMEOUT_MS)
        return recv_monitor_message(monitor)["event"]

    def hear(self) -> list[zmq.Frame]:
        assert self.server.poll(TIMEOUT_MS)
        return self.server.recv_multipart(copy=False)

    def hears_only(self, pair: KeyPair) -> bool:
        """Whether what comes next is from that peer, who calls now, and nothing comes besides."""
        self.call(pair)
        return key_of(self.hear()[-1]) == pair.public and not self.server.poll(0)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Port]:
    port = Port(tmp_path)
    yield port
    port.close()


def a_pair() -> KeyPair:
    public, secret = zmq.curve_keypair()
    return KeyPair(public.decode(), secret.decode())


def test_an_allowed_key_gets_in_and_is_named(port: Port) -> None:
    pairs = {name: port.allow(name) for name in ("arm", "leg")}
    for pair in pairs.values():
        assert port.call(pair) == zmq.EVENT_HANDSHAKE_SUCCEEDED
        frames = port.hear()
        assert frames[-1].bytes == b"hello"
        assert {key_of(frame) for frame in frames} == {pair.public}
    assert port.doorkeeper.refused == 0


def test_an_unknown_key_does_not_get_in(port: Port) -> None:
    known = port.allow("arm")
    assert port.call(a_pair()) == zmq.EVENT_HANDSHAKE_FAILED_AUTH
    assert port.doorkeeper.refused == 1
    assert port.hears_only(known)


def test_nobody_gets_in_without_a_key(port: Port) -> None:
    known = port.allow("arm")
    assert port.call(None) != zmq.EVENT_HANDSHAKE_SUCCEEDED
    assert port.hears_only(known)


def test_the_wrong_key_of_the_server_does_not_get_in(port: Port) -> None:
    known = port.allow("arm")
    assert port.call(known, a_pair().public) != zmq.EVENT_HANDSHAKE_SUCCEEDED
    assert port.hears_only(known)


def test_a_public_key_alone_does_not_get_in(port: Port) -> None:
    known = port.allow("arm")
    thief = KeyPair(known.public, a_pair().secret)
    assert port.call(thief) != zmq.EVENT_HANDSHAKE_SUCCEEDED
    assert port.hears_only(known)


def test_a_key_that_is_revoked_does_not_come_again(port: Port) -> None:
    known, other = port.allow("arm"), port.allow("leg")
    assert port.hears_only(known)
    keys.revoke(port.folder, "arm")
    assert port.call(known) == zmq.EVENT_HANDSHAKE_FAILED_AUTH
    assert port.hears_only(other)


def test_a_damaged_list_does_not_end_the_doorkeeper(port: Port) -> None:
    known = port.allow("arm")
    assert port.hears_only(known)
    (port.folder / keys.ALLOWED).write_text("[leg")
    assert port.call(a_pair()) == zmq.EVENT_HANDSHAKE_FAILED_AUTH
    assert port.hears_only(known)


def test_without_a_doorkeeper_nobody_gets_in(port: Port) -> None:
    known = port.allow("arm")
    port.doorkeeper.close()
    assert port.call(known) != zmq.EVENT_HANDSHAKE_SUCCEEDED
    assert not port.server.poll(0)


def test_ports_without_keys_are_not_its_business(port: Port) -> None:
    server = port.context.socket(zmq.ROUTER)
    server.bind("tcp://127.0.0.1:0")
    client = port.clients.socket(zmq.DEALER)
    client.connect(server.getsockopt_string(zmq.LAST_ENDPOINT))
    client.send(b"hello")
    assert server.poll(TIMEOUT_MS)
    assert key_of(server.recv_multipart(copy=False)[-1]) is None


def test_what_came_from_within_names_nobody() -> None:
    assert key_of(zmq.Frame(b"hello")) is None


def test_a_server_key_that_is_none_is_told() -> None:
    with (
        zmq.Context() as context,
        context.socket(zmq.DEALER) as socket,
        pytest.raises(KeysError, match="the server's key 'short' is not 40 characters"),
    ):
        secure_client(socket, a_pair(), "short")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("tcp://127.0.0.1:5600", True),
        ("tcp://127.9.9.9:*", True),
        ("tcp://localhost:0", True),
        ("tcp://[::1]:5600", True),
        ("tcp://[::ffff:127.0.0.1]:5600", True),
        ("tcp://*:5600", False),
        ("tcp://0.0.0.0:5600", False),
        ("tcp://[::]:5600", False),
        ("tcp://192.168.1.5:5600", False),
        ("tcp://[fe80::1%eth0]:5600", False),
        ("tcp://localhost.example.org:5600", False),
        ("tcp://127.0.0.1.example.org:5600", False),
    ],
)
def test_what_is_reached_from_this_host_alone(address: str, expected: bool) -> None:
    assert is_loopback(address) == expected
    check_address(address, bind=True)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "127.0.0.1:5600",
        "ipc:///tmp/x",
        "tcp://:5600",
        "tcp://host",
        "tcp://host:",
        "tcp://host:-1",
        "tcp://host:65536",
        "tcp://host:٣",
        "tcp://host:5600\n",
        "tcp://ho st:5600",
        "tcp://eth0;host:5600",
        "tcp://127.0.0.256:5600",
        "tcp://127.1:5600",
        "tcp://::1:5600",
        "tcp://[::1:5600",
        "tcp://[:::1]:5600",
        "tcp://[127.0.0.1]:5600",
    ],
)
def test_what_is_no_address_is_told_in_one_line(address: str) -> None:
    for check in (check_address, is_loopback):
        with pytest.raises(AddressError, match=r"is not tcp://HOST:PORT.*give one") as caught:
            check(address)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["tcp://host:1", "tcp://10.0.0.1:65535", "tcp://[fe80::1]:80"])
def test_an_address_to_connect_to(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize(
    "address",
    ["tcp://*:5600", "tcp://0.0.0.0:5600", "tcp://[::]:5600", "tcp://host:0", "tcp://host:*"],
)
def test_an_address_to_listen_at_is_none_to_connect_to(address: str) -> None:
    check_address(address, bind=True)
    with pytest.raises(AddressError, match="nobody can be reached there: give the"):
        check_address(address)
