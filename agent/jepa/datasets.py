"""Datasets of the two rooms as folders of numpy's files, written as they are drawn.

``dots.npy`` uint8 ``(many, time, 65, 65)`` and ``walls.npy`` uint8 ``(many, 65, 65)`` are the two
channels of the frames: walls stand still, so they are kept once a trajectory. ``controls.npy`` is
float32 ``(many, time - 1, 2)``. ``truth/`` has what only scoring may read: ``positions.npy``,
float32 ``(many, time, 2)``, and ``layouts.npy``, int32 ``(many, 2)``: wall column and door row.
"""

import tomllib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tomli_w
from jaxtyping import Float32, UInt8

from ...envs.two_rooms import SIZE_PX, dot_pictures, wall_pictures
from ..learning.errors import DatasetError
from .sets import SETS, stream

_FORMAT = "jopa-agent two-rooms 1"
_PAGE, _TRUTH = "dataset.toml", "truth"
_FRAME = (SIZE_PX, SIZE_PX)
_DRAWS = 16  # of a part: so many times are frames drawn, and written


class FrameSet(NamedTuple):
    """A dataset as a learner may see it, read from disk where it is looked at."""

    dots: UInt8[np.ndarray, "many time height width"]
    walls: UInt8[np.ndarray, "many height width"]
    controls: Float32[np.ndarray, "many time-1 2"]

    def frames(self, rows: Any) -> UInt8[np.ndarray, "some time height width 2"]:
        """The whole frames of some trajectories."""
        dots = np.asarray(self.dots[rows])
        walls = np.broadcast_to(np.asarray(self.walls[rows])[:, None], dots.shape)
        return np.stack([dots, walls], axis=-1)


def write_set(
    name: str, count: int, seed: int, folder: Path, progress: Callable[[int], None] | None = None
) -> None:
    """Draw ``count`` trajectories of the set ``name`` into ``folder``, part by part.

    ``progress`` is called with the frames written so far. Raises :class:`DatasetError` where the
    folder cannot be written.
    """
    time = SETS[name].frames
    shapes = {
        folder / "dots.npy": (np.uint8, (count, time, *_FRAME)),
        folder / "walls.npy": (np.uint8, (count, *_FRAME)),
        folder / "controls.npy": (np.float32, (count, time - 1, 2)),
        folder / _TRUTH / "positions.npy": (np.float32, (count, time, 2)),
        folder / _TRUTH / "layouts.npy": (np.int32, (count, 2)),
    }
    page = {"format": _FORMAT, "set": name, "trajectories": count, "seed": seed}
    try:
        (folder / _TRUTH).mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            dots, walls, controls, positions, layouts = (
                stack.enter_context(_Growing(path, *each)) for path, each in shapes.items()
            )
            done = 0
            for walks in stream(name, count, seed):
                controls.add(walks.controls)
                positions.add(walks.positions)
                layouts.add(np.stack(walks.layout, axis=-1))
                walls.add(wall_pictures(walks.layout))
                for some in np.array_split(walks.positions, _DRAWS):
                    dots.add(dot_pictures(some))
                    done += len(some)
                    if progress:
                        progress(done * time)
        (folder / _PAGE).write_text(tomli_w.dumps(page), "utf-8")
    except OSError as error:
        raise DatasetError(f"dataset {str(folder)!r} cannot be written: {error}") from None


def read_frames(folder: Path) -> FrameSet:
    """The frames and controls in ``folder``; :class:`DatasetError` unless they are sound."""
    page = _page(folder)
    time = SETS[page["set"]].frames
    many = page["trajectories"]
    return FrameSet(
        _read(folder / "dots.npy", np.uint8, (many, time, *_FRAME)),
        _read(folder / "walls.npy", np.uint8, (many, *_FRAME)),
        _read(folder / "controls.npy", np.float32, (many, time - 1, 2)),
    )


def read_positions(folder: Path) -> Float32[np.ndarray, "many time 2"]:
    """The true positions that belong to the dataset in ``folder``, for scoring alone."""
    page = _page(folder)
    shape = (page["trajectories"], SETS[page["set"]].frames, 2)
    return _read(folder / _TRUTH / "positions.npy", np.float32, shape)


def _page(folder: Path) -> dict[str, Any]:
    try:
        page = tomllib.loads((folder / _PAGE).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DatasetError(
            f"dataset {str(folder)!r} cannot be read ({error}): make it with 'jopa-agent collect "
            "two-rooms'"
        ) from None
    sound = page.get("set") in SETS and isinstance(page.get("trajectories"), int)
    if page.get("format") != _FORMAT or not sound:
        raise DatasetError(
            f"dataset {str(folder)!r} is not of the format {_FORMAT!r}: make it with 'jopa-agent "
            "collect two-rooms'"
        )
    return page


class _Growing:
    """A file of numpy's that is written from front to back; none of it stays in memory."""

    def __init__(self, path: Path, dtype: type, shape: tuple[int, ...]) -> None:
        self._file = path.open("wb")
        self._dtype = np.dtype(dtype)
        head = {"descr": self._dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, head)

    def __enter__(self) -> "_Growing":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, rows: np.ndarray) -> None:
        """Write the next rows."""
        self._file.write(np.ascontiguousarray(rows, self._dtype).data)


def _read(path: Path, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DatasetError(f"dataset file {str(path)!r} cannot be read: {error}") from None
    if values.dtype != dtype or values.shape != shape:
        raise DatasetError(
            f"dataset file {str(path)!r} has {values.dtype} {values.shape}, its page says "
            f"{np.dtype(dtype)} {shape}: make it again"
        )
    return values
