"""Keys of this host, and of the peers that may come: two TOML files in one private folder.

``own.toml`` holds the pair of this host. ``allowed.toml`` holds a table for each peer: its name,
what it may do (``role``) and its public key. Keys are Z85 text, as ZeroMQ writes them (RFC 32).
"""

import re
import shlex
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs
import zmq
from zmq.utils import z85

from .key_files import KeysError, alone, read, write
from .messages import Role

OWN = "own.toml"
ALLOWED = "allowed.toml"
ROLES = {role.name.lower(): role for role in Role}

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_KEY_BYTES = 32  # in 40 characters of Z85


class MissingKeysError(KeysError):
    """This host has no keys yet."""


@dataclass(frozen=True)
class KeyPair:
    """The two keys of a host: ``public`` is for others to know, ``secret`` never leaves it."""

    public: str
    secret: str = field(repr=False)


class Permit(NamedTuple):
    """What a peer may do, and the public key that it is known by."""

    role: Role
    key: str


def folder_named(text: str) -> Path:
    """The folder of keys that an option names; the user's own where it names none."""
    if text:
        return Path(text).expanduser()
    return Path(platformdirs.user_config_dir("jopa-agent")) / "keys"


def command(words: str, folder: Path) -> str:
    """The command line ``jopa-agent keys WORDS`` for the keys in ``folder``."""
    named = "" if folder == folder_named("") else f" --keys {shlex.quote(str(folder))}"
    return f"jopa-agent keys {words}{named}"


def role_named(text: str) -> Role:
    """The role of that name; :class:`KeysError` where there is none."""
    if not isinstance(text, str) or text not in ROLES:
        raise KeysError(f"unknown role {text!r}: give one of {', '.join(ROLES)}")
    return ROLES[text]


def check_key(key: str, what: str = "key") -> None:
    """Raise :class:`KeysError` unless ``key`` is the Z85 text of 32 bytes."""
    if not _is_key(key):
        raise KeysError(
            f"{what} {key!r} is not 40 characters of Z85, so nobody could use it: copy "
            "the whole public key that 'jopa-agent keys' shows, in single quotes"
        )


def new(folder: Path, replace: bool = False) -> KeyPair:
    """Make and keep a pair; :class:`KeysError` where there is one, unless it may be replaced."""
    with alone(folder):
        file = folder / OWN
        if file.exists() and not replace:
            raise KeysError(
                f"{str(file)!r} is there already, and whoever knows its public key would no longer "
                "find this host with another: give --replace if that is wanted"
            )
        pair = _make_pair()
        write(file, {"public": pair.public, "secret": pair.secret})
    return pair


def own(folder: Path) -> KeyPair:
    """The pair of this host; :class:`KeysError` where there is none that can be used."""
    file = folder / OWN
    table = read(file)
    if table is None:
        raise MissingKeysError(
            f"no keys in {str(folder)!r}, and other hosts are met with keys only: make them with: "
            f"{command('new', folder)}"
        )
    again = command("new --replace", folder)
    remedy = f"put the right file back, or make another pair with: {again}"
    if table.keys() != {"public", "secret"} or not all(map(_is_key, table.values())):
        raise KeysError(f"{str(file)!r} does not hold a public and a secret key: {remedy}")
    if zmq.curve_public(table["secret"].encode()).decode() != table["public"]:
        raise KeysError(f"{str(file)!r}: the secret key is not that of the public key: {remedy}")
    return KeyPair(**table)


def allow(folder: Path, name: str, role: Role, key: str, replace: bool = False) -> None:
    """Let the peer with the public ``key`` come as ``name``; raises :class:`KeysError`.

    One key has one name; a name that is there already is given to another only with ``replace``.
    """
    if not _NAME.fullmatch(name):
        raise KeysError(
            f"name {name!r} cannot be given to a peer: take 1 to 40 letters, digits, '_' or '-'"
        )
    check_key(key)
    with alone(folder):
        permits = allowed(folder)
        if name in permits and not replace:
            raise KeysError(
                f"{name!r} is allowed already, as {permits[name].role.name.lower()} with key "
                f"{permits[name].key!r}: give --replace to put this one in its place"
            )
        others = {permit.key: other for other, permit in permits.items() if other != name}
        if key in others:
            raise KeysError(
                f"key {key!r} is that of {others[key]!r} already, and one key has one name: take "
                f"it back with: {command(f'revoke {others[key]}', folder)}"
            )
        _write_allowed(folder, permits | {name: Permit(role, key)})


