"""The commands of remote sensors and viewers: ``view``, ``sense``, ``calibrate`` and ``keys``."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ..output import check_writable

_VIEW = """
Show a run in a window here, through the port that it was given with --listen: from another
terminal or another host, as often as you like. A click on a frame makes it the new goal; with
--watch it does not. From another host keys are needed: see 'jopa-agent keys'.
"""
_SENSE = """
Attach a sensor to a running agent: every line of the standard input is a reading, of as many
numbers as its size. The agent has to declare the sensor under the same name, with --sensor, and to
have a port, with --listen.
"""
_CALIBRATE = """
Teach a sensor that the model has never met: from a recorded run to which it was attached, or
several, while the camera was on and the body moved, learn what its readings say about the pose and
its velocity. The run that is to use it gets the file with --sensor NAME,size=...,factor=FILE.
"""
_KEYS = """
Keys for sensors and viewers on other hosts: 'new' makes this host's, 'allow' and 'revoke' say who
may come, 'list' shows both. Only public keys are ever exchanged.
"""


def add_remote(commands: Any) -> None:
    """Add the commands to the parser's."""
    command = commands.add_parser("view", help="show a run from elsewhere", description=_VIEW)
    command.set_defaults(command=view)
    _add_connection(command)
    command.add_argument("--name", default="viewer", metavar="TEXT", help="of this window [viewer]")
    command.add_argument("--watch", action="store_true", help="send no goals")

    command = commands.add_parser("sense", help="attach a sensor to a run", description=_SENSE)
    command.set_defaults(command=sense)
    _add_connection(command)
    command.add_argument("--name", required=True, metavar="TEXT", help="as the agent declares it")
    command.add_argument(
        "--size", type=_count, default=1, metavar="COUNT", help="numbers in a reading [1]"
    )
    command.add_argument(
        "--rate", type=_rate, default=20.0, metavar="NUMBER", help="readings a second [20]"
    )
    command.add_argument("--units", default="", metavar="TEXT", help="of the numbers")

    command = commands.add_parser(
        "calibrate", help="teach a new sensor", description=_CALIBRATE,
        usage="jopa-agent calibrate NAME RUN [RUN ...] [options]",
    )  # fmt: skip
    command.set_defaults(command=calibrate)
    command.add_argument("name", metavar="NAME", help="of the sensor")
    command.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="folder of a recorded run"
    )
    command.add_argument("--model", type=Path, metavar="FOLDER", help="model [the run's own]")
    command.add_argument("--out", type=Path, metavar="FILE", help="the factor [NAME.factor]")

    _add_keys(commands)


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 64")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0, up to 1000")
    return rate


def _add_keys(commands: Any) -> None:
    command = commands.add_parser("keys", help="who may come from other hosts", description=_KEYS)
    command.set_defaults(command=keys)
    whats = command.add_subparsers(metavar="WHAT", dest="what", required=True)
    for what, summary in (
        ("new", "make this host's keys"),
        ("list", "show this host's public key, and who may come"),
        ("allow", "let somebody come"),
        ("revoke", "let somebody come no more"),
    ):
        each = whats.add_parser(what, help=summary, description=summary)
        each.add_argument("--keys", default="", metavar="FOLDER", help="folder of keys [your own]")
        if what in ("allow", "revoke"):
            each.add_argument("name", metavar="NAME", help="what to call whoever has the key")
        if what == "allow":
            each.add_argument("role", metavar="ROLE", help="sensor, viewer, or observer")
            each.add_argument("key", metavar="KEY", help="public key, as 'keys new' printed it")
        if what in ("new", "allow"):
            each.add_argument("--replace", action="store_true", help="what is there already")


def _add_connection(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--connect", required=True, metavar="ADDRESS", help="of the agent: tcp://HOST:PORT"
    )
    command.add_argument(
        "--server-key", default="", metavar="KEY", help="public key of the agent's host"
    )
    command.add_argument("--keys", default="", metavar="FOLDER", help="folder of keys [your own]")


def view(arguments: argparse.Namespace) -> int:
    """``jopa-agent view``"""
    from ..viewer.remote import view as show

    name, key, keys = arguments.name, arguments.server_key, arguments.keys
    print(show(arguments.connect, name, arguments.watch, key, keys))
    return 0


def sense(arguments: argparse.Namespace) -> int:
    """``jopa-agent sense``"""
    from .sense import sense as attach

    told = attach(
        sys.stdin, arguments.connect, arguments.name, arguments.size, arguments.rate,
        arguments.units, arguments.server_key, arguments.keys,
    )  # fmt: skip
    print(told)
    return 0


def calibrate(arguments: argparse.Namespace) -> int:
    """``jopa-agent calibrate``"""
    from ..learning.teach import teach

    out = arguments.out or Path(f"{arguments.name}.factor")
    check_writable(out)
    for line in teach(arguments.runs, arguments.name, arguments.model, out):
        print(line)
    return 0


def keys(arguments: argparse.Namespace) -> int:
    """``jopa-agent keys``"""
    from ...transport.keys import folder_named
    from . import keys as work

    folder = folder_named(arguments.keys)
    match arguments.what:
        case "new":
            lines = work.new(folder, arguments.replace)
        case "allow":
            words = (arguments.name, arguments.role, arguments.key)
            lines = work.allow(folder, *words, replace=arguments.replace)
        case "revoke":
            lines = work.revoke(folder, arguments.name)
        case _:
            lines = work.listing(folder)
    for line in lines:
        print(line)
    return 0
