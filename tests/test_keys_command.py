"""What ``keys`` answers."""

import shlex
from pathlib import Path

import pytest
import zmq
from jopa_agent.agent import keys_command
from jopa_agent.transport import keys

KEY = zmq.curve_keypair()[0].decode()


def test_a_new_pair_is_shown_with_what_to_do_next(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    lines = keys_command.new(folder)
    pair = keys.own(folder)
    assert f"public key: {pair.public}" in lines
    told = next(line for line in lines if "keys allow NAME ROLE" in line)
    assert shlex.split(told.partition(": ")[2])[-1] == pair.public
    assert pair.secret not in "".join(lines)
    assert keys_command.new(folder, replace=True) != lines


def test_the_listing_is_a_table(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    assert "none yet: 'jopa-agent keys new'" in keys_command.listing(folder)[0]
    assert "nobody yet" in keys_command.listing(folder)[1]
    keys_command.new(folder)
    keys_command.allow(folder, "arm", "sensor", KEY)
    lines = keys_command.listing(folder)
    assert lines[0] == f"public key: {keys.own(folder).public}"
    assert lines[-1].split() == ["arm", "sensor", KEY]
    assert keys_command.revoke(folder, "arm") != []
    assert "nobody yet" in keys_command.listing(folder)[-1]


def test_whoever_is_allowed_is_told_the_key_of_this_host(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    assert "'jopa-agent keys new'" in keys_command.allow(folder, "arm", "sensor", KEY)[-1]
    keys_command.new(folder)
    lines = keys_command.allow(folder, "arm", "viewer", KEY, replace=True)
    assert lines[-1].endswith(keys.own(folder).public)


def test_an_unknown_role_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(keys.KeysError, match="unknown role 'boss'"):
        keys_command.allow(tmp_path / "keys", "arm", "boss", KEY)
    assert keys.allowed(tmp_path / "keys") == {}
