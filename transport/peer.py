"""A peer's end of the port: joins, says what time it is when asked, and comes back by itself."""

from collections.abc import Iterator

import zmq

from .clock import NS_PER_MS, NS_PER_S, now_ns
from .codec import encode
from .curve import AddressError, check_address, is_loopback, secure_client
from .keys import folder_named, own
from .messages import (
    Answer,
    Belief,
    Command,
    Frame,
    Fused,
    Goal,
    Header,
    Imagined,
    Join,
    Message,
    Offer,
    Pace,
    Ping,
    Plan,
    Pong,
    Scene,
    Status,
)
from .messages import Peer as Told
from .sockets import line_to_port
from .streams import Received, Subscriber

_AGAIN_NS = NS_PER_S  # until it asks to join once more
_LOST_NS = 3 * NS_PER_S  # without a question from the gateway
_QUESTIONS = 3  # until the clock is known well enough
_SHOWN = (Frame, Belief, Plan, Command, Goal, Told, Fused, Imagined, Offer, Pace, Status)
_ACCEPTED = (Answer, Ping, Scene, *_SHOWN)


class PeerError(RuntimeError):
    """The agent cannot be reached, or does not want this peer; the text says why."""


class Peer:
    """A connection to the gateway of a running agent; ``reason`` is why that let it go, as far as
    it has said so.

    It answers the gateway's questions, and joins again after a gap, whenever :meth:`send` or
    :meth:`arrivals` is called: do so several times a second.
    """

    def __init__(self, address: str, join: Join, server_key: str = "", keys: str = "") -> None:
        """``address``: of the gateway, ``tcp://HOST:PORT``; ``server_key``: the public key of its
        host, and ``keys`` the folder of this host's own, where the gateway asks for keys. Raises
        ``ValueError`` where they cannot be used."""
        check_address(address)
        if not server_key and not is_loopback(address):
            raise AddressError(
                f"address {address!r} is on another host, where keys are asked for: give the "
                "server's public key, as 'jopa-agent keys list' prints it there"
            )
        self.address, self.joined = address, False
        self._join = join
        self._context = zmq.Context()
        try:
            self._socket = line_to_port(self._context)
            if server_key:
                secure_client(self._socket, own(folder_named(keys)), server_key)
            self._socket.connect(address)
        except BaseException:
            self._context.destroy(linger=0)
            raise
        self._reader = Subscriber(self._socket, *_ACCEPTED)
        self._sequence = 0
        self._asked_ns, self._heard_ns = 0, now_ns()
        self._questions = 0
        self.reason, self._refused = "", False
        self._early: list[Received] = []

    @property
    def attached(self) -> bool:
        """Whether the gateway knows this peer and has been heard of late."""
        return self.joined and now_ns() - self._heard_ns < _LOST_NS

    def join(self, timeout_s: float) -> None:
        """Wait until the gateway has accepted this peer and knows its clock; :class:`PeerError`
        where it refuses, or is not heard of."""
        until_ns = now_ns() + int(timeout_s * NS_PER_S)
        while not (self.joined and self._questions >= _QUESTIONS):
            self._early += self._arriving(min(until_ns, now_ns() + 50 * NS_PER_MS))
            if self._refused:
                raise PeerError(
                    f"{self.address} does not accept {self._join.name!r}: {self.reason}"
                )
            if now_ns() >= until_ns:
                raise PeerError(
                    f"no answer from {self.address} within {timeout_s:g} s: is the agent running "
                    "with --listen there, and are the keys right?"
                )

    def send(
        self, message: Message, tick: int = -1, epoch: int = 0, stamp_ns: int | None = None
    ) -> bool:
        """Send ``message``, stamped with the present moment unless told otherwise; whether it could
        be: nothing is kept for a gateway that is not there."""
        self._early += self._arriving(0)
        return self.attached and self._sent(message, tick, epoch, stamp_ns)

    def arrivals(self, until_ns: int) -> Iterator[Received]:
        """What arrives until a moment; reads at least once."""
        early, self._early = self._early, []
        yield from early
        yield from self._arriving(until_ns)

    def close(self) -> None:
        """Leave."""
        self._context.destroy(linger=0)

    def _arriving(self, until_ns: int) -> Iterator[Received]:
        while True:
            self._ask()
            left_ns = max(0, until_ns - now_ns())
            ready = self._socket.poll(left_ns // NS_PER_MS)
            if ready:
                for received in self._reader.waiting():
                    if not self._take(received):
                        yield received
            if now_ns() >= until_ns or (not ready and left_ns < NS_PER_MS):
                return

    def _ask(self) -> None:
        """Ask to join, again and again, until there is an answer."""
        now = now_ns()
        if self.joined and now - self._heard_ns > _LOST_NS:
            self.joined = False
        if not self.joined and now - self._asked_ns > _AGAIN_NS and self._sent(self._join):
            self._asked_ns = now

    def _take(self, received: Received) -> bool:
        """Answer what is between peer and gateway; False for what is not."""
        self._heard_ns = now_ns()
        match received.message:
            case Ping(sent_ns=sent_ns):
                self._questions += 1
                self._sent(Pong(sent_ns, now_ns()))
            case Answer(accepted=True):
                self.joined, self.reason = True, ""
            case Answer(accepted=False, reason=reason, again=again):
                if self.joined and not again:  # perhaps it has begun anew, and does not know us
                    self._asked_ns = 0
                self._refused = not self.joined and not again
                self.joined, self.reason = False, reason
            case _:
                return False
        return True

    def _sent(
        self, message: Message, tick: int = -1, epoch: int = 0, stamp_ns: int | None = None
    ) -> bool:
        stamp = now_ns() if stamp_ns is None else stamp_ns
        try:
            self._socket.send(
                encode(Header(0, self._sequence, stamp, tick, epoch), message), zmq.NOBLOCK
            )
        except zmq.Again:
            return False
        self._sequence += 1
        return True
