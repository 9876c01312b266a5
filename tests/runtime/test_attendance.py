"""Who is at the port: what is told to people, and what is remembered."""

from jopa_agent.agent.runtime.attendance import Attendance
from jopa_agent.transport.messages import Peer, Presence, Role


def peer(name: str, presence: Presence, note: str = "") -> Peer:
    return Peer(name, Role.SENSOR, presence, 20.0, 0.1, 0.2, 7, 0, note)


def test_what_changes_is_told_once():
    attendance = Attendance()
    for presence in (Presence.LIVE, Presence.LIVE, Presence.SILENT, Presence.LIVE, Presence.GONE):
        attendance.take(peer("gyro", presence, "3 rate"))
    attendance.take(peer("sonar", Presence.REFUSED, "it is not declared"))
    assert attendance.news == [
        "sensor gyro is attached",
        "sensor gyro is silent",
        "sensor gyro is attached",
        "sensor gyro is gone",
        "sensor sonar is refused: it is not declared",
    ]
    (gyro,) = attendance.plain()
    assert (gyro["name"], gyro["role"], gyro["presence"]) == ("gyro", "sensor", "gone")


def test_strangers_who_come_and_go_are_forgotten_before_those_who_stay():
    attendance = Attendance()
    attendance.take(peer("gyro", Presence.LIVE))
    for number in range(1000):
        attendance.take(peer(f"passer-by-{number}", Presence.GONE))
    names = [each["name"] for each in attendance.plain()]
    assert len(names) == 64
    assert names[0] == "gyro"
