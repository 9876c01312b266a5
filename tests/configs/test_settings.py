"""Settings: layers in turn, closed to unknown names and values, errors in one line."""

import math
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jopa_agent.configs.settings import (
    Settings,
    SettingsError,
    declared,
    preset_names,
    read_file,
    read_preset,
    settings_from,
    shipped_model,
)


def refused(*layers: Any) -> str:
    with pytest.raises(SettingsError) as error:
        settings_from(*layers)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_without_layers_there_are_the_defaults():
    assert settings_from() == settings_from({}, {}) == Settings()


def test_later_layers_go_over_earlier_ones_setting_by_setting():
    preset = {"run": {"goal": "hanging", "seed": 1}, "planner": {"horizon": 10}}
    file, line = {"run": {"seed": 2, "rate_hz": 10.0}}, {"run": {"rate_hz": 5.0}}
    found = settings_from(preset, file, line)
    assert (found.run.goal, found.run.seed, found.run.rate_hz) == ("hanging", 2, 5.0)
    assert found.planner.horizon == 10
    assert found.planner.iterations == Settings().planner.iterations
    assert settings_from(line, file, preset).run.seed == 1


def test_layers_are_left_as_they_were():
    one, two = {"run": {"seed": 1}}, {"run": {"seed": 2}}
    settings_from(one, two)
    assert (one, two) == ({"run": {"seed": 1}}, {"run": {"seed": 2}})


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        ({"sped": {}}, "sped"),
        ({"run": {"gaol": "upright"}}, "run.gaol"),
        ({"planner": {"horizon": {"ticks": 3}}}, "planner.horizon"),
        ({"run": {"Seed": 1}}, "run.Seed"),
    ],
    ids=str,
)
def test_an_unknown_setting_is_named(layer: dict[str, Any], name: str):
    assert name in refused(layer)


@pytest.mark.parametrize(
    ("layer", "name", "value"),
    [
        ({"run": {"seed": "many"}}, "run.seed", "'many'"),
        ({"run": {"seed": 1.5}}, "run.seed", "1.5"),
        ({"run": {"headless": "perhaps"}}, "run.headless", "'perhaps'"),
        ({"run": {"goal": 3}}, "run.goal", "3"),
        ({"run": 3}, "run", "3"),
        ({"run": {"clock": "sundial"}}, "run.clock", "'sundial'"),
        ({"planner": {"horizon": [40]}}, "planner.horizon", "[40]"),
    ],
    ids=str,
)
def test_a_value_of_another_type_is_shown(layer: dict[str, Any], name: str, value: str):
    assert f"{name} = {value} is not valid" in refused(layer)


@pytest.mark.parametrize(
    ("section", "name", "good", "bad"),
    [
        ("run", "rate_hz", [0.1, 200], [0, -20, 200.1]),
        ("run", "seed", [0, 2**31 - 1], [-1, 2**31]),
        ("run", "duration_s", [0, 1e6], [-1e-9]),
        ("run", "tolerance_rad", [1e-3], [0, -0.1]),
        ("planner", "horizon", [1, 100], [0, -1]),
        ("planner", "control_precision", [1e-6], [0]),
        ("planner", "epistemic_weight", [0], [-1]),
        ("collect", "segment_frames", [26], [25]),
        ("train", "drift", [0, 0.99], [1, -0.1]),
        ("body", "camera_crop_px", [256, 500], [0, 4097]),
    ],
)
def test_ranges(section: str, name: str, good: list[float], bad: list[float]):
    size = {"body": {"camera_size_px": 1}}
    for value in good:
        found = settings_from(size, {section: {name: value}})
        assert getattr(getattr(found, section), name) == value
    for value in bad:
        assert f"{section}.{name} = {value!r}" in refused(size, {section: {name: value}})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_number_is_infinite(value: float):
    for section, name, field in declared():
        if field.annotation is float:
            assert f"{section}.{name}" in refused({section: {name: value}})


@pytest.mark.parametrize(
    "body",
    [
        {"camera_size_px": 30},
        {"camera_size_px": 512},
        {"camera_crop_px": 250, "camera_size_px": 32},
        {"camera_crop_px": 250},
    ],
    ids=str,
)
def test_the_camera_size_has_to_divide_the_crop(body: dict[str, int]):
    assert "camera_size_px" in refused({"body": body})


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        Settings().run.seed = 3


def test_every_setting_is_declared_described_and_can_be_set_to_its_default():
    found = list(declared())
    assert len({(section, name) for section, name, _ in found}) == len(found) > 30
    defaults = Settings().model_dump()
    assert {section: list(values) for section, values in defaults.items()} == {
        section: [name for part, name, _ in found if part == section] for section in defaults
    }
    for section, name, field in found:
        assert field.description
        assert settings_from({section: {name: defaults[section][name]}}) == Settings()


def test_settings_survive_their_own_dump():
    found = settings_from(read_preset("pendulum"), {"run": {"goal": "10deg", "seed": 7}})
    assert settings_from(found.model_dump()) == found


@given(
    st.dictionaries(
        st.sampled_from(["body", "run", "runtime", "planner", "collect", "explore", "train", "x"]),
        st.one_of(
            st.dictionaries(
                st.sampled_from(["goal", "seed", "horizon", "name", "y"]),
                st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
            ),
            st.none(),
            st.integers(),
            st.text(),
        ),
    )
)
def test_any_layer_gives_settings_or_one_line(layer: dict[str, Any]):
    text = ""
    try:
        settings_from(layer)
    except SettingsError as error:
        text = str(error)
    assert len(text.splitlines()) <= 1


def test_presets_are_valid_and_have_a_model():
    assert "pendulum" in preset_names()
    for name in preset_names():
        assert settings_from(read_preset(name)).body.name == name
        assert (shipped_model(name) / "model.toml").is_file()


@pytest.mark.parametrize("name", ["cartpole", "", "../pendulum", "pendulum.toml", "settings"])
def test_an_unknown_preset_is_refused_with_the_known_ones(name: str):
    with pytest.raises(SettingsError, match=r"^unknown environment .* choose from .*pendulum"):
        read_preset(name)


def test_a_file_is_read(tmp_path: Path):
    path = tmp_path / "mine.toml"
    path.write_text("[run]\nseed = 4\n")
    assert read_file(path) == {"run": {"seed": 4}}


@pytest.mark.parametrize("content", [b"[run\n", b"seed = ", b"\xff\xfe\x00", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml(tmp_path: Path, content: bytes):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"mine\.toml' cannot be read") as error:
        read_file(path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_missing_or_a_folder(tmp_path: Path):
    for path in (tmp_path / "mine.toml", tmp_path):
        with pytest.raises(SettingsError, match="cannot be read"):
            read_file(path)


def test_the_page_of_the_shipped_model_was_made_with_settings_that_are_valid():
    page = tomllib.loads((shipped_model("pendulum") / "model.toml").read_text())
    assert settings_from(page["settings"]).body == settings_from(read_preset("pendulum")).body


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        ({"run": {"camera": False}}, "run.camera is off, and no sensor"),
        ({"sensors": {"gyro": {}}}, r"sensors are declared \(gyro\), but nothing could attach"),
        ({"sensors": {"a b": {}}}, "sensors.a b"),
        ({"sensors": {"gyro": {"rate_hz": -1}}}, "setting sensors.gyro.rate_hz = -1"),
    ],
)
def test_sensors_that_could_tell_nothing_are_refused(layer: dict, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        settings_from(layer)