def revoke(folder: Path, name: str) -> Permit:
    """Take back what ``name`` was allowed, and return it; raises :class:`KeysError`."""
    with alone(folder):
        permits = allowed(folder)
        if name not in permits:
            names = ", ".join(permits) or "there is none"
            raise KeysError(f"{name!r} is not allowed, so nothing is revoked: give one of: {names}")
        permit = permits.pop(name)
        _write_allowed(folder, permits)
    return permit


def allowed(folder: Path) -> dict[str, Permit]:
    """Who may come, by name; nobody where there is no file. Raises :class:`KeysError`."""
    file = folder / ALLOWED
    entries = read(file) or {}
    permits = {name: _permit(file, name, entry) for name, entry in entries.items()}
    names: dict[str, str] = {}
    for name, permit in permits.items():
        if names.setdefault(permit.key, name) != name:
            raise KeysError(
                f"{str(file)!r}: {names[permit.key]!r} and {name!r} have the same key, so who "
                "sends could not be told: take one out"
            )
    return dict(sorted(permits.items()))


class AllowList:
    """Who may come, as the file says it now; any thread may ask, at the cost of a look at the disk.

    Where the file is damaged while it is watched, the last good list holds. Raises
    :class:`KeysError` where it is damaged from the start.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._trouble = ""
        self._stamp = self._look()
        self._peers = _by_key(allowed(folder))

    @property
    def trouble(self) -> str:
        """What is wrong with the file, in one line; empty where nothing is."""
        with self._lock:
            self._keep_up()
            return self._trouble

    def peer(self, key: str) -> tuple[str, Role] | None:
        """The name and the role of the peer with that public key; None for a stranger."""
        with self._lock:
            self._keep_up()
            return self._peers.get(key)

    def _keep_up(self) -> None:
        stamp = self._look()
        if stamp == self._stamp:
            self._trouble = ""
            return
        try:
            self._peers = _by_key(allowed(self._folder))
        except KeysError as error:  # and again at the next look: it may be the disk's fault
            self._trouble = f"{error}; until then the last good list holds"
        else:
            self._trouble, self._stamp = "", stamp

    def _look(self) -> tuple[int, ...] | None:
        """What changes when the file does, or who can open it."""
        try:
            folder, file = self._folder.stat(), (self._folder / ALLOWED).stat()
        except OSError:
            return None
        return folder.st_mode, file.st_ino, file.st_size, file.st_mtime_ns, file.st_ctime_ns


def _by_key(permits: Mapping[str, Permit]) -> dict[str, tuple[str, Role]]:
    return {permit.key: (name, permit.role) for name, permit in permits.items()}


def _permit(file: Path, name: str, entry: Any) -> Permit:
    where = f"{str(file)!r}: {name!r}"
    if not _NAME.fullmatch(name) or not isinstance(entry, dict) or entry.keys() != {"role", "key"}:
        raise KeysError(f"{where} is not the name of a table with a role and a key: take it out")
    try:
        check_key(entry["key"])
        return Permit(role_named(entry["role"]), entry["key"])
    except KeysError as error:
        raise KeysError(f"{where}: {error}") from None


def _make_pair() -> KeyPair:
    while True:
        public, secret = (key.decode() for key in zmq.curve_keypair())
        if not public.startswith("-"):  # a command line would take it for an option
            return KeyPair(public, secret)


def _is_key(text: Any) -> bool:
    try:
        return isinstance(text, str) and len(z85.decode(text)) == _KEY_BYTES
    except (KeyError, ValueError, struct.error):  # another alphabet, length, or too large a number
        return False


def _write_allowed(folder: Path, permits: Mapping[str, Permit]) -> None:
    entries = {
        name: {"role": permit.role.name.lower(), "key": permit.key}
        for name, permit in sorted(permits.items())
    }
    write(folder / ALLOWED, entries)
