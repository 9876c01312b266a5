"""What the supervisor hands to the processes, and the run folder, which a run leaves behind."""

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from ...configs.settings import (
    Settings,
    SettingsError,
    preset_names,
    read_file,
    settings_from,
    shipped_model,
)
from ...envs.body import BodySpec
from .errors import DURING_RUN, RunError
from .summary import Summary

INSTRUMENTS = "instruments.txt"
"""In the run folder: names the folder of the socket ``truth``, for simulated instruments."""

_SHIPPED = "shipped:"
_FACTOR = ".factor"  # of a sensor, behind its name
_SETTINGS, _LAUNCH, _GOAL = "settings.toml", "launch.toml", "goal.npy"
_GALLERY = "gallery.npy"


@dataclass(frozen=True)
class Gallery:
    """Goals to choose from: their names, and their pictures uint8 ``(g, height, width, channels)``,
    of any shape where there are none."""

    names: tuple[str, ...]
    images: np.ndarray


NO_GALLERY = Gallery((), np.zeros((0, 1, 1, 1), np.uint8))


@dataclass(frozen=True)
class Launch:
    """All that a process needs to know of its run; ``goal`` is the first picture to reach, and the
    ``gallery`` shows others."""

    settings: Settings
    body: BodySpec
    model: Path
    goal: np.ndarray
    gallery: Gallery = NO_GALLERY


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Make ``folder`` and hold it for one run; :class:`RunError` if that is not possible."""
    lock = _open_writable(folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise RunError(
            f"run folder {str(folder)!r} is in use by another run: choose another with --out"
        ) from None
    try:
        yield
    finally:
        os.close(lock)


def write(folder: Path, launch: Launch) -> None:
    """Write what the processes of a run read; the settings as they are used."""
    body = {name: _plain(value) for name, value in asdict(launch.body).items()}
    try:
        (folder / _SETTINGS).write_text(tomli_w.dumps(launch.settings.model_dump()))
        told = {
            "model": _name_of(launch.model),
            "gallery": list(launch.gallery.names),
            "body": body,
        }
        (folder / _LAUNCH).write_text(tomli_w.dumps(told))
        np.save(folder / _GOAL, launch.goal, allow_pickle=False)
        np.save(folder / _GALLERY, launch.gallery.images, allow_pickle=False)
        for name, sensor in launch.settings.sensors.items():
            if sensor.factor:
                (folder / (name + _FACTOR)).write_bytes(_factor(name, sensor.factor))
    except OSError as error:
        raise RunError(f"run folder {str(folder)!r} cannot be written: {error}") from None


def launch_files(folder: Path) -> dict[str, bytes]:
    """What :func:`write` wrote, by name."""
    return {file.name: file.read_bytes() for file in _launch_files(folder)}


def remove_launch(folder: Path) -> None:
    """Remove what :func:`write` wrote."""
    for file in _launch_files(folder):
        file.unlink(missing_ok=True)


def tell_instruments(folder: Path, private: Path) -> None:
    """Write into ``folder`` where simulated instruments find the stream ``truth``."""
    try:
        (folder / INSTRUMENTS).write_text(f"{private}\n")
    except OSError as error:
        raise RunError(f"run folder {str(folder)!r} cannot be written: {error}") from None


def write_summary(folder: Path, summary: Summary) -> None:
    """Write the figures of a run as ``run.json``."""
    text = json.dumps(summary.as_dict(), indent=2)
    try:
        (folder / "run.json").write_text(text + "\n")
    except OSError as error:
        raise RunError(
            f"run.json cannot be written to {str(folder)!r} ({error.strerror})", DURING_RUN
        ) from None


def read(folder: Path) -> Launch:
    """What :func:`write` wrote; ``ValueError`` in one line for a folder of another kind."""
    settings = _with_factors(settings_from(read_file(folder / _SETTINGS)), folder)
    launch = read_file(folder / _LAUNCH)
    try:
        body = launch["body"]
        return Launch(
            settings=settings,
            body=BodySpec(
                name=body["name"],
                period_s=body["period_s"],
                control_low=np.array(body["control_low"], np.float32),
                control_high=np.array(body["control_high"], np.float32),
                safe_control=np.array(body["safe_control"], np.float32),
                frame_shape=tuple(body["frame_shape"]),
            ),
            model=_model_called(launch["model"]),
            goal=np.load(folder / _GOAL, allow_pickle=False),
            gallery=_gallery(folder, launch.get("gallery", [])),
        )
    except (KeyError, OSError) as error:
        raise ValueError(
            f"{str(folder)!r} is not the folder of a run ({error}): give one that "
            "'jopa-agent run' made"
        ) from None


def log_file(folder: Path, process: str) -> Path:
    """Where what a process prints is kept."""
    return folder / "logs" / f"{process}.log"


def _launch_files(folder: Path) -> list[Path]:
    files = [folder / name for name in (_SETTINGS, _LAUNCH, _GOAL)]
    return [*files, *folder.glob(_GALLERY), *folder.glob(f"*{_FACTOR}")]


def _gallery(folder: Path, names: list[str]) -> Gallery:
    """None in what an earlier version has left behind."""
    if not names:
        return NO_GALLERY
    return Gallery(tuple(names), np.load(folder / _GALLERY, allow_pickle=False))


def _factor(name: str, file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise SettingsError(
            f"setting sensors.{name}.factor = {file!r} cannot be read ({error.strerror}): "
            f"'jopa-agent calibrate {name} RUN' makes one"
        ) from None


def _with_factors(settings: Settings, folder: Path) -> Settings:
    """``settings`` whose sensors have their factors from ``folder``, wherever they came from."""
    sensors = {
        name: sensor.model_copy(
            update={"factor": str(folder / (name + _FACTOR)) if sensor.factor else ""}
        )
        for name, sensor in settings.sensors.items()
    }
    return settings.model_copy(update={"sensors": sensors})


def _open_writable(folder: Path) -> int:
    """A descriptor of ``folder``, which is made if need be."""
    try:
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        if not os.access(folder / "logs", os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise RunError(
            f"run folder {str(folder)!r} cannot be written ({error.strerror}): choose another "
            "with --out"
        ) from None


def _name_of(model: Path) -> str:
    """How a model is called, so that a shipped one is found on another machine, too."""
    for name in preset_names():
        if model == shipped_model(name):
            return _SHIPPED + name
    return str(model.absolute())


def _model_called(name: str) -> Path:
    known = name.removeprefix(_SHIPPED)
    return Path(name) if known == name else shipped_model(known)


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value
