"""One process of the agent: ``python -m jopa_agent.agent.runtime NAME FOLDER``."""

import argparse
import ctypes
import os
import select
import signal
import stat
import sys
import threading
import traceback
from importlib import import_module
from pathlib import Path

from ...transport.messages import State
from ..runs.launch import read, remove_launch
from .leisure import begin_leisure
from .process import Child, Left, Stopped
from .table import PROCESSES

_PR_SET_PDEATHSIG = 1  # of Linux's prctl


def main() -> int:
    """Run the named process until it is told to stop; the exit status."""
    arguments = _arguments()
    folders = [arguments.folder] + ([arguments.private] if arguments.private else [])
    _end_with_parent(folders)
    try:
        launch = read(arguments.folder)
        child = Child(
            arguments.name,
            launch,
            arguments.folder,
            arguments.private,
            arguments.generation,
            arguments.run,
        )
    except ValueError as error:
        if _orphaned():  # what should have been read is gone with the supervisor
            _remove_all(folders)
        print(error, file=sys.stderr)
        return 2
    process = next(each for each in PROCESSES if each.name == arguments.name)
    os.nice(process.niceness)
    if arguments.spare:
        begin_leisure()
    try:
        import_module(process.module, __package__).main(child)
        child.farewell(State.DONE, "")
    except Stopped:
        child.farewell(State.STOPPED, "")
    except Left as left:
        child.farewell(State.STOPPED, str(left))
    except KeyboardInterrupt:
        return 130
    except ValueError as error:  # the user's mistake, said in one line; the log has the rest
        traceback.print_exc()
        child.farewell(State.FAILED, str(error))
        return 2
    finally:
        child.close()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m jopa_agent.agent.runtime",
        description="One process of the agent. The supervisor starts each of them this way.",
    )
    names = [process.name for process in PROCESSES]
    parser.add_argument("name", choices=names, help="which process")
    parser.add_argument(
        "folder", type=Path, help="the run's sockets, settings.toml, launch.toml and goal.npy"
    )
    parser.add_argument("--run", type=Path, help="folder that the run leaves behind")
    parser.add_argument("--private", type=Path, help="folder of the sockets for scoring")
    parser.add_argument(
        "--generation", type=int, default=0, help="more than 0: in the place of one that was lost"
    )
    parser.add_argument("--spare", action="store_true", help="to stand by: get ready without haste")
    return parser.parse_args()


def _end_with_parent(folders: list[Path]) -> None:
    """Where standard input is the supervisor's pipe: when it closes, clean up and end at once.

    A process that is stopped would not notice: Linux lets it go on when its parent dies.
    """
    if _has_parent_pipe():
        threading.Thread(target=_watch_parent, args=(folders,), daemon=True).start()
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)


def _has_parent_pipe() -> bool:
    return stat.S_ISFIFO(os.fstat(0).st_mode)


def _orphaned() -> bool:
    """Whether the supervisor has died: it never writes, so that all there is to read is the end."""
    return _has_parent_pipe() and bool(select.select([0], [], [], 0)[0])


def _watch_parent(folders: list[Path]) -> None:
    while os.read(0, 1):
        pass
    _remove_all(folders)
    os._exit(1)


def _remove_all(folders: list[Path]) -> None:
    for folder in folders:
        _remove(folder)


def _remove(folder: Path) -> None:
    """Remove sockets and launch files in ``folder``, and the folder if nothing else is in it."""
    try:
        remove_launch(folder)
        for file in folder.iterdir():
            if file.is_socket():
                file.unlink(missing_ok=True)
        folder.rmdir()
    except OSError:
        pass  # another process that saw the same end was faster


if __name__ == "__main__":
    sys.exit(main())
