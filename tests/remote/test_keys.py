"""What ``keys`` answers."""

import shlex
from pathlib import Path

import pytest
import zmq
from jopa_agent.agent.remote import keys as work
from jopa_agent.transport import keys
from jopa_agent.transport.messages import Role

KEY = zmq.curve_keypair()[0].decode()


def test_a_new_pair_is_shown_with_what_to_do_next(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    lines = work.new(folder)
    pair = keys.own(folder)
    assert f"public key: {pair.public}" in lines
    told = next(line for line in lines if "keys allow NAME ROLE" in line)
    assert shlex.split(told.partition(": ")[2])[-1] == pair.public
    assert pair.secret not in "".join(lines)
    assert work.new(folder, replace=True) != lines


def test_the_listing_is_a_table(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    assert "none yet: make a pair with: jopa-agent keys new" in work.listing(folder)[0]
    assert "nobody yet" in work.listing(folder)[1]
    work.new(folder)
    work.allow(folder, "arm", "sensor", KEY)
    lines = work.listing(folder)
    assert lines[0] == f"public key: {keys.own(folder).public}"
    assert lines[-1].split() == ["arm", "sensor", KEY]
    assert work.revoke(folder, "arm") != []
    assert "nobody yet" in work.listing(folder)[-1]


def test_whoever_is_allowed_is_told_the_key_of_this_host(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    assert "jopa-agent keys new" in work.allow(folder, "arm", "sensor", KEY)[-1]
    work.new(folder)
    lines = work.allow(folder, "arm", "viewer", KEY, replace=True)
    assert lines[-1].endswith(keys.own(folder).public)


def test_an_unknown_role_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(keys.KeysError, match="unknown role 'boss'"):
        work.allow(tmp_path / "keys", "arm", "boss", KEY)
    assert keys.allowed(tmp_path / "keys") == {}


def test_the_commands_that_are_told_are_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What follows the last colon can be typed as it stands, for the folder that was named."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder, own = tmp_path / "my keys", keys.folder_named("")

    def commands(each: Path) -> list[list[str]]:
        lines = [*work.listing(each), work.allow(each, "arm", "sensor", KEY)[-1]]
        with pytest.raises(keys.KeysError) as missing:
            keys.own(each)
        with pytest.raises(keys.KeysError) as taken:
            keys.allow(each, "leg", Role.SENSOR, KEY)
        told = [*lines, str(missing.value), str(taken.value)]
        return [shlex.split(line.rpartition(": ")[2]) for line in told]

    words = [["new"], ["allow", "NAME", "ROLE", "KEY"], ["new"], ["new"], ["revoke", "arm"]]
    start = ["jopa-agent", "keys"]
    assert commands(own) == [[*start, *each] for each in words]
    assert commands(folder) == [[*start, *each, "--keys", str(folder)] for each in words]
