"""What a recorded run holds, in words."""

from collections import Counter
from datetime import datetime

from ...transport.clock import NS_PER_S
from ...transport.messages import Belief, Frame, Goal
from ..runs.recorded import RecordedRun


def describe(run: RecordedRun) -> list[str]:
    """Lines for a person; those are missing that take what another version has written."""
    counts: Counter[str] = Counter()
    first_tick, last_tick, distance = None, -1, None
    episodes: set[int] = set()
    goals: list[str] = []
    told = {"frame", "belief", "goal"} - run.recording.foreign
    for raw in run.recording.raw():
        counts[raw.stream] += 1
        if raw.stream not in told:
            continue
        recorded = raw.read()
        match recorded.message:
            case Frame(episode=episode):
                first_tick = recorded.header.tick if first_tick is None else first_tick
                last_tick = recorded.header.tick
                episodes.add(episode)
            case Belief(distance=away):
                distance = away
            case Goal(name=name) if not goals or goals[-1] != name:
                goals.append(name)
    launch, recording = run.launch, run.recording
    how = launch.settings.run
    size = sum(file.stat().st_size for file in recording.files)
    offset = int(recording.notes["clock_offset_ns"])
    lines = [
        f"body      {launch.body.name}, {how.clock}, seed {how.seed}",
        f"model     {launch.model}",
        f"goal      {', '.join([how.goal, *goals])}",
    ]
    if span := recording.span_ns:
        first_ns, last_ns = span
        began = datetime.fromtimestamp((first_ns + offset) / NS_PER_S)
        lines.append(
            f"began     {began:%Y-%m-%d %H:%M:%S}, {(last_ns - first_ns) / NS_PER_S:.1f} s"
        )
    if first_tick is not None:
        lines.append(f"ticks     {first_tick} to {last_tick}, {len(episodes)} episodes")
    if distance is not None:
        lines.append(f"distance  {distance:.3f} at last (latent)")
    lines.append("messages  " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    cut = ", cut off before its end" if recording.cut_off else ""
    lines.append(f"size      {size / 2**20:.2f} MiB in {len(recording.files)} files{cut}")
    return lines
