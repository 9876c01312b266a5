"""Command-line options from the declared settings, and settings from the command line."""

import argparse
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from ..configs.sections import Sensor
from ..configs.settings import (
    Settings,
    SettingsError,
    declared,
    read_file,
    read_preset,
    settings_from,
    shipped_model,
)
from ..envs import derived_preset, is_environment
from .store.errors import ModelError

_NEGATIVE = re.compile(r"-[.\d]")
_DECIDED = ("body.name", "run.headless", "run.learn")  # by the command's own arguments


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line and ends with exit code 2."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, but what begins like a negative number is a value (``--goal -90deg``)."""
        words: list[str] = []
        for word in sys.argv[1:] if args is None else args:
            if _NEGATIVE.match(word) and words and words[-1].startswith("--"):
                words[-1] += f"={word}"
            else:
                words.append(word)
        return super().parse_known_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}: see '{self.prog} --help'", file=sys.stderr)
        raise SystemExit(2)


def add_settings(
    parser: argparse.ArgumentParser,
    sections: Iterable[str],
    short: Mapping[str, str],
    **defaults: Any,
) -> None:
    """Offer every setting of ``sections``, and those of ``short`` (``section.name`` → option).

    ``defaults`` are the command's own, for the section ``run``.
    """
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="TOML file with settings, over the preset's"
    )
    group = parser.add_argument_group(
        "settings", "each overrides the preset and the settings file; the default is in brackets"
    )
    for section, name, field in declared():
        key = f"{section}.{name}"
        if key in _DECIDED or (section not in sections and key not in short):
            continue
        names = [short[key], f"--{key}"] if key in short else [f"--{key}"]
        default = defaults.get(name, field.default) if section == "run" else field.default
        group.add_argument(
            *names,
            dest=key,
            metavar=_kind(field.annotation),
            default=argparse.SUPPRESS,
            help=f"{field.description} [{default}]".replace("%", "%%"),
        )


def chosen_settings(arguments: argparse.Namespace, **defaults: Any) -> Settings:
    """Settings from the preset, the settings file and the command line, later over earlier.

    ``defaults`` are the command's own, over the preset's, for the section ``run``.
    """
    layers: list[dict[str, Any]] = [preset_of(arguments.environment), {"run": defaults}]
    if arguments.settings:
        layers.append(read_file(arguments.settings))
    given: dict[str, Any] = {"sensors": _sensors(getattr(arguments, "sensor", None) or [])}
    for key, value in vars(arguments).items():
        section, dot, name = key.partition(".")
        if dot:
            given.setdefault(section, {})[name] = value
    return settings_from(*layers, given)


def _sensors(words: Iterable[str]) -> dict[str, dict[str, str]]:
    """Sensors from words such as ``gyro,size=1,rate_hz=100``."""
    found = {}
    for each in words:
        name, *pairs = each.split(",")
        if not name or not all("=" in pair for pair in pairs):
            raise SettingsError(
                f"sensor {each!r} is not understood: write its name, then what is said of it, as "
                "in gyro,size=1,rate_hz=100,units=rad/s"
            )
        if name in found:
            raise SettingsError(f"sensor {name!r} is given twice: leave one out")
        found[name] = dict(pair.split("=", 1) for pair in pairs)
        for key in found[name]:
            if key not in Sensor.model_fields:
                known = ", ".join(Sensor.model_fields)
                raise SettingsError(f"sensor {name!r} has no setting {key!r}: there are {known}")
    return found


def preset_of(environment: str) -> dict[str, Any]:
    """The shipped preset of that name, or what follows from an environment of Gymnasium's.

    Raises :class:`SettingsError` where there is neither.
    """
    if not is_environment(environment):
        return read_preset(environment)
    try:
        return derived_preset(environment)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def model_of(arguments: argparse.Namespace) -> Path:
    """The model that was asked for, or the one that is shipped.

    Raises :class:`ModelError` where there is neither.
    """
    if arguments.model:
        return arguments.model
    if is_environment(arguments.environment):
        raise ModelError(
            f"no model is shipped for {arguments.environment!r}: make one with 'jopa-agent train "
            f"{arguments.environment} --out FOLDER', and give it with --model FOLDER"
        )
    return shipped_model(arguments.environment)


def _kind(annotation: Any) -> str:
    """The placeholder of a setting's value in the help text."""
    choices = getattr(annotation, "__args__", None)
    if choices and all(isinstance(choice, str) for choice in choices):
        return "{" + ",".join(choices) + "}"
    return {float: "NUMBER", int: "COUNT", bool: "yes|no"}.get(annotation, "TEXT")
