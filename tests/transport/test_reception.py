"""Who may join, what may pass, and what becomes of those who misbehave."""

from collections.abc import Iterator
from itertools import count, pairwise

import numpy as np
import pytest
from jopa_agent.transport.clock import NS_PER_MS, NS_PER_S
from jopa_agent.transport.codec import encode
from jopa_agent.transport.guest import Declared
from jopa_agent.transport.messages import (
    FIRST_EPOCH,
    Answer,
    Command,
    Goal,
    Header,
    Join,
    Kind,
    Message,
    Origin,
    Peer,
    Ping,
    Pong,
    Presence,
    Reading,
    Role,
    Scene,
    Sighting,
)
from jopa_agent.transport.reception import Reception

FRAME = (4, 4, 1)
SENSORS = {
    "gyro": Declared(Kind.VECTOR, (1,), 100.0, "rad/s"),
    "eye": Declared(Kind.FRAME, FRAME, 20.0, ""),
}
NOW = 10 * NS_PER_S


def joining(role: Role = Role.SENSOR, name: str = "gyro", **changes) -> Join:
    words = {"kind": Kind.VECTOR, "shape": np.array([1]), "rate_hz": 100.0, "units": "rad/s"}
    return Join(role, name, **(words | changes))


def reading(value: float = 1.0, name: str = "gyro", size: int = 1) -> Reading:
    return Reading(name, np.full(size, value, np.float32))


def picture(shape: tuple[int, ...] = FRAME) -> np.ndarray:
    return np.zeros(shape, np.uint8)


class Desk:
    """A reception, and peers that speak to it."""

    def __init__(self, holder=lambda key: None) -> None:  # noqa: ARG005
        scene = Scene("pendulum", 0.05, -np.ones(1, np.float32), np.ones(1, np.float32))
        self.reception = Reception(SENSORS, FRAME, scene, Goal(picture(), "upright"), holder)
        self._numbers: dict[bytes, Iterator[int]] = {}

    def say(self, who: bytes, message: Message, now: int = NOW, key: str = "", **header) -> bool:
        number = next(self._numbers.setdefault(who, count()))
        head = Header(**({"source": 0, "sequence": number, "stamp_ns": now} | header))
        return self.reception.receive(who, encode(head, message), now, key)

    def answers(self, who: bytes) -> list[Message]:
        told = [letter.message for letter in self.reception.letters if letter.identity == who]
        self.reception.letters.clear()
        return told

    def attach(self, who: bytes, join: Join, now: int = NOW, offset_ns: int = 0, key: str = ""):
        """Join, and answer a question about the time."""
        assert self.say(who, join, now, key), self.answers(who)
        self.say(who, Pong(now, now + offset_ns), now, key)
        self.reception.letters.clear()

    def joined(self, now: int = NOW) -> list[Peer]:
        """What is told of peers that were let in."""
        report = self.reception.report(now)
        return [peer for peer in report if peer.presence is not Presence.REFUSED]

    def causes(self, now: int = NOW) -> str:
        return "; ".join(peer.note for peer in self.reception.report(now))


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("join", "reason"),
    [
        (joining(name="sonar"), "no sensor 'sonar' is declared; there are: gyro, eye"),
        (joining(name="gyro\x1b[2J"), "1 to 40 letters"),
        (joining(shape=np.array([2])), r"shape \(2,\), but a vector of shape \(1,\)"),
        (joining(kind=Kind.FRAME), "it sends a frame"),
        (joining(rate_hz=200.0), "200 Hz, but 100 Hz"),
        (joining(rate_hz=-1.0), "-1 Hz"),
        (joining(units="deg/s"), "'deg/s', but 'rad/s'"),
    ],
)
def test_whoever_is_not_as_declared_is_refused_with_the_reason(desk: Desk, join: Join, reason: str):
    assert not desk.say(b"a", join)
    (answer,) = desk.answers(b"a")
    assert isinstance(answer, Answer)
    assert not answer.accepted
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(answer.reason)
    assert not desk.say(b"a", reading())
    assert not desk.reception.news
    (told,) = desk.reception.report(NOW)
    assert (told.presence, told.note) == (Presence.REFUSED, answer.reason)
    assert told.name.isprintable()


