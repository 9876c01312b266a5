"""One peer at the port: what it may send, and what becomes of it. Free of sockets."""

import re
import unicodedata
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .allowance import Allowance
from .clock import NS_PER_MS, NS_PER_S
from .clock_offset import ClockOffset
from .messages import (
    Goal,
    Header,
    Join,
    Kind,
    Message,
    Peer,
    Ping,
    Pong,
    Presence,
    Reading,
    Role,
    Sighting,
)
from .patience import Patience

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,40}")
_SILENT_PERIODS = 3
_GONE_NS = 5 * NS_PER_S  # without an answer about its clock
_FUTURE_NS = 50 * NS_PER_MS  # beyond what the clock's offset is known to
_OLD_NS = 5 * NS_PER_S
_HEADROOM = 1.5  # of the declared rate
_GOALS_HZ = 20.0  # a viewer repeats a goal until it is answered
_PONGS_HZ = 10.0
_AT_FIRST, _FIRST_EVERY_NS = 5, 20 * NS_PER_MS  # questions about its clock
_HELD_UP_S = 5.0  # for so long readings may be held up on the way, and then come all at once
_EXCUSED = ("cut off", "stamp", "clock not known")
JOIN = "join"
"""The cause under which peers are counted that may not come."""

_RECENT = 40  # messages that the rate is taken of


class Refused(ValueError):
    """A message, or a peer, that is not taken; the text says why, ``cause`` is what it is counted
    as, and ``again`` says that it may be taken a little later."""

    def __init__(self, cause: str, reason: str = "", again: bool = False) -> None:
        super().__init__(reason or cause)
        self.cause, self.again = cause, again


@dataclass(frozen=True)
class Declared:
    """A sensor as the settings declare it: ``shape`` of a reading, ``rate_hz`` and ``units``."""

    kind: Kind
    shape: tuple[int, ...]
    rate_hz: float
    units: str


def _is_seen(character: str) -> bool:
    """Whether a character has a place of its own, as letters, numbers, signs and spaces have."""
    return unicodedata.category(character)[0] in "LNPS" or character == " "


def is_plain(name: str) -> bool:
    """Whether a peer may be called so, and be shown to people."""
    return bool(_PLAIN.fullmatch(name))


def check_join(join: Join, sensors: Mapping[str, Declared]) -> None:
    """:class:`Refused` where ``join`` is not by a peer that is expected."""
    if not is_plain(join.name):
        raise Refused(JOIN, "a name is 1 to 40 letters, digits, - and _")
    if join.role is not Role.SENSOR:
        if join.kind is not Kind.NOTHING:
            raise Refused(JOIN, f"a {join.role.name.lower()} sends no {join.kind.name.lower()}")
        return
    known = sensors.get(join.name)
    if known is None:
        names = ", ".join(sensors) or "none"
        raise Refused(JOIN, f"no sensor {join.name!r} is declared; there are: {names}")
    shape = tuple(int(length) for length in join.shape)
    if (join.kind, shape) != (known.kind, known.shape):
        raise Refused(
            JOIN,
            f"it sends a {join.kind.name.lower()} of shape {shape}, but a "
            f"{known.kind.name.lower()} of shape {known.shape} is declared",
        )
    if not 0 < join.rate_hz <= 1.01 * known.rate_hz:
        raise Refused(
            JOIN, f"it sends at {join.rate_hz:g} Hz, but {known.rate_hz:g} Hz are declared"
        )
    if join.units and known.units and join.units != known.units:
        raise Refused(JOIN, f"it measures in {join.units!r:.42}, but {known.units!r} is declared")


@dataclass
class Counts:
    """Messages of a peer: those that were taken, and refusals by cause."""

    accepted: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def refuse(self, cause: str) -> None:
        self.refused[cause] = self.refused.get(cause, 0) + 1


