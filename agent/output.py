"""Files that a command leaves behind."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class OutputError(ValueError):
    """A file that cannot be written."""


def check_writable(path: Path | None) -> None:
    """Raise :class:`OutputError` now, not after the work, if ``path`` will not be writable."""
    if path is None:
        return
    if path.is_dir():
        raise OutputError(f"cannot write {str(path)!r}: it is a folder, give a file")
    nearest = (
        path if path.exists() else next(each for each in path.absolute().parents if each.exists())
    )
    if not os.access(nearest, os.W_OK) or (nearest != path and not nearest.is_dir()):
        raise OutputError(f"cannot write {str(path)!r}: {str(nearest)!r} is not writable")


def write_json(figures: Mapping[str, Any], path: Path) -> None:
    """Write ``figures`` as JSON; raises :class:`OutputError` where that fails."""
    write_text(json.dumps(figures, indent=2, allow_nan=False) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Write ``text``; raises :class:`OutputError` where that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {str(path)!r}: {error.strerror}") from None