def test_a_reading_passes_with_its_moment_on_our_clock(desk: Desk):
    offset = 7 * NS_PER_S
    desk.attach(b"a", joining(), offset_ns=offset)
    taken = NOW - 3 * NS_PER_MS
    assert desk.say(b"a", reading(2.5), stamp_ns=taken + offset)
    (news,) = desk.reception.news
    assert isinstance(news.message, Reading)
    assert news.message.value == [2.5]
    assert news.stamp_ns == taken


@pytest.mark.parametrize(
    ("message", "header", "cause"),
    [
        (reading(size=2), {}, "shape"),
        (reading(name="eye"), {}, "another's name"),
        (reading(), {"stamp_ns": NOW + NS_PER_S}, "stamp"),
        (reading(), {"stamp_ns": NOW - 60 * NS_PER_S}, "stamp"),
        (reading(), {"sequence": 0}, "sequence"),
        (Sighting("gyro", picture()), {}, "not allowed"),
        (Goal(picture(), "mine"), {"epoch": 2}, "not allowed"),
        (Command(np.ones(1, np.float32), Origin.PLAN, 0), {}, "not allowed"),
    ],
)
def test_what_a_sensor_may_not_send_is_counted_by_cause(
    desk: Desk, message: Message, header: dict, cause: str
):
    desk.attach(b"a", joining())
    assert not desk.say(b"a", message, **header)
    assert desk.causes() == f"1 {cause}"
    assert not desk.reception.news


def test_before_its_clock_is_known_nothing_of_a_sensor_passes(desk: Desk):
    desk.say(b"a", joining())
    assert not desk.say(b"a", reading())
    assert desk.causes() == "1 clock not known"


def test_a_clock_is_that_of_the_quickest_answer(desk: Desk):
    desk.say(b"a", joining())
    for delay in (40, 2, 90):
        sent = NOW - delay * NS_PER_MS
        there = sent + delay * NS_PER_MS * 9 // 10 + 5 * NS_PER_S  # most of the way is the first
        desk.say(b"a", Pong(sent, there))
    (peer,) = desk.reception.report(NOW)
    assert peer.delay_ms == pytest.approx(2.0)
    assert peer.offset_ms == pytest.approx(5000.0, abs=1.0)


def test_a_viewer_sets_goals_and_an_observer_does_not(desk: Desk):
    for who, role in ((b"v", Role.VIEWER), (b"o", Role.OBSERVER)):
        assert desk.say(who, joining(role, "window", kind=Kind.NOTHING))
        kinds = [type(answer) for answer in desk.answers(who)]
        assert kinds == [Answer, Scene, Goal]
    assert not desk.say(b"o", Goal(picture(), "mine"), epoch=2)
    assert desk.say(b"v", Goal(picture(), "mine"), epoch=2)
    assert not desk.say(b"v", Goal(picture((5, 5, 1)), "large"), epoch=3)
    assert not desk.say(b"v", Goal(picture(), "\x1b[2J"), epoch=3)
    assert [news.epoch for news in desk.reception.news] == [FIRST_EPOCH + 1]


def test_no_viewer_can_use_up_the_epochs(desk: Desk):
    desk.attach(b"v", joining(Role.VIEWER, "window", kind=Kind.NOTHING))
    assert desk.say(b"v", Goal(picture(), "last"), epoch=2**32 - 1)
    assert desk.say(b"v", Goal(picture(), "old"), epoch=1)
    assert [news.epoch for news in desk.reception.news] == [FIRST_EPOCH + 1]


