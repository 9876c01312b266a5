"""The work behind ``keys``: what it changes, and the lines that it answers with."""

import shlex
from pathlib import Path

from ...transport import keys


def new(folder: Path, replace: bool = False) -> list[str]:
    """Make a pair of keys for this host."""
    pair = keys.new(folder, replace)
    return [
        f"made a pair of keys in {str(folder)!r}; its secret key stays there, for you alone",
        f"public key: {pair.public}",
        "to connect from this host, on the agent's host: jopa-agent keys allow NAME ROLE "
        f"{shlex.quote(pair.public)}",
        "to connect to an agent on this host, a peer needs this public key",
    ]


def listing(folder: Path) -> list[str]:
    """The public key of this host, and who is allowed to come."""
    try:
        mine = keys.own(folder).public
    except keys.MissingKeysError:
        mine = f"none yet: make a pair with: {keys.command('new', folder)}"
    permits = keys.allowed(folder)
    lines = [f"public key: {mine}"]
    if not permits:
        return [*lines, f"allowed: nobody yet: {keys.command('allow NAME ROLE KEY', folder)}"]
    width = max(map(len, permits))
    return [
        *lines,
        "allowed:",
        *(
            f"  {name:{width}}  {permit.role.name.lower():8}  {permit.key}"
            for name, permit in permits.items()
        ),
    ]


def allow(folder: Path, name: str, role: str, key: str, replace: bool = False) -> list[str]:
    """Let a peer with that public key come."""
    keys.allow(folder, name, keys.role_named(role), key, replace)
    lines = [f"{name!r} may come as {role}; an agent that runs need not be started again"]
    try:
        mine = keys.own(folder).public
    except keys.MissingKeysError:
        make = keys.command("new", folder)
        return [*lines, f"this host has no keys yet: make a pair with: {make}"]
    return [*lines, f"it needs the public key of this host to connect: {mine}"]


def revoke(folder: Path, name: str) -> list[str]:
    """Take back what a peer was allowed."""
    keys.revoke(folder, name)
    return [f"{name!r} may not come any more; an agent that runs need not be started again"]
