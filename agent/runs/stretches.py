"""The frames and controls of a recorded run, in stretches without a gap."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...transport.messages import Frame
from .recorded import RecordedRun


@dataclass(frozen=True)
class Stretch:
    """Frames uint8 ``(T, height, width, channels)`` of ticks in a row; ``controls[t]`` ``(T-1, p)``
    acted between frame ``t`` and the next. ``ticks`` int64 ``(T,)``."""

    frames: np.ndarray
    controls: np.ndarray
    ticks: np.ndarray


def stretches(run: RecordedRun) -> Iterator[Stretch]:
    """All frames of ``run``, cut where one is missing or the body begins anew."""
    kept: list[tuple[int, Frame]] = []
    for recorded in run.messages(["frame"]):
        assert isinstance(recorded.message, Frame)
        tick, frame = recorded.header.tick, recorded.message
        if kept and (tick != kept[-1][0] + 1 or frame.episode != kept[-1][1].episode):
            yield _stretch(kept)
            kept = []
        kept.append((tick, frame))
    if kept:
        yield _stretch(kept)


def _stretch(kept: list[tuple[int, Frame]]) -> Stretch:
    frames = [frame for _, frame in kept]
    controls = [frame.control for frame in frames[1:]]
    size = len(frames[0].control)
    return Stretch(
        np.stack([frame.image for frame in frames]),
        np.array(controls, np.float32).reshape(-1, size),
        np.array([tick for tick, _ in kept], np.int64),
    )
