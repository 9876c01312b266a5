"""The files that keys are kept in: TOML that only their owner can open, replaced as a whole."""

import fcntl
import os
import shlex
import stat
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w


class KeysError(ValueError):
    """Keys that are missing, damaged or open to others; the text says which, and what to do."""


def read(file: Path) -> dict[str, Any] | None:
    """What the file holds, or None where there is none.

    :class:`KeysError` where it is damaged, or other users can open it or its folder.
    """
    try:
        _check_private(file.parent, "700")
        _check_private(file, "600")
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeysError(f"{str(file)!r} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise KeysError(f"{str(file)!r} is damaged ({error}): mend it, or delete it") from None


def write(file: Path, table: Mapping[str, Any]) -> None:
    """Put ``table`` in the file's place all at once: a reader finds the old one or the new one."""
    handle, unfinished = tempfile.mkstemp(prefix=".", dir=file.parent)  # with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(tomli_w.dumps(table))
        Path(unfinished).replace(file)
    except OSError:
        Path(unfinished).unlink(missing_ok=True)
        raise


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder, made where it is missing, for a change: one at a time, so that none is lost.

    :class:`KeysError` where it cannot be written, or other users can open it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_private(folder, "700")
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
    except OSError as error:
        raise KeysError(f"cannot write in {str(folder)!r}: {error.strerror}") from None


def _check_private(path: Path, mode: str) -> None:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeysError(
            f"{str(path)!r} is open to other users, who could read or change the keys: "
            f"chmod {mode} {shlex.quote(str(path))}"
        )