def test_a_flood_of_valid_readings_is_cut_to_the_declared_rate_and_the_peer_cut_off(desk: Desk):
    desk.attach(b"a", joining())
    desk.attach(b"b", joining(name="eye", kind=Kind.FRAME, shape=np.array(FRAME), rate_hz=20.0))
    for k in range(1500):
        desk.say(b"a", reading(), now=NOW + k * NS_PER_MS // 10)
    later = NOW + 150 * NS_PER_MS
    assert len(desk.reception.news) <= 5 * 150 + 0.15 * 150 + 1
    flood, other = desk.reception.report(later)
    assert flood.presence is Presence.CUT_OFF
    assert other.presence is Presence.LIVE
    (answer,) = desk.answers(b"a")
    assert isinstance(answer, Answer)
    assert "cut off" in answer.reason
    desk.reception.news.clear()
    assert desk.say(b"b", Sighting("eye", picture()), now=later)
    assert desk.reception.news
    minute = later + 61 * NS_PER_S
    desk.say(b"a", Pong(minute, minute), now=minute)
    assert desk.say(b"a", reading(), now=minute)


def test_what_is_not_a_message_is_counted_and_answered_sparingly(desk: Desk):
    for k in range(1000):
        assert not desk.reception.receive(b"x%d" % k, b"GET / HTTP/1.1\r\n\r\n" * 4, NOW)
    assert desk.reception.strangers.refused == {"malformed": 1000}
    assert len(desk.reception.letters) <= 20


def test_strangers_cannot_grow_the_counts_with_names_of_their_own(desk: Desk):
    for k in range(500):
        desk.say(b"x%d" % k, joining(name=f"sensor-{k}"), now=NOW + k * NS_PER_S)
    assert len(desk.reception.strangers.refused) == 1


def test_a_silent_sensor_is_told_within_three_periods_and_may_speak_again(desk: Desk):
    desk.attach(b"a", joining())
    desk.say(b"a", reading())
    presence = [
        desk.reception.report(NOW + late * NS_PER_MS)[0].presence for late in (10, 29, 31, 1000)
    ]
    assert presence == [Presence.LIVE, Presence.LIVE, Presence.SILENT, Presence.SILENT]
    desk.say(b"a", reading(), now=NOW + 1000 * NS_PER_MS)
    assert desk.reception.report(NOW + 1001 * NS_PER_MS)[0].presence is Presence.LIVE


def test_whoever_does_not_answer_is_gone_and_may_come_back_under_another_identity(desk: Desk):
    desk.attach(b"a", joining())
    assert not desk.say(b"b", joining())  # the name is taken by one that was just heard
    later = NOW + 4 * NS_PER_S
    assert desk.say(b"b", joining(), now=later)
    gone, back = desk.joined(later)
    assert (gone.presence, back.presence) == (Presence.GONE, Presence.LIVE)
    desk.reception.tend(later + 6 * NS_PER_S)
    (peer,) = desk.reception.report(later + 6 * NS_PER_S)
    assert peer.presence is Presence.GONE
    assert not desk.reception.report(later + 6 * NS_PER_S)


def test_questions_are_asked_quickly_at_first_then_every_second(desk: Desk):
    desk.say(b"a", joining())
    asked = []
    for k in range(300):
        now = NOW + k * 10 * NS_PER_MS
        desk.reception.tend(now)
        for answer in desk.answers(b"a"):
            if isinstance(answer, Ping):
                asked.append(k * 10)
                desk.say(b"a", Pong(now, now), now=now)
    assert asked[:5] == [0, 20, 40, 60, 80]
    assert [b - a for a, b in pairwise(asked[4:])] == [1000, 1000]


def test_a_key_says_who_may_be_what():
    roles = {"k1": Role.SENSOR, "k2": Role.VIEWER, "k3": Role.OBSERVER}
    keys = {key: (f"holder of {key}", role) for key, role in roles.items()}
    desk = Desk(keys.get)
    viewer = joining(Role.VIEWER, "window", kind=Kind.NOTHING)
    assert not desk.say(b"a", viewer, key="k1")
    assert not desk.say(b"c", viewer, key="k3")
    assert not desk.say(b"d", viewer, key="stranger")
    assert desk.say(b"b", viewer, key="k2")
    desk.attach(b"a", joining(), key="k1")
    del keys["k1"]
    assert not desk.say(b"a", reading(), key="k1")
    desk.reception.tend(NOW)
    assert [peer.name for peer in desk.joined()] == ["gyro", "window"]
    assert [peer.name for peer in desk.joined()] == ["window"]


def test_a_key_that_was_cut_off_cannot_come_back_at_once():
    desk = Desk({"k1": ("robot", Role.SENSOR)}.get)
    desk.attach(b"a", joining(), key="k1")
    for _ in range(900):
        desk.say(b"a", reading(), key="k1")
    assert not desk.say(b"b", joining(), now=NOW + 4 * NS_PER_S, key="k1")
    assert desk.say(b"b", joining(), now=NOW + 61 * NS_PER_S, key="k1")


def test_all_connections_of_a_key_are_cut_off_together():
    desk = Desk({"k1": ("desk", Role.VIEWER)}.get)
    viewer = joining(Role.VIEWER, "window", kind=Kind.NOTHING)
    assert desk.say(b"a", viewer, key="k1")
    for k in range(60):
        desk.reception.receive(b"x%d" % k, b"nonsense" * 9, NOW, "k1")
    assert not desk.say(b"a", Goal(picture(), "mine"), epoch=2, key="k1")
    assert not desk.reception.news


def test_a_key_of_a_lesser_role_is_no_longer_what_it_was():
    keys = {"k1": ("desk", Role.VIEWER)}
    desk = Desk(keys.get)
    assert desk.say(b"a", joining(Role.VIEWER, "window", kind=Kind.NOTHING), key="k1")
    keys["k1"] = ("desk", Role.OBSERVER)
    assert not desk.say(b"a", Goal(picture(), "mine"), epoch=2, key="k1")
    desk.reception.tend(NOW)
    assert [peer.presence for peer in desk.joined()] == [Presence.GONE]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OBSERVER])
