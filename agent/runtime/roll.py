"""What a run writes of itself while it goes on, for people's own tools and ``jopa-agent top``.

``processes.json`` says who is there: each process's ``pid``, ``state``, ``restarts``, and the pid
of the one that stands by for it. ``status.json`` says how the run goes. Both are always whole: they
are replaced, not written over. Where they cannot be written, the run goes on without.
"""

import json
from pathlib import Path
from typing import Any

from ...transport.clock import NS_PER_S, now_ns
from .family import Family
from .member import Member
from .nurse import Nurse
from .scorekeeper import Scorekeeper
from .slowness import Slowness

PROCESSES, STATUS = "processes.json", "status.json"

_STATUS_EVERY_NS = NS_PER_S // 2


class Roll:
    """Keeps both files in ``folder`` as they should be."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: dict[str, Any] = {}
        self._next_ns = 0

    def keep(
        self, family: Family, nurse: Nurse | None, scorekeeper: Scorekeeper, slowness: Slowness
    ) -> None:
        """Write what has changed, the status every half second."""
        self._write_processes(_processes(family, nurse))
        now = now_ns()
        if scorekeeper.begun and now >= self._next_ns:
            self._next_ns = now + _STATUS_EVERY_NS
            if nurse and nurse.calm(now):
                slowness.look(scorekeeper.timeline)
            self._write_status(scorekeeper, slowness)

    def close(
        self, family: Family, nurse: Nurse | None, scorekeeper: Scorekeeper, slowness: Slowness
    ) -> None:
        """Say how it went at last, and that no process is left."""
        if scorekeeper.begun:
            self._write_status(scorekeeper, slowness)
        processes = _processes(family, nurse)
        for each in processes.values():
            each |= {"pid": None, "state": "ended", "standby_pid": None}
        self._write_processes(processes)

    def _write_processes(self, processes: dict[str, Any]) -> None:
        if processes != self._written:
            self._written = processes
            self._replace(PROCESSES, processes)

    def _write_status(self, scorekeeper: Scorekeeper, slowness: Slowness) -> None:
        status = scorekeeper.status()
        status["slow"] = slowness.process and f"{slowness.process} {slowness.what}"
        self._replace(STATUS, status)

    def _replace(self, name: str, value: dict[str, Any]) -> None:
        unfinished = self._folder / f"{name}.unfinished"
        try:
            unfinished.write_text(json.dumps(value, indent=2) + "\n")
            unfinished.replace(self._folder / name)
        except OSError:
            pass


def _processes(family: Family, nurse: Nurse | None) -> dict[str, Any]:
    faults = nurse.faults if nurse else []
    found = {}
    for name, member in family.members.items():
        mine = [fault for fault in faults if fault.process == name]
        lost = any(fault.back_after_s is None for fault in mine)
        spare = family.spares.get(name)
        found[name] = {
            "pid": member.popen.pid,
            "state": "restarting" if lost else _state(member),
            "restarts": sum(len(fault.replaced_ns) for fault in mine),
            "standby_pid": spare.popen.pid if spare else None,
        }
    return found


def _state(member: Member) -> str:
    return member.state.name.lower()
