"""What a recorded run says about a sensor: its readings, each with the belief at its moment."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ...transport.messages import Belief, Frame, Reading
from ...transport.recording import Recorded
from .errors import DatasetError

_UNSURE = 3.0  # times the usual standard deviation of a pose or velocity


class Pairs(NamedTuple):
    """In the order of time: ``states`` ``(N, 2d)``, pose and velocity at the moments of the
    readings ``values`` ``(N, m)``."""

    states: Float[np.ndarray, "N 2d"]
    values: Float[np.ndarray, "N m"]


class _Moments(NamedTuple):
    """Ticks that followed one another: the moments when they began and ended, ``(T,)``, and the
    states and deviations that were believed at the end, ``(T, 2d)``."""

    began_ns: np.ndarray
    ended_ns: np.ndarray
    states: np.ndarray
    stds: np.ndarray


def pairs_of(
    messages: Iterable[Recorded], sensor: str, period_s: float, frames_late: int = 0
) -> Pairs:
    """The readings of ``sensor`` that fall between two beliefs.

    Within a tick the pose moved in a line, as in the filter. The first second of each episode is
    left out, and so are beliefs that are much less sure than usual. Raises :class:`DatasetError`
    where the recording has no such sensor, or its readings are of several sizes.
    """
    frames: dict[int, tuple[int, int]] = {}
    beliefs: dict[int, Belief] = {}
    readings: dict[str, list[tuple[int, np.ndarray]]] = {}
    for recorded in messages:
        tick, stamp_ns = recorded.header.tick, recorded.header.stamp_ns
        match recorded.message:
            case Frame() as frame:
                frames[tick] = stamp_ns, frame.episode
            case Belief() as belief:
                beliefs[tick] = belief
            case Reading() as reading:
                readings.setdefault(reading.sensor, []).append((stamp_ns, reading.value))
    if sensor not in readings:
        there = ", ".join(sorted(readings)) or "none at all"
        raise DatasetError(
            f"no readings of {sensor!r} in the recording: there are those of {there}"
        )
    sizes = sorted({value.shape for _, value in readings[sensor]})
    if len(sizes) > 1:
        raise DatasetError(f"readings of {sensor!r} have the sizes {sizes}: record it again")
    heard = [each for each in readings[sensor] if np.isfinite(each[1]).all()]
    heard.sort(key=lambda each: each[0])
    moments = _moments(frames, beliefs, round(1 / period_s), frames_late)
    values = np.array([value for _, value in heard], np.float64).reshape(-1, *sizes[0])
    return _paired(moments, np.array([stamp for stamp, _ in heard], np.int64), values)


def _moments(
    frames: dict[int, tuple[int, int]], beliefs: dict[int, Belief], skipped: int, late: int
) -> _Moments:
    """Ticks beyond the first ones of an episode; a belief is about a moment some ticks ``late``."""
    begun: dict[int, int] = {}
    for tick in sorted(frames):
        begun.setdefault(frames[tick][1], tick)
    rows = []
    for tick in sorted(beliefs):
        ended, began = frames.get(tick - late), frames.get(tick - late - 1)
        if ended is None or began is None or ended[1] != began[1]:
            continue
        if tick - late - begun[ended[1]] >= skipped and ended[0] > began[0]:
            rows.append((began[0], ended[0], beliefs[tick].mean, beliefs[tick].std))
    if not rows:
        return _Moments(*(np.zeros(0, np.int64),) * 2, *(np.zeros((0, 2)),) * 2)
    began_ns, ended_ns = (np.array([row[i] for row in rows], np.int64) for i in (0, 1))
    means, stds = (np.array([row[i] for row in rows], np.float64) for i in (2, 3))
    both = 2 * (means.shape[1] // 3)
    means, stds = means[:, :both], stds[:, :both]
    sure = (stds <= _UNSURE * np.median(stds, axis=0)).all(1) & np.isfinite(means).all(1)
    return _Moments(began_ns[sure], ended_ns[sure], means[sure], stds[sure])


def _paired(moments: _Moments, stamps: np.ndarray, values: np.ndarray) -> Pairs:
    both = moments.states.shape[1]
    if not len(moments.ended_ns):
        return Pairs(np.zeros((0, both)), values[:0])
    at = np.searchsorted(moments.ended_ns, stamps)
    inside = at < len(moments.ended_ns)
    at = np.minimum(at, len(moments.ended_ns) - 1)
    inside &= stamps > moments.began_ns[at]
    at, stamps, values = at[inside], stamps[inside], values[inside]
    lasted = moments.ended_ns[at] - moments.began_ns[at]
    age = (moments.ended_ns[at] - stamps) / lasted
    states = moments.states[at].copy()
    d = both // 2
    states[:, :d] -= age[:, None] * states[:, d:]
    return Pairs(states, values)