class Guest:
    """A peer that has joined, with the public ``key`` that it came with, or none; all who came with
    one key share a ``patience``.

    ``heard_ns`` is when it last sent something that was taken.
    """

    def __init__(
        self,
        join: Join,
        frame_shape: tuple[int, ...],
        now_ns: int,
        key: str = "",
        patience: Patience | None = None,
    ) -> None:
        self.name, self.role, self.key = join.name, join.role, key
        self.heard_ns = now_ns
        self.clock, self.counts = ClockOffset(), Counts()
        self._kind = join.kind
        senses = join.role is Role.SENSOR
        self._shape = tuple(int(x) for x in join.shape) if senses else frame_shape
        self._rate_hz = join.rate_hz if senses else _GOALS_HZ
        burst = max(20.0, _HELD_UP_S * _HEADROOM * self._rate_hz)
        self._allowance = Allowance(_HEADROOM * self._rate_hz, burst, now_ns)
        self._pongs = Allowance(_PONGS_HZ, 2 * _PONGS_HZ, now_ns)
        self._sequence = -1
        self._sent_ns = now_ns
        self._asked, self._next_question_ns = 0, now_ns
        self._arrivals: deque[int] = deque(maxlen=_RECENT)
        self.patience = patience or Patience()

    def admit(self, header: Header, message: Message, now_ns: int) -> Message | None:
        """Take ``message`` in: returned is what is to be published, or None.

        :class:`Refused` for what this peer may not send, or not now.
        """
        if self.patience.over(now_ns):
            raise Refused("cut off")
        if header.sequence <= self._sequence:
            raise Refused("sequence")
        self._sequence = header.sequence
        if isinstance(message, Pong):
            if not self._pongs.take(now_ns):
                raise Refused("rate")
            self._take_answer(message, now_ns)
            self.heard_ns = now_ns
            return None
        shape = self._content(message).shape
        if not self._allowance.take(now_ns):
            raise Refused("rate")
        self._check(header, message, now_ns)
        if shape != self._shape:
            raise Refused("shape")
        self.counts.accepted += 1
        self._arrivals.append(now_ns)
        self._sent_ns = self.heard_ns = now_ns
        return message

    def question(self, now_ns: int) -> Ping | None:
        """To be sent to it now: quickly at first, then every second."""
        if now_ns < self._next_question_ns or self.patience.over(now_ns):
            return None
        self._asked += 1
        wait_ns = _FIRST_EVERY_NS if self._asked < _AT_FIRST else NS_PER_S
        self._next_question_ns = now_ns + wait_ns
        return Ping(now_ns)

    def stamp_ns(self, header: Header, now_ns: int) -> int:
        """The moment of a message that was admitted, on our clock."""
        return min(self.clock.ours_ns(header.stamp_ns), now_ns)

    def refuse(self, cause: str, now_ns: int) -> bool:
        """Count a refusal; True where the peer is cut off for it. That its clock is not known, or
        has jumped, is nothing to be cut off for."""
        self.counts.refuse(cause)
        return cause not in _EXCUSED and self.patience.refuse(now_ns)

    def greeted(self, now_ns: int) -> bool:
        """Whether it may be told once more that it has joined."""
        return not self.patience.over(now_ns) and self._pongs.take(now_ns)

    def presence(self, now_ns: int) -> Presence:
        """How it stands with the peer."""
        if self.patience.over(now_ns):
            return Presence.CUT_OFF
        if now_ns - self.heard_ns > _GONE_NS:
            return Presence.GONE
        period_ns = NS_PER_S / self._rate_hz
        late = now_ns - self._sent_ns > _SILENT_PERIODS * period_ns
        return Presence.SILENT if self.role is Role.SENSOR and late else Presence.LIVE

    def report(self, now_ns: int) -> Peer:
        """What is told of it."""
        causes = (f"{count} {cause}" for cause, count in sorted(self.counts.refused.items()))
        return Peer(
            name=self.name,
            role=self.role,
            presence=self.presence(now_ns),
            rate_hz=self._rate(now_ns),
            offset_ms=self.clock.offset_ns / NS_PER_MS,
            delay_ms=self.clock.delay_ns / NS_PER_MS,
            accepted=self.counts.accepted,
            refused=sum(self.counts.refused.values()),
            note=", ".join(causes),
        )

    def _take_answer(self, pong: Pong, now_ns: int) -> None:
        if not 0 <= now_ns - pong.sent_ns < _GONE_NS:
            raise Refused("stamp")
        if not self.clock.answered(pong.sent_ns, pong.received_ns, now_ns):
            self._asked, self._next_question_ns = 0, now_ns

    def _content(self, message: Message) -> np.ndarray:
        """The numbers of a message; :class:`Refused` for what this peer may not send at all."""
        sends = self._kind if self.role is Role.SENSOR else None
        match message:
            case Reading(value=array) if sends is Kind.VECTOR:
                return array
            case Sighting(image=array) if sends is Kind.FRAME:
                return array
            case Goal(image=array) if self.role is Role.VIEWER:
                return array
        raise Refused("not allowed")

    def _check(self, header: Header, message: Message, now_ns: int) -> None:
        match message:
            case Reading(sensor=name) | Sighting(sensor=name):
                if name != self.name:
                    raise Refused("another's name")
                if not self.clock.known:
                    raise Refused("clock not known")
                age_ns = now_ns - self.clock.ours_ns(header.stamp_ns)
                if not -_FUTURE_NS - self.clock.delay_ns <= age_ns <= _OLD_NS:
                    raise Refused("stamp")
            case Goal(name=name):
                if len(name) > 60 or not all(map(_is_seen, name)):
                    raise Refused("name")

    def _rate(self, now_ns: int) -> float:
        """Messages a second of late."""
        since = [at for at in self._arrivals if now_ns - at < 2 * NS_PER_S]
        if len(since) < 2:
            return 0.0
        return (len(since) - 1) * NS_PER_S / max(1, now_ns - since[0])
