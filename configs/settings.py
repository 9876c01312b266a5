"""Typed settings: one section a part, read from a preset, a file and the command line, in turn."""

import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from .sections import (
    Agent,
    Body,
    Collect,
    Discrete,
    Explore,
    Gateway,
    Jepa,
    Online,
    Planner,
    Run,
    Runtime,
    Section,
    Sensor,
    SensorName,
    Train,
)

_FOLDER = resources.files(str(__package__))


class SettingsError(ValueError):
    """A setting that is unknown or out of range; the text says which and what to do."""


class Settings(Section):
    """Everything that can be set, by section."""

    agent: Agent = Agent()
    body: Body = Body()
    run: Run = Run()
    runtime: Runtime = Runtime()
    planner: Planner = Planner()
    collect: Collect = Collect()
    explore: Explore = Explore()
    train: Train = Train()
    discrete: Discrete = Discrete()
    jepa: Jepa = Jepa()
    online: Online = Online()
    gateway: Gateway = Gateway()
    sensors: dict[SensorName, Sensor] = Field(default={})

    @model_validator(mode="after")
    def _can_see(self) -> "Settings":
        telling = any(
            each.factor or each.matrix or each.kind == "frame" for each in self.sensors.values()
        )
        if not self.run.camera and not telling:
            raise ValueError(
                "run.camera is off, and no sensor has a factor or a matrix: the agent would know "
                "nothing of its body"
            )
        if self.sensors and not self.gateway.listen:
            raise ValueError(
                f"sensors are declared ({', '.join(self.sensors)}), but nothing could attach: give "
                "--listen an address such as tcp://127.0.0.1:5600"
            )
        return self


def read_preset(name: str) -> dict[str, Any]:
    """The shipped preset called ``name`` as nested dictionaries."""
    file = _FOLDER / f"{name}.toml"
    if not name.replace("-", "_").isidentifier() or not file.is_file():
        known = ", ".join(preset_names())
        raise SettingsError(
            f"unknown environment {name!r}: choose from {known}, or give one of Gymnasium's as "
            "module:EnvId"
        )
    return tomllib.loads(file.read_text("utf-8"))


def preset_names() -> list[str]:
    """Names of the presets that are shipped."""
    files = [file.name for file in _FOLDER.iterdir()]
    return sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml"))


def shipped_model(name: str) -> Path:
    """Folder of the model that is shipped for the preset called ``name``."""
    return Path(str(_FOLDER / "models" / name))


def read_file(path: Path) -> dict[str, Any]:
    """Settings in the TOML file ``path`` as nested dictionaries."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"settings file {str(path)!r} cannot be read: {error}") from None


def settings_from(*layers: Mapping[str, Any]) -> Settings:
    """Settings from nested dictionaries, later layers over earlier ones; validated as a whole."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = _merge(merged, layer)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise SettingsError(_first_fault(error)) from None


def declared() -> Iterator[tuple[str, str, Any]]:
    """Every setting as ``(section, name, pydantic field)``, in the order of the declaration."""
    for section, default in Settings():
        if not isinstance(default, Section):
            continue  # the sensors, which have names of their own
        for name, setting in type(default).model_fields.items():
            yield section, name, setting


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if nested else value
    return merged


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"unknown setting {where!r}: 'jopa-agent run --help' lists all settings"
    if not where:  # what several settings say together
        return fault["msg"].removeprefix("Value error, ")
    return f"setting {where} = {fault['input']!r} is not valid: {fault['msg']}"
