"""``jopa-agent top``: how a run goes, from what it writes of itself."""

import json
import time
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .errors import RunError
from .roll import PROCESSES, STATUS

_LOOK_S = 0.5
_SPACE = Text()
_LONGEST_NAME = 12  # that there is room for
_PEER_WORDS = ("role", "presence")
_PEER_NUMBERS = {
    "Hz": "rate_hz",
    "delay": "delay_ms",
    "clock": "offset_ms",
    "taken": "accepted",
    "refused": "refused",
}


def newest_run(folder: Path) -> Path:
    """The run folder in ``folder`` that was written last; :class:`RunError` where there is none."""
    found = [file.parent for file in folder.glob(f"*/{PROCESSES}")]
    if not found:
        raise RunError(
            f"no run in {str(folder)!r}: give the folder of one, as 'run --out' named it"
        )
    return max(found, key=lambda run: (run / PROCESSES).stat().st_mtime)


def watch(run: Path, once: bool) -> None:
    """Show ``run`` until it has ended, or ``once``; :class:`RunError` where it is not one."""
    console = Console()
    if once:
        console.print(picture(run))
        return
    with Live(picture(run), console=console, auto_refresh=False) as live:
        while not _ended(_read(run / PROCESSES)):
            time.sleep(_LOOK_S)
            live.update(picture(run), refresh=True)


def picture(run: Path) -> Group:
    """Processes, durations and misses of ``run`` as they stand."""
    processes = _read(run / PROCESSES)
    parts: list[Any] = [_table_of(processes)]
    if (run / STATUS).exists():
        parts += _progress(_read(run / STATUS))
    return Group(*parts)


def _table_of(processes: dict[str, Any]) -> Table:
    table = _table("process", "pid", "state", "restarts", "stands by")
    for name, each in processes.items():
        words = (each["pid"], each["state"], each["restarts"], each["standby_pid"])
        table.add_row(name, *("-" if word is None else str(word) for word in words))
    return table


def _progress(status: dict[str, Any]) -> list[Any]:
    stages = _table("ms", *status["stages_ms"], title=f"the last {status['last']} ticks")
    for row in ("p50", "p99", "max"):
        values = [each[row] for each in status["stages_ms"].values()]
        stages.add_row(row, *("-" if value is None else f"{value:.2f}" for value in values))
    missed = ", ".join(f"{count} {cause}" for cause, count in status["misses"].items() if count)
    lines = [
        f"tick {status['tick']}, {_number(status['rate_hz'])} Hz, goal {status['goal']}",
        f"distance {_number(status['distance'])}, surprise {_number(status['surprise'])} sigma, "
        f"free energy {_number(status['free_energy'])}",
        f"missed: {missed or 'none'}",
    ]
    if status["slow"]:
        lines.append(status["slow"])
    shown: list[Any] = [_SPACE, stages, _SPACE, Text("\n".join(lines))]
    if status["peers"]:
        shown += [_SPACE, *_peers(status["peers"])]
    return shown


def _peers(peers: list[dict[str, Any]]) -> list[Any]:
    """Remote sensors and viewers, and why they were refused what was."""
    table = _table("name", *_PEER_WORDS, *_PEER_NUMBERS, title="at the port, times in ms")
    table.columns[0].overflow, table.columns[0].max_width = "ellipsis", _LONGEST_NAME
    for peer in peers:
        numbers = (peer[key] for key in _PEER_NUMBERS.values())
        table.add_row(
            peer["name"],
            *(peer[key] for key in _PEER_WORDS),
            *(_short(number) for number in numbers),
        )
    told = [f"{peer['name']} was refused: {peer['note']}" for peer in peers if peer["note"]]
    return [table, *(Text(line) for line in told)]


def _table(*columns: str, title: str = "") -> Table:
    """Columns with little between them: a terminal may have no more than 80 characters."""
    table = Table(title=title or None, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _short(number: float) -> str:
    """A count, or a duration as it is read: a tenth matters to what is small."""
    tenths = isinstance(number, float) and abs(number) < 1000
    return f"{number:.1f}" if tenths else f"{number:.0f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _ended(processes: dict[str, Any]) -> bool:
    return all(each["state"] == "ended" for each in processes.values())


def _read(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise RunError(
            f"{str(file)!r} cannot be read ({error}): give the folder of a run, as 'run --out' "
            "named it"
        ) from None
