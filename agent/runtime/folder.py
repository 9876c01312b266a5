"""The run folder, which a run holds while it goes on, and leaves behind."""

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..runs import launch as launches
from ..runs.launch import Launch
from .errors import DURING_RUN, RunError
from .summary import Summary

INSTRUMENTS = "instruments.txt"
"""In the run folder: names the folder of the socket ``truth``, for simulated instruments."""


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Make ``folder`` and hold it for one run; :class:`RunError` if that is not possible."""
    lock = _open_writable(folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise RunError(
            f"run folder {str(folder)!r} is in use by another run: choose another with --out"
        ) from None
    try:
        yield
    finally:
        os.close(lock)


def write(folder: Path, launch: Launch) -> None:
    """Write what the processes of a run read; :class:`RunError` where that is not possible."""
    try:
        launches.write(folder, launch)
    except OSError as error:
        raise RunError(f"run folder {str(folder)!r} cannot be written: {error}") from None


def tell_instruments(folder: Path, private: Path) -> None:
    """Write into ``folder`` where simulated instruments find the stream ``truth``."""
    try:
        (folder / INSTRUMENTS).write_text(f"{private}\n")
    except OSError as error:
        raise RunError(f"run folder {str(folder)!r} cannot be written: {error}") from None


def write_summary(folder: Path, summary: Summary) -> None:
    """Write the figures of a run as ``run.json``."""
    text = json.dumps(summary.as_dict(), indent=2)
    try:
        (folder / "run.json").write_text(text + "\n")
    except OSError as error:
        raise RunError(
            f"run.json cannot be written to {str(folder)!r} ({error.strerror})", DURING_RUN
        ) from None


def log_file(folder: Path, process: str) -> Path:
    """Where what a process prints is kept."""
    return folder / "logs" / f"{process}.log"


def _open_writable(folder: Path) -> int:
    """A descriptor of ``folder``, which is made if need be."""
    try:
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        if not os.access(folder / "logs", os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise RunError(
            f"run folder {str(folder)!r} cannot be written ({error.strerror}): choose another "
            "with --out"
        ) from None
