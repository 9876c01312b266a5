"""Ports that other hosts reach: where they are, and whose keys open them (ZeroMQ's CURVE, RFC 26).

A server asks the doorkeeper of its context at every handshake (ZAP, RFC 27); it lets nobody in
while there is none.
"""

import ipaddress
import re
from types import SimpleNamespace

import zmq
from zmq.auth.thread import ThreadAuthenticator

from .keys import AllowList, KeyPair, check_key

_DOMAIN = "jopa-agent"
_ADDRESS = re.compile(
    r"tcp://(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([A-Za-z0-9_.-]{1,253}|\*)):([0-9]{1,5}|\*)",
    re.ASCII,
)
_EVERYWHERE = ("*", "0.0.0.0", "::")


class AddressError(ValueError):
    """An address that cannot be listened at, or connected to; the text says why."""


class Doorkeeper:
    """Lets peers of the allow-list in, at the handshakes of all servers of one context; whoever
    comes without keys to a server that asks for none, where there is no list.

    It answers in a thread of its own from its making to ``close``; a context has one at most. It
    asks the list at every handshake, so whoever is revoked does not come again; a connection that
    is open stays open, and is for the reader of its messages to judge.
    """

    def __init__(self, context: zmq.Context, allow_list: AllowList | None) -> None:
        self._allow_list = allow_list
        self._refused = 0
        self._authenticator = ThreadAuthenticator(context)
        # By the domain's own name: what is set for "*" does not hold for a domain with a name.
        self._authenticator.configure_curve_callback(_DOMAIN, SimpleNamespace(callback=self._hear))
        self._authenticator.start()

    @property
    def refused(self) -> int:
        """Handshakes refused for their key; one with the wrong key of the server, or without any,
        fails before it gets here."""
        return self._refused

    def close(self) -> None:
        """End the thread, before the context's end; from now on nobody is let in."""
        self._authenticator.stop()

    def _hear(self, _domain: str, key: bytes) -> bool:
        """The answer to one handshake. It must not raise: that would end the thread."""
        known = self._allow_list.peer(key.decode()) if self._allow_list else None
        admitted = known is not None
        self._refused += not admitted
        return admitted


def secure_server(socket: zmq.Socket, pair: KeyPair) -> None:
    """Have ``socket`` let in only whom the doorkeeper admits; to be called before it binds."""
    socket.setsockopt(zmq.CURVE_SERVER, 1)
    socket.setsockopt(zmq.CURVE_SECRETKEY, pair.secret.encode())
    _ask_doorkeeper(socket)


def plain_server(socket: zmq.Socket) -> None:
    """Have ``socket`` let in whoever speaks today's protocol; to be called before it binds.

    Versions before 3 have no handshake that a doorkeeper is asked at, and are refused for it: to
    them any bytes are messages, and a flood of connections would leave piles of them.
    """
    _ask_doorkeeper(socket)


def _ask_doorkeeper(socket: zmq.Socket) -> None:
    socket.setsockopt(zmq.ZAP_DOMAIN, _DOMAIN.encode())
    socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)  # without, no doorkeeper means an open door


def secure_client(socket: zmq.Socket, pair: KeyPair, server_key: str) -> None:
    """Have ``socket`` speak to the server of that public key alone, as the owner of ``pair``.

    To be called before it connects; :class:`KeysError` for what is not a key. ZeroMQ does not try
    again after a refusal: a peer that is allowed later has to connect anew.
    """
    check_key(server_key, "the server's key")
    socket.setsockopt(zmq.CURVE_SERVERKEY, server_key.encode())
    socket.setsockopt(zmq.CURVE_PUBLICKEY, pair.public.encode())
    socket.setsockopt(zmq.CURVE_SECRETKEY, pair.secret.encode())


def key_of(frame: zmq.Frame) -> str | None:
    """The public key of who sent a frame that was received with ``copy=False``.

    To be believed of a socket that :func:`secure_server` set up, and of no other: without keys a
    sender may claim any. None where nothing is told.
    """
    try:
        return str(frame["User-Id"]) or None
    except zmq.ZMQError:
        return None


def check_address(address: str, bind: bool = False) -> None:
    """Raise :class:`AddressError` unless ``address`` is ``tcp://HOST:PORT`` to connect to.

    Or to bind, with ``bind``: then HOST may be ``*``, and PORT 0 or ``*``, for any that is free.
    """
    host, port = _parts(address)
    if bind:
        return
    if host in _EVERYWHERE:
        raise AddressError(
            f"address {address!r} is one to listen at, and nobody can be reached there: give the "
            "name or the number of the agent's host"
        )
    if port == 0:
        raise AddressError(
            f"address {address!r} leaves the port open, so nobody can be reached there: give the "
            "port that the agent listens at"
        )


def is_loopback(address: str) -> bool:
    """Whether ``tcp://HOST:PORT`` is reached from this host alone; AddressError for any other."""
    host, _ = _parts(address)
    if host.lower() == "localhost":
        return True
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return False
    return (getattr(number, "ipv4_mapped", None) or number).is_loopback


def _parts(address: str) -> tuple[str, int]:
    """Host and port of an address; port 0 stands for any that is free."""
    match = _ADDRESS.fullmatch(address)
    if match:
        number, name, digits = match.groups()
        port = 0 if digits == "*" else int(digits)
        if port < 2**16 and _is_host(number, name):
            return number or name, port
    raise AddressError(
        f"address {address!r} is not tcp://HOST:PORT with a port from 1 to 65535, so nobody could "
        "be met there: give one such as tcp://127.0.0.1:5600"
    )


def _is_host(number: str | None, name: str | None) -> bool:
    """Whether what stands in brackets is IPv6, or what looks like IPv4 without any is it."""
    try:
        if number:
            ipaddress.IPv6Address(number)
        elif name and not name.strip("0123456789."):
            ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True
