"""Recorded experience: segments of frames and the controls between them, in one file."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ...transport.recording import RecordingError
from ..runs.recorded import RecordedRun
from ..runs.stretches import stretches
from .errors import DatasetError

_FORMAT = "jopa-agent dataset 1"


EXPERIENCE = "experience.safetensors"
"""In the folder of a model: what it has learned from."""


@dataclass(frozen=True)
class Dataset:
    """Segments of equal length; ``controls[s, t]`` acted between ``frames[s, t]`` and the next.

    ``body`` names the body that made them; ``seed`` is the seed of its random controls.
    """

    frames: UInt8[np.ndarray, "segment time height width channel"]
    controls: Float32[np.ndarray, "segment time-1 control"]
    body: str
    seed: int

    def __post_init__(self) -> None:
        kinds = (self.frames.dtype, self.frames.ndim, self.controls.dtype, self.controls.ndim)
        if kinds != (np.uint8, 5, np.float32, 3) or not self.frames.size:
            raise DatasetError(
                f"dataset with {self.frames.dtype} frames {self.frames.shape} and "
                f"{self.controls.dtype} controls {self.controls.shape}: it needs uint8 (segment, "
                "time, height, width, channel) and float32 (segment, time - 1, control)"
            )
        segments, length = self.frames.shape[:2]
        if self.controls.shape[:2] != (segments, length - 1):
            raise DatasetError(
                f"dataset with frames {self.frames.shape} and controls {self.controls.shape}: "
                "it needs one control fewer than frames in every segment"
            )
        if not np.isfinite(self.controls).all():
            raise DatasetError("dataset with controls that are not finite: record it again")

    @property
    def count(self) -> int:
        """Number of frames."""
        return self.frames.shape[0] * self.frames.shape[1]

    def save(self, path: Path) -> None:
        """Write the dataset to ``path``; raises :class:`DatasetError` where it cannot."""
        notes = {"format": _FORMAT, "body": self.body, "seed": str(self.seed)}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            arrays = {"frames": self.frames, "controls": self.controls}
            arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
            save_file(arrays, path, metadata=notes)
        except (OSError, SafetensorError) as error:
            raise DatasetError(f"dataset {str(path)!r} cannot be written: {error}") from None


def joined(first: Dataset, more: Dataset) -> Dataset:
    """``first`` and then the segments of ``more``, which are as long."""
    return replace(
        first,
        frames=np.concatenate([first.frames, more.frames]),
        controls=np.concatenate([first.controls, more.controls]),
    )


def recorded_dataset(path: Path, length: int) -> Dataset:
    """The frames of a recorded run at ``path``, in segments of ``length``; what is left over of a
    stretch without a gap is left out. Raises :class:`DatasetError` where that leaves nothing."""
    try:
        run = RecordedRun(path)
        whole = list(stretches(run))
    except RecordingError as error:
        raise DatasetError(str(error)) from None
    frames, controls = [], []
    for stretch in whole:
        for start in range(0, len(stretch.frames) - length + 1, length):
            frames.append(stretch.frames[start : start + length])
            controls.append(stretch.controls[start : start + length - 1])
    if not frames:
        longest = max((len(stretch.frames) for stretch in whole), default=0)
        raise DatasetError(
            f"recording {str(path)!r} has no {length} frames in a row, but {longest}: record a "
            "longer run"
        )
    settings = run.launch.settings
    return Dataset(np.stack(frames), np.stack(controls), run.launch.body.name, settings.run.seed)


def load_dataset(path: Path) -> Dataset:
    """Read the dataset at ``path``; raises :class:`DatasetError` for anything but a sound one."""
    try:
        with safe_open(path, framework="numpy") as file:
            notes = file.metadata() or {}
            if notes.get("format") != _FORMAT:
                raise DatasetError(
                    f"dataset {str(path)!r} is not of the format {_FORMAT!r}: record it with "
                    "'jopa-agent collect'"
                )
            frames, controls = file.get_tensor("frames"), file.get_tensor("controls")
            body, seed = notes["body"], int(notes["seed"])
    except DatasetError:
        raise
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise DatasetError(
            f"dataset {str(path)!r} cannot be read ({error}): record it with 'jopa-agent collect'"
        ) from None
    return Dataset(frames, controls, body, seed)
