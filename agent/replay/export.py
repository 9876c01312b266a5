"""Recorded runs as files that other programs read."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...transport.clock import NS_PER_S
from ...transport.messages import Belief, Command, Frame, Plan
from ...transport.recording import RecordingError
from ..output import OutputError, check_writable
from ..runs.recorded import RecordedRun
from ..runs.stretches import stretches

_GIF_PERIOD_S = 0.1
_COLOURS = 64


def to_npz(run: RecordedRun, file: Path) -> int:
    """Write frames, controls, beliefs and stamps as arrays, one row a frame; returns their number.

    ``frame`` uint8 ``(T, height, width, channels)``, ``tick``, ``episode``, ``captured_ns`` and
    ``applied_ns`` int64 ``(T,)``, ``control`` float32 ``(T, p)``: what led to the frame;
    ``plan`` ``(T, p)``: the first control planned from it; ``belief_mean``, ``belief_std``
    ``(T, n)``, ``goal`` ``(T, d)``, ``distance``, ``surprise``, ``free_energy``; ``origin``: where
    the control came from (0 safe, 1 plan, 2 older plan). NaN, or -1, where a frame led to nothing.
    """
    check_writable(file)
    frames: list[tuple[int, int, Frame]] = []
    beliefs: dict[int, Belief] = {}
    plans: dict[int, Plan] = {}
    origins: dict[int, int] = {}
    for recorded in run.messages(["frame"], ["belief", "plan", "command"]):
        tick = recorded.header.tick
        match recorded.message:
            case Frame() as frame:
                frames.append((tick, recorded.header.stamp_ns, frame))
            case Belief() as belief:
                beliefs[tick] = belief
            case Plan() as plan:
                plans[tick] = plan
            case Command() as command:
                origins[tick] = int(command.origin)
    ticks = [tick for tick, _, _ in frames]
    if not frames:
        raise RecordingError("the recording holds no frame")
    columns = {
        "tick": np.array(ticks, np.int64),
        "frame": np.stack([frame.image for _, _, frame in frames]),
        "control": np.stack([frame.control for _, _, frame in frames]),
        "episode": np.array([frame.episode for _, _, frame in frames], np.int64),
        "captured_ns": np.array([stamp for _, stamp, _ in frames], np.int64),
        "applied_ns": np.array([frame.applied_ns for _, _, frame in frames], np.int64),
        "origin": np.array([origins.get(tick, -1) for tick in ticks], np.int8),
        "plan": _rows(ticks, {tick: plan.controls[0] for tick, plan in plans.items()}),
        "free_energy": _rows(ticks, {tick: plan.free_energy for tick, plan in plans.items()}),
    }
    names = {"mean": "belief_mean", "std": "belief_std"}
    for name in ("mean", "std", "goal", "distance", "surprise"):
        values = {tick: getattr(belief, name) for tick, belief in beliefs.items()}
        columns[names.get(name, name)] = _rows(ticks, values)
    try:
        with file.open("wb") as stream:
            np.savez_compressed(stream, **columns)
    except OSError as error:
        raise OutputError(f"cannot write {str(file)!r}: {error.strerror}") from None
    return len(frames)


def to_gif(run: RecordedRun, file: Path) -> int:
    """Write the viewer's picture of the run as a GIF, ten pictures a second of the body's time;
    returns their number."""
    from ..viewer.film import pictures

    check_writable(file)
    every, period_s = _every(run)
    colours = [
        Image.fromarray(picture).quantize(_COLOURS, dither=Image.Dither.NONE)
        for picture in pictures(run, every)
    ]
    if not colours:
        raise RecordingError("the recording holds no belief to show")
    duration_ms = round(1000 * every * period_s)
    try:
        colours[0].save(
            file, "gif", save_all=True, append_images=colours[1:], duration=duration_ms, loop=0
        )
    except OSError as error:
        raise OutputError(f"cannot write {str(file)!r}: {error.strerror}") from None
    return len(colours)


def to_mp4(run: RecordedRun, file: Path) -> int:
    """Write the viewer's picture of the run as H.264, every frame; returns their number.

    Raises :class:`OutputError` without the extra ``video``.
    """
    try:
        import imageio_ffmpeg
    except ImportError:
        raise OutputError(
            "MP4 needs ffmpeg: install it with pip install 'jopa-agent[video]', or export a GIF"
        ) from None
    from ..viewer.film import pictures
    from ..viewer.layout import SIZE

    check_writable(file)
    rate: Any = 1 / run.launch.body.period_s  # ffmpeg takes fractions, too
    writer = imageio_ffmpeg.write_frames(str(file), SIZE, fps=rate, macro_block_size=1)
    writer.send(None)
    count = 0
    try:
        for picture in pictures(run, 1):
            writer.send(np.ascontiguousarray(picture))
            count += 1
    except OSError as error:
        raise OutputError(f"cannot write {str(file)!r}: {error}") from None
    finally:
        writer.close()
    return count


def to_minari(run: RecordedRun, name: str) -> int:
    """Make the Minari dataset ``name`` (such as ``pendulum/run-v0``) where Minari keeps them, with
    lossless frames, an episode for each stretch without a gap; returns the number of frames.

    Rewards are zero: the agent has none. Raises :class:`OutputError` without the extra ``minari``.
    """
    try:
        import minari
        from minari.data_collector import EpisodeBuffer
    except ImportError:
        raise OutputError(
            "Minari is not installed: pip install 'jopa-agent[minari]', or export to --npz"
        ) from None
    from gymnasium.spaces import Box

    body = run.launch.body
    buffers, count = [], 0
    for stretch in stretches(run):
        steps = len(stretch.controls)
        if not steps:
            continue
        count += len(stretch.frames)
        ends = [False] * (steps - 1) + [True]
        buffers.append(
            EpisodeBuffer(
                id=len(buffers), seed=run.launch.settings.run.seed,
                observations=list(stretch.frames), actions=list(stretch.controls),
                rewards=[0.0] * steps, terminations=[False] * steps, truncations=ends,
            )
        )  # fmt: skip
    if not buffers:
        raise RecordingError("the recording holds no two frames in a row")
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # of what is optional
            minari.create_dataset_from_buffers(
                name, buffers,
                action_space=Box(body.control_low, body.control_high),
                observation_space=Box(0, 255, body.frame_shape, np.uint8),
                description=f"{body.name}, driven by jopa-agent", jpeg_encoding=False,
                requirements=["jopa-agent"],
            )  # fmt: skip
    except ValueError as error:
        raise OutputError(f"Minari cannot make {name!r}: {error}") from None
    return count


def to_rerun(run: RecordedRun, file: Path) -> int:
    """Write a Rerun recording: camera, beliefs, controls and timing along ticks and seconds;
    returns the number of frames. Raises :class:`OutputError` without the extra ``rerun``."""
    try:
        import rerun as rr  # type: ignore[import-not-found]
    except ImportError:
        raise OutputError(
            "Rerun is not installed: pip install 'jopa-agent[rerun]', or export to --npz"
        ) from None
    check_writable(file)
    sink = rr.RecordingStream("jopa-agent")
    sink.save(file)
    sink.log("goal", rr.Image(_gray(run.launch.goal)), static=True)
    count, first_ns = 0, None
    for recorded in run.messages(["frame"], ["belief", "plan"]):
        header, message = recorded.header, recorded.message
        first_ns = header.stamp_ns if first_ns is None else first_ns
        sink.set_time("tick", sequence=header.tick)
        sink.set_time("time", duration=(header.stamp_ns - first_ns) / NS_PER_S)
        match message:
            case Frame():
                count += 1
                sink.log("camera", rr.Image(_gray(message.image)))
                sink.log("control", rr.Scalars(message.control))
            case Belief():
                sink.log("belief/mean", rr.Scalars(message.mean))
                sink.log("belief/std", rr.Scalars(message.std))
                sink.log("distance", rr.Scalars(message.distance))
                sink.log("surprise", rr.Scalars(message.surprise))
            case Plan():
                sink.log("free_energy", rr.Scalars(message.free_energy))
                sink.log("ms/filter", rr.Scalars(message.filter_ms))
                sink.log("ms/plan", rr.Scalars(message.plan_ms))
    sink.flush()
    return count


def _gray(image: np.ndarray) -> np.ndarray:
    """A picture of one channel without that axis."""
    return image[:, :, 0] if image.shape[2] == 1 else image


def _every(run: RecordedRun) -> tuple[int, float]:
    period_s = run.launch.body.period_s
    return max(1, round(_GIF_PERIOD_S / period_s)), period_s


def _rows(ticks: list[int], values: dict) -> np.ndarray:
    """A row for each tick; NaN where there is no value."""
    shape = np.shape(next(iter(values.values()))) if values else ()
    nothing = np.full(shape, np.nan, np.float32)
    return np.array([values.get(tick, nothing) for tick in ticks], np.float32)