def test_whoever_views_declares_no_shape_and_sends_no_reading(desk: Desk, role: Role):
    assert not desk.say(b"a", joining(role, "gyro", shape=np.array([7])))
    assert desk.say(b"b", joining(role, "gyro", kind=Kind.NOTHING, shape=np.array([2, 2, 4])))
    desk.say(b"b", Pong(NOW, NOW))
    assert not desk.say(b"b", reading())
    assert not desk.say(b"b", Sighting("gyro", picture()))
    assert not desk.say(b"b", Goal(picture((2, 2, 4)), "odd"), epoch=2)
    assert not desk.reception.news


def test_readings_that_were_held_up_for_some_seconds_are_no_flood(desk: Desk):
    desk.attach(b"a", joining())
    for k in range(300):
        assert desk.say(b"a", reading(), now=NOW + 3 * NS_PER_S, stamp_ns=NOW + k * 10 * NS_PER_MS)


def test_a_clock_that_jumps_is_known_anew_and_nobody_is_cut_off_for_it(desk: Desk):
    desk.attach(b"a", joining())
    for k in range(200):
        desk.say(b"a", reading(), now=NOW + k * 10 * NS_PER_MS, stamp_ns=NOW + 4 * NS_PER_S)
    later = NOW + 2 * NS_PER_S
    desk.say(b"a", Pong(later, later + NS_PER_S), now=later)
    assert desk.say(b"a", reading(), now=later, stamp_ns=later + NS_PER_S)
    (peer,) = desk.joined(later)
    assert peer.presence is Presence.LIVE
    assert peer.offset_ms == pytest.approx(1000.0)


def test_many_viewers_cannot_change_the_goal_faster_than_few(desk: Desk):
    for k in range(20):
        assert desk.say(b"v%d" % k, joining(Role.VIEWER, f"v{k}", kind=Kind.NOTHING))
    for k in range(400):
        moment = NOW + k * 5 * NS_PER_MS
        epoch = desk.reception.epoch + 1
        desk.say(b"v%d" % (k % 20), Goal(picture(), "mine"), now=moment, epoch=epoch)
    assert len(desk.reception.news) <= 10 + 2 * 5 + 1


def test_a_goal_is_told_to_all_who_view(desk: Desk):
    for who in (b"a", b"b"):
        assert desk.say(who, joining(Role.VIEWER, "window", kind=Kind.NOTHING))
    desk.reception.letters.clear()
    desk.say(b"a", Goal(picture(), "mine"), epoch=2)
    told = {(letter.identity, letter.epoch) for letter in desk.reception.letters}
    assert told == {(b"a", 2), (b"b", 2)}


def test_names_that_nobody_can_see_are_no_names_of_goals(desk: Desk):
    assert desk.say(b"a", joining(Role.VIEWER, "window", kind=Kind.NOTHING))
    for number, name in enumerate(("\U000e0100" * 60, "a\u0301", "\u202e", "x" * 61)):
        assert not desk.say(b"a", Goal(picture(), name), epoch=2 + number)
    assert desk.say(b"a", Goal(picture(), "10° (über)"), epoch=9)
