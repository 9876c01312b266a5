"""The work behind ``replay --verify``, ``info`` and ``export``."""

import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from ..output import OutputError
from ..runs.recorded import RecordedRun
from . import export
from .info import describe
from .verify import verify

_WAYS = {
    "npz": export.to_npz,
    "gif": export.to_gif,
    "mp4": export.to_mp4,
    "rerun": export.to_rerun,
    "minari": export.to_minari,
}


def check(folder: Path, model: Path | None, tolerance: float) -> bool:
    """Infer again what was recorded, tell of the differences; whether none is too large."""
    run = RecordedRun(folder)
    _mention(run, ("frame", "plan", "belief"))
    found = verify(run, model)
    print(f"compared  {found.compared} plans and their beliefs")
    if found.skipped:
        print(f"skipped   {found.skipped}, made from what was not recorded")
    if not found.compared:
        print("nothing could be compared: the recording does not begin with its run")
        return False
    if found.first is None:
        print("equal     to the bit")
        return True
    first = found.first
    print(f"first     tick {first.tick}: {first.what} differs by {first.size:.2g}")
    print(f"largest   {found.largest:.2g}, of beliefs {found.believed:.2g}; accepted: "
          f"{tolerance:.2g}")  # fmt: skip
    return found.largest <= tolerance


def tell(folder: Path) -> None:
    """Say what a recording holds."""
    run = RecordedRun(folder)
    _mention(run, ())
    for line in describe(run):
        print(line)


def write(folder: Path, files: Mapping[str, Path | None]) -> None:
    """Write a recording in each of the formats that a file is named for."""
    run = RecordedRun(folder)
    wanted = {name: file for name, file in files.items() if file}
    if not wanted:
        raise OutputError(f"nothing to write: name a file with --{', --'.join(_WAYS)}")
    _mention(run, ("frame",))
    for name, file in wanted.items():
        print(f"{_WAYS[name](run, file)} frames: {file}")


def _mention(run: RecordedRun, needed: Collection[str]) -> None:
    """Say what cannot be read of ``run``, and is not ``needed``."""
    for line in run.passed_over(needed):
        print(f"jopa-agent: {line}", file=sys.stderr)
