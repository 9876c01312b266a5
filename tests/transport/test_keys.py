"""Keys: what is kept, who may read it, and what is refused."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zmq
from jopa_agent.transport import keys
from jopa_agent.transport.keys import ALLOWED, OWN, AllowList, KeysError
from jopa_agent.transport.messages import Role
from zmq.utils import z85

KEY, OTHER_KEY = (zmq.curve_public(z85.encode(bytes([n]) * 32)).decode() for n in (7, 9))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "config" / "keys"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def edit(file: Path, text: str | bytes) -> None:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())


def entry(name: str, key: str, role: str = "sensor") -> str:
    return f'[{name}]\nrole = "{role}"\nkey = "{key}"\n'


def test_a_pair_is_kept_for_its_owner_alone(folder: Path) -> None:
    pair = keys.new(folder)
    assert keys.own(folder) == pair
    assert zmq.curve_public(pair.secret.encode()).decode() == pair.public
    assert (mode(folder), mode(folder / OWN)) == (0o700, 0o600)
    assert [file.name for file in folder.iterdir()] == [OWN]


def test_the_secret_is_not_shown(folder: Path) -> None:
    pair = keys.new(folder)
    assert pair.secret not in repr(pair)


def test_no_public_key_looks_like_an_option(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = next(pair for pair in iter(zmq.curve_keypair, None) if not pair[0].startswith(b"-"))
    made = iter([(b"-" + KEY[1:].encode(), b""), good])
    monkeypatch.setattr(zmq, "curve_keypair", lambda: next(made))
    assert keys.new(folder).public == good[0].decode()


def test_a_pair_is_replaced_only_when_told(folder: Path) -> None:
    pair = keys.new(folder)
    with pytest.raises(KeysError, match=r"is there already.*--replace"):
        keys.new(folder)
    assert keys.own(folder) == pair
    assert keys.new(folder, replace=True) != pair
    assert mode(folder / OWN) == 0o600


def test_no_pair_is_told(folder: Path) -> None:
    with pytest.raises(keys.MissingKeysError, match="make them with: jopa-agent keys new"):
        keys.own(folder)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("public = ", "is damaged .*mend it"),
        (b"\xff\xfe", "is damaged"),
        ("x = " + 9000 * "[", "is damaged"),
        ("", "does not hold a public and a secret key"),
        ("public = 1\nsecret = 2", "does not hold a public and a secret key"),
        (f'public = "{KEY}"\nsecret = "{OTHER_KEY}"', "is not that of the public key"),
    ],
    ids=["not toml", "not text", "too deep", "empty", "numbers", "another secret"],
)
def test_a_damaged_pair_is_told_in_one_line(folder: Path, text: str | bytes, fault: str) -> None:
    keys.new(folder)
    edit(folder / OWN, text)
    with pytest.raises(KeysError, match=fault) as caught:
        keys.own(folder)
    assert "\n" not in str(caught.value)
    assert OTHER_KEY not in str(caught.value)


def test_what_others_can_open_is_refused(folder: Path) -> None:
    keys.new(folder)
    keys.allow(folder, "arm", Role.SENSOR, KEY)
    for path, read, remedy in [
        (folder / OWN, keys.own, "chmod 600"),
        (folder / ALLOWED, keys.allowed, "chmod 600"),
        (folder, keys.own, "chmod 700"),
        (folder, keys.new, "chmod 700"),
    ]:
        before = mode(path)
        path.chmod(before | 0o040)
        with pytest.raises(KeysError, match=f"is open to other users.*{remedy}"):
            read(folder)
        path.chmod(before)


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KeysError, match="cannot write in"):
        keys.new(tmp_path / "file" / "keys")
    with pytest.raises(KeysError, match="cannot be read"):
        keys.own(tmp_path / "file" / "keys")


def test_peers_are_allowed_and_revoked(folder: Path) -> None:
    assert keys.allowed(folder) == {}
    keys.allow(folder, "wall", Role.OBSERVER, OTHER_KEY)
    keys.allow(folder, "arm", Role.SENSOR, KEY)
    assert keys.allowed(folder) == {
        "arm": (Role.SENSOR, KEY),
        "wall": (Role.OBSERVER, OTHER_KEY),
    }
    assert mode(folder / ALLOWED) == 0o600
    assert keys.revoke(folder, "arm") == (Role.SENSOR, KEY)
    assert list(keys.allowed(folder)) == ["wall"]
    with pytest.raises(KeysError, match=r"'arm' is not allowed.*give one of: wall"):
        keys.revoke(folder, "arm")


def test_a_name_is_given_to_another_only_when_told(folder: Path) -> None:
    keys.allow(folder, "arm", Role.SENSOR, KEY)
    with pytest.raises(KeysError, match=r"'arm' is allowed already, as sensor.*--replace"):
        keys.allow(folder, "arm", Role.VIEWER, OTHER_KEY)
    keys.allow(folder, "arm", Role.VIEWER, OTHER_KEY, replace=True)
    assert keys.allowed(folder) == {"arm": (Role.VIEWER, OTHER_KEY)}


def test_one_key_has_one_name(folder: Path) -> None:
    keys.allow(folder, "arm", Role.SENSOR, KEY)
    for replace in (False, True):
        with pytest.raises(KeysError, match=r"is that of 'arm' already.*keys revoke arm"):
            keys.allow(folder, "leg", Role.SENSOR, KEY, replace)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "é", 41 * "a", "a\n"])
def test_a_name_that_cannot_be_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(KeysError, match="cannot be given to a peer") as caught:
        keys.allow(folder, name, Role.SENSOR, KEY)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    ["", KEY[:-1], KEY + "0", KEY + KEY, KEY[:-1] + "~", KEY[:-1] + "é", 40 * "#", KEY[:-1] + "\n"],
)
def test_what_is_not_a_key_is_refused(folder: Path, key: str) -> None:
    with pytest.raises(KeysError, match=r"is not 40 characters of Z85.*copy") as caught:
        keys.allow(folder, "arm", Role.SENSOR, key)
    assert "\n" not in str(caught.value)
    assert not (folder / ALLOWED).exists()


def test_a_role_has_a_name() -> None:
    assert [keys.role_named(name) for name in ("sensor", "viewer", "observer")] == list(Role)
    with pytest.raises(KeysError, match="unknown role 'boss': give one of sensor, viewer"):
        keys.role_named("boss")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[arm", "is damaged"),
        ("arm = 3", "'arm' is not the name of a table"),
        (f'[arm]\nkey = "{KEY}"', "'arm' is not the name of a table"),
        (entry("arm", KEY) + "more = 1", "'arm' is not the name of a table"),
        (entry('"a b"', KEY), "'a b' is not the name of a table"),
        (entry("arm", KEY, "boss"), "'arm': unknown role 'boss'"),
        (f'[arm]\nrole = ["sensor"]\nkey = "{KEY}"', "'arm': unknown role"),
        (entry("arm", "short"), "'arm': key 'short' is not 40 characters"),
        (entry("arm", KEY) + entry("leg", KEY), "'arm' and 'leg' have the same key"),
    ],
)
def test_a_damaged_list_is_told_in_one_line(folder: Path, text: str, fault: str) -> None:
    keys.allow(folder, "wall", Role.OBSERVER, OTHER_KEY)
    edit(folder / ALLOWED, text)
    with pytest.raises(KeysError, match=fault) as caught:
        keys.allowed(folder)
    assert "\n" not in str(caught.value)
    with pytest.raises(KeysError, match=fault):
        AllowList(folder)


def test_no_change_is_lost_to_another(folder: Path) -> None:
    names = [f"peer-{number}" for number in range(24)]

    def add(name: str) -> None:
        keys.allow(folder, name, Role.SENSOR, zmq.curve_keypair()[0].decode())

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, names))
    assert set(keys.allowed(folder)) == set(names)


def test_a_list_that_is_watched_keeps_up(folder: Path) -> None:
    watched = AllowList(folder)
    assert watched.peer(KEY) is None
    keys.allow(folder, "arm", Role.SENSOR, KEY)
    assert watched.peer(KEY) == ("arm", Role.SENSOR)
    keys.allow(folder, "arm", Role.VIEWER, KEY, replace=True)
    assert watched.peer(KEY) == ("arm", Role.VIEWER)
    keys.revoke(folder, "arm")
    assert watched.peer(KEY) is None
    assert not watched.trouble


def test_a_list_that_is_deleted_lets_nobody_in(folder: Path) -> None:
    keys.allow(folder, "arm", Role.SENSOR, KEY)
    watched = AllowList(folder)
    (folder / ALLOWED).unlink()
    assert watched.peer(KEY) is None
    assert not watched.trouble


def test_the_last_good_list_holds_while_the_file_is_damaged(folder: Path) -> None:
    keys.allow(folder, "arm", Role.SENSOR, KEY)
    watched = AllowList(folder)
    good = (folder / ALLOWED).read_bytes()
    edit(folder / ALLOWED, "[leg")
    assert "is damaged" in watched.trouble
    assert watched.peer(KEY) == ("arm", Role.SENSOR)
    edit(folder / ALLOWED, good)
    assert not watched.trouble
    folder.chmod(0o755)
    assert "chmod 700" in watched.trouble
    assert watched.peer(KEY) == ("arm", Role.SENSOR)
    folder.chmod(0o700)
    assert not watched.trouble


def test_a_list_that_has_not_changed_is_not_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.allow(folder, "arm", Role.SENSOR, KEY)
    watched = AllowList(folder)
    monkeypatch.setattr(keys, "read", None)
    assert watched.peer(KEY) == ("arm", Role.SENSOR)


def test_a_folder_is_the_users_own_unless_named() -> None:
    assert keys.folder_named("").name == "keys"
    assert keys.folder_named("~/other") == Path.home() / "other"
