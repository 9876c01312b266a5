"""What the supervisor shows on the terminal while a run starts and goes on."""

from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table

from ...transport.messages import State
from .family import Family
from .fault import Fault
from .member import Member
from .slowness import Slowness


class Display:
    """A live table of the processes on a terminal, otherwise a line for each step of the start."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._shown: dict[str, str] = {}
        self._slow: str | None = None
        self._told: set[tuple[int, str]] = set()

    def __enter__(self) -> "Display":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, family: Family, faults: Sequence[Fault], slowness: Slowness) -> None:
        """Show how far each process is, if anything has changed since the last time, and tell of
        each fault when it happens and when it is over, and of who becomes slow."""
        for number, fault in enumerate(faults):
            when = f"tick {fault.tick}: {fault.process}"
            self._tell((number, fault.what), f"{when} {fault.what}")
            if fault.back_after_s is not None:
                self._tell((number, ""), f"{when} is back after {fault.back_after_s:.1f} s")
        if slowness.process != self._slow:
            self._slow = slowness.process
            self._print(f"{slowness.process} {slowness.what}" if self._slow else "in time again")
        text_of = _progress if self._console.is_terminal else _phase
        texts = {name: text_of(member) for name, member in family.members.items()}
        if self._console.is_terminal:
            if texts != self._shown:
                self._live.update(_table(texts), refresh=True)
        else:
            for name, text in texts.items():
                if self._shown.get(name) != text:
                    self._print(f"{name}: {text}")
        self._shown = texts

    def tell(self, news: list[str]) -> None:
        """Say what is new, and take it away."""
        for line in news:
            self._print(line)
        news.clear()

    def _tell(self, key: tuple[int, str], text: str) -> None:
        """Say something once."""
        if key not in self._told:
            self._told.add(key)
            self._print(text)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _phase(member: Member) -> str:
    if member.health is None:
        return "starting"
    if member.state is State.FAILED:
        return "failed"  # whoever ends the run for it, or goes on without, says why
    return member.health.note or member.state.name.lower()


def _progress(member: Member) -> str:
    if member.health is None or member.state is not State.RUNNING:
        return _phase(member)
    missed = member.health.missed_deadlines
    words = f"tick {member.tick}" + (f", {missed} deadlines missed" if missed else "")
    return f"{words}, {member.health.note}" if member.health.note else words


def _table(texts: dict[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, text in texts.items():
        table.add_row(name, text)
    return table
