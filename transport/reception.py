"""Who is at the port: peers join, are asked for the time, and leave. Free of sockets."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from .allowance import Allowance
from .clock import NS_PER_S
from .codec import WireError, decode
from .guest import JOIN, Counts, Declared, Guest, Refused, check_join, is_plain
from .messages import (
    FIRST_EPOCH,
    Answer,
    Goal,
    Header,
    Join,
    Message,
    Peer,
    Presence,
    Role,
    Scene,
)
from .patience import Patience

_MOST_GUESTS = 32
_JOINS_HZ = 20.0  # of all together; and as many replies to those who are refused
_MOST_OF_A_KEY = 8
_GOALS_HZ, _GOALS_AT_ONCE = 5.0, 10.0  # of all viewers together
_TAKEN_NS = 3 * NS_PER_S  # a peer that was heard within this keeps its name

Holder = Callable[[str], tuple[str, Role] | None]
"""From a public key to the name that it was allowed under, and the role; None for a stranger's."""


class Letter(NamedTuple):
    """What goes to the peer with an ``identity``."""

    identity: bytes
    message: Message
    epoch: int = 0


class News(NamedTuple):
    """What goes to the processes of the run; ``epoch`` is that of a goal, else 0."""

    message: Message
    stamp_ns: int
    epoch: int = 0


