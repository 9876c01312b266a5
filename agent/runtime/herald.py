"""Tells the processes that show a run how all of them are."""

from ...transport.clock import NS_PER_S, now_ns
from ...transport.messages import State, Status
from .family import Family
from .nurse import Nurse
from .slowness import Slowness

_EVERY_NS = NS_PER_S // 2
_LONGEST = 300  # characters of a note


class Herald:
    """Twice a second, and whenever something has changed."""

    def __init__(self) -> None:
        self._next_ns = 0
        self._told: list[tuple] = []

    def tell(self, family: Family, nurse: Nurse | None, slowness: Slowness) -> None:
        """Tell those who want to know, if it is time."""
        found = _statuses(family, nurse, slowness)
        now = now_ns()
        news = [(each.process, each.state, each.lost, each.note) for each in found]
        if now < self._next_ns and news == self._told:
            return
        self._next_ns, self._told = now + _EVERY_NS, news
        for member in family.members.values():
            if member.health and "status" in member.process.reads:
                for status in found:
                    family.tell(member, status)


def _statuses(family: Family, nurse: Nurse | None, slowness: Slowness) -> list[Status]:
    faults = nurse.faults if nurse else []
    found = []
    names = dict.fromkeys([*family.members, *(fault.process for fault in faults)])
    for name in names:
        mine = [fault for fault in faults if fault.process == name]
        open_faults = [fault.what for fault in mine if fault.back_after_s is None]
        member = family.members.get(name)
        health = member.health if member else None
        note = health.note if health else ""
        if slowness.process == name and slowness.what:
            note = slowness.what
        found.append(
            Status(
                process=name,
                state=member.state if member else State.FAILED,
                lost=bool(open_faults),
                restarts=sum(len(fault.replaced_ns) for fault in mine),
                note=(open_faults or [note])[-1][:_LONGEST],
            )
        )
    return found
