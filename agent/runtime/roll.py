"""``processes.json`` in the run folder: who is there, for people's own tools to watch."""

import json
from pathlib import Path
from typing import Any

from .family import Family
from .member import Member
from .nurse import Nurse


class Roll:
    """Keeps the file as it is: each process's ``pid``, ``state``, ``restarts``, and the pid of the
    one that stands by for it.

    The file is always whole: it is replaced, not written over. Where it cannot be written, the run
    goes on without.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "processes.json"
        self._written: dict[str, Any] = {}

    def keep(self, family: Family, nurse: Nurse | None = None, ended: bool = False) -> None:
        """Write the file if anything has changed."""
        faults = nurse.faults if nurse else []
        current = {}
        for name, member in family.members.items():
            mine = [fault for fault in faults if fault.process == name]
            spare = family.spares.get(name)
            lost = any(fault.back_after_s is None for fault in mine)
            current[name] = {
                "pid": None if ended else member.popen.pid,
                "state": "ended" if ended else "restarting" if lost else _state(member),
                "restarts": sum(len(fault.replaced_ns) for fault in mine),
                "standby_pid": spare.popen.pid if spare and not ended else None,
            }
        if current == self._written:
            return
        self._written = current
        unfinished = self._file.with_suffix(".unfinished")
        try:
            unfinished.write_text(json.dumps(current, indent=2) + "\n")
            unfinished.replace(self._file)
        except OSError:
            pass


def _state(member: Member) -> str:
    return member.state.name.lower()