class Reception:
    """Everything about peers but their sockets.

    ``letters`` and ``news`` are what :meth:`receive` and :meth:`tend` have to say; whoever calls
    them takes it from there. ``strangers`` counts what came from peers that have not joined;
    ``goal`` is the newest, of ``goal_epoch``, and ``epoch`` the newest epoch: the caller keeps
    them. ``scene`` is what viewers are told first.
    """

    def __init__(
        self,
        sensors: Mapping[str, Declared],
        frame_shape: tuple[int, ...],
        scene: Scene,
        goal: Goal,
        holder: Holder = lambda key: None,  # noqa: ARG005
    ) -> None:
        self.letters: list[Letter] = []
        self.news: list[News] = []
        self.strangers = Counts()
        self.scene, self.goal = scene, goal
        self.epoch = self.goal_epoch = FIRST_EPOCH
        self._sensors, self._frame_shape, self._holder = sensors, frame_shape, holder
        self._guests: dict[bytes, Guest] = {}
        self._patience: dict[str, Patience] = {}
        self._goals = Allowance(_GOALS_HZ, _GOALS_AT_ONCE, 0)
        self._joins = Allowance(_JOINS_HZ, _JOINS_HZ, 0)
        self._replies = Allowance(_JOINS_HZ, _JOINS_HZ, 0)
        self._told: list[Peer] = []

    def receive(self, identity: bytes, data: bytes, now_ns: int, key: str = "") -> bool:
        """Take in what the peer ``identity`` has sent; whether it was of any use.

        ``key`` is the public key that it came with, which somebody has to hold; without one anyone
        may join.
        """
        guest, join = self._guests.get(identity), None
        try:
            if key and self._patience_with(key).over(now_ns):
                raise Refused("cut off")
            header, message = decode(data)
            if key and not self._may(key, guest):
                raise Refused("key", "the key is not allowed any more")
            if isinstance(message, Join):
                join = message
                self._join(identity, message, now_ns, key)
            elif guest is None:
                raise Refused("has not joined")
            else:
                self._take(guest, header, message, now_ns)
        except WireError as error:
            self._refuse(identity, guest, Refused("malformed", str(error)), now_ns, key)
            return False
        except Refused as refusal:
            self._refuse(identity, guest, refusal, now_ns, key, join)
            return False
        return True

    def tend(self, now_ns: int) -> None:
        """Ask for the time, and let those go who have gone, or whose keys nobody holds any more."""
        for identity, guest in list(self._guests.items()):
            if guest.key and not self._may(guest.key, guest):
                self._answer(identity, False, "the key is not allowed any more")
                self._dismiss(identity, now_ns)
            elif guest.presence(now_ns) is Presence.GONE:
                self._dismiss(identity, now_ns)
            elif question := guest.question(now_ns):
                self.letters.append(Letter(identity, question))

    def present(self, now_ns: int, *roles: Role) -> Iterator[bytes]:
        """Identities of those who are here in one of some ``roles``, and not cut off."""
        for identity, guest in self._guests.items():
            if guest.role in roles and guest.presence(now_ns) is not Presence.CUT_OFF:
                yield identity

    def here(self) -> set[str]:
        """Names of the sensors that are here."""
        return {each.name for each in self._guests.values() if each.role is Role.SENSOR}

    def report(self, now_ns: int) -> list[Peer]:
        """What is to be told of each, and once of those who have gone."""
        told, self._told = self._told, []
        return told + [guest.report(now_ns) for guest in self._guests.values()]

    def _join(self, identity: bytes, join: Join, now_ns: int, key: str) -> None:
        if identity in self._guests:
            if self._guests[identity].patience.over(now_ns):
                raise Refused("cut off", "cut off for a minute for what it has sent", again=True)
            if not self._guests[identity].greeted(now_ns):
                raise Refused("rate")
            self._answer(identity, True, "")
            return
        if not self._joins.take(now_ns):
            raise Refused(JOIN, "too many want to join at once", again=True)
        check_join(join, self._sensors)
        if key and (known := self._holder(key)):
            holder, role = known
            if not _covers(role, join.role):
                raise Refused(
                    JOIN,
                    f"the key of {holder!r} is a {role.name.lower()}'s, not a "
                    f"{join.role.name.lower()}'s",
                )
        if join.role is Role.SENSOR:
            self._take_place(join.name, now_ns)
        if len(self._guests) >= _MOST_GUESTS:
            raise Refused(JOIN, f"{_MOST_GUESTS} peers are here already")
        if key and sum(guest.key == key for guest in self._guests.values()) >= _MOST_OF_A_KEY:
            raise Refused(JOIN, f"{_MOST_OF_A_KEY} peers are here with this key already")
        patience = self._patience_with(key) if key else None
        self._guests[identity] = Guest(join, self._frame_shape, now_ns, key, patience)
        self._answer(identity, True, "")
        if join.role is not Role.SENSOR:
            self.letters.append(Letter(identity, self.scene))
            self.letters.append(Letter(identity, self.goal, self.goal_epoch))

    def _take_place(self, name: str, now_ns: int) -> None:
        """Let whoever had the ``name`` go, if it has been silent; it may be the same one again."""
        for identity, guest in list(self._guests.items()):
            if guest.name == name and guest.role is Role.SENSOR:
                if now_ns - guest.heard_ns < _TAKEN_NS:
                    raise Refused(JOIN, f"a sensor {name!r} is attached already", again=True)
                self._dismiss(identity, now_ns)

    def _take(self, guest: Guest, header: Header, message: Message, now_ns: int) -> None:
        admitted = guest.admit(header, message, now_ns)
        if isinstance(admitted, Goal):
            # Whatever epoch a viewer thinks of, the next one is the next.
            if header.epoch <= self.epoch:
                return
            if not self._goals.take(now_ns):
                raise Refused("rate")
            self.goal, self.epoch = admitted, self.epoch + 1
            self.goal_epoch = self.epoch
            self.news.append(News(admitted, now_ns, self.epoch))
            for identity in self.present(now_ns, Role.VIEWER, Role.OBSERVER):
                self.letters.append(Letter(identity, admitted, self.epoch))
        elif admitted is not None:
            self.news.append(News(admitted, guest.stamp_ns(header, now_ns)))

    def _refuse(
        self,
        identity: bytes,
        guest: Guest | None,
        refusal: Refused,
        now_ns: int,
        key: str,
        join: Join | None = None,
    ) -> None:
        if guest is None:
            self.strangers.refuse(refusal.cause)
            if key and refusal.cause != "cut off":
                self._patience_with(key).refuse(now_ns)
            if self._replies.take(now_ns):  # or answers would be a flood, too
                self._answer(identity, False, str(refusal), refusal.again)
                if join and len(self._told) < _MOST_GUESTS:
                    name = join.name if is_plain(join.name) else "?"
                    nothing = (0.0, 0.0, 0.0, 0, 0)
                    refused = Presence.REFUSED
                    self._told.append(Peer(name, join.role, refused, *nothing, str(refusal)[:200]))
        elif refusal.again:
            self._answer(identity, False, str(refusal), again=True)
        elif guest.refuse(refusal.cause, now_ns):
            self._answer(identity, False, f"cut off for a minute: {guest.report(now_ns).note}")

    def _dismiss(self, identity: bytes, now_ns: int) -> None:
        guest = self._guests.pop(identity)
        peer = guest.report(now_ns)
        if peer.presence is not Presence.CUT_OFF:
            peer = replace(peer, presence=Presence.GONE)
        self._told.append(peer)

    def _answer(self, identity: bytes, accepted: bool, reason: str, again: bool = False) -> None:
        self.letters.append(Letter(identity, Answer(accepted, reason[:500], again)))

    def _patience_with(self, key: str) -> Patience:
        """That of all who come with ``key``; only keys that are allowed get here."""
        return self._patience.setdefault(key, Patience())

    def _may(self, key: str, guest: Guest | None) -> bool:
        """Whether the key is allowed, and still what the ``guest`` came as."""
        known = self._holder(key)
        return known is not None and (guest is None or _covers(known[1], guest.role))


def _covers(held: Role, wanted: Role) -> bool:
    """Whether a key of one role may come in another."""
    return held is wanted or (held is Role.VIEWER and wanted is Role.OBSERVER)
