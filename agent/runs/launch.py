"""What the processes of a run are told at its start, as files of a folder.

They lie in the folder of the run's sockets, in the run folder that is left behind, and, as
attachments, in its recording.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
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
from . import gallery
from .gallery import NO_GALLERY, Gallery, read_gallery, write_pictures

_SHIPPED = "shipped:"
_FACTOR = ".factor"  # of a sensor, behind its name
_SETTINGS, _LAUNCH, _GOAL = "settings.toml", "launch.toml", "goal.npy"


@dataclass(frozen=True)
class Launch:
    """All that a process needs to know of its run; ``goal`` is the first picture to reach, and the
    ``gallery`` shows others.

    ``factors`` says where the run keeps a copy of a sensor's factor file; the settings name the
    file that was given.
    """

    settings: Settings
    body: BodySpec
    model: Path
    goal: np.ndarray
    gallery: Gallery = NO_GALLERY
    factors: Mapping[str, Path] = field(default_factory=dict)


def write(folder: Path, launch: Launch) -> None:
    """Write ``launch`` into ``folder``, with the settings as they are used, and copies of the
    factor files that they name.

    Raises ``OSError`` where that is not possible, :class:`SettingsError` for a factor file that
    cannot be read.
    """
    body = {name: _plain(value) for name, value in asdict(launch.body).items()}
    (folder / _SETTINGS).write_text(tomli_w.dumps(launch.settings.model_dump()))
    names = list(launch.gallery.names)
    told = {"model": _name_of(launch.model), "gallery": names, "body": body}
    (folder / _LAUNCH).write_text(tomli_w.dumps(told))
    np.save(folder / _GOAL, launch.goal, allow_pickle=False)
    write_pictures(folder, launch.gallery)
    for name, sensor in launch.settings.sensors.items():
        if sensor.factor:
            (folder / (name + _FACTOR)).write_bytes(_factor(name, sensor.factor))


def read(folder: Path) -> Launch:
    """What :func:`write` wrote; ``ValueError`` in one line for a folder of another kind."""
    settings = settings_from(read_file(folder / _SETTINGS))
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
                draggable=body.get("draggable", False),
            ),
            model=_model_called(launch["model"]),
            goal=np.load(folder / _GOAL, allow_pickle=False),
            gallery=read_gallery(folder, launch.get("gallery", [])),
            factors={
                name: folder / (name + _FACTOR)
                for name, sensor in settings.sensors.items()
                if sensor.factor
            },
        )
    except Exception as error:  # whatever numpy meets in what was tampered with  # noqa: BLE001
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise ValueError(
            f"{str(folder)!r} is not the folder of a run ({reason}): give one that "
            "'jopa-agent run' made"
        ) from None


def launch_files(folder: Path) -> dict[str, bytes]:
    """What :func:`write` wrote, by name."""
    return {file.name: file.read_bytes() for file in _launch_files(folder)}


def remove_launch(folder: Path) -> None:
    """Remove what :func:`write` wrote."""
    for file in _launch_files(folder):
        file.unlink(missing_ok=True)


def _launch_files(folder: Path) -> list[Path]:
    files = [folder / name for name in (_SETTINGS, _LAUNCH, _GOAL)]
    return [*files, *folder.glob(gallery.FILE), *folder.glob(f"*{_FACTOR}")]


def _factor(name: str, file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise SettingsError(
            f"setting sensors.{name}.factor = {file!r} cannot be read ({error.strerror}): "
            f"'jopa-agent calibrate {name} RUN' makes one"
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
