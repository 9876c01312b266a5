"""The processes of the agent, as data: what each reads and writes, and when it is part of a run."""

from collections.abc import Callable
from dataclasses import dataclass

from ...configs.settings import Settings


@dataclass(frozen=True)
class Process:
    """One process: ``module`` (relative to this package) has ``main(child: Child) -> None``.

    ``reads`` and ``writes`` name streams of :data:`jopa_agent.transport.messages.STREAMS`;
    ``niceness`` lets those that control the body go first. One that starts slowly has a ``spare``:
    in real time a second process stands by, ready to take its place. ``patience`` is how many times
    longer than others it may be silent. Without one that is ``optional`` the run goes on; one that
    is ``seen`` starts before the others, for which somebody waits.
    """

    name: str
    module: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    wanted: Callable[[Settings], bool] = lambda settings: True  # noqa: ARG005
    niceness: int = 0
    spare: bool = False
    patience: float = 1.0
    optional: bool = False
    seen: bool = False


_SHOWN = ("frame", "belief", "plan", "command", "goal", "imagined", "offer", "pace", "status")

SENSING = Process(
    "sensing",
    ".sensing",
    reads=("command", "order", "push"),
    writes=("frame", "truth", "pace", "goal"),
)
INFERENCE = Process(
    "inference",
    ".inference",
    reads=("frame", "goal", "order", "reading", "sighting"),
    writes=("plan", "belief", "fused", "imagined", "offer"),
    spare=True,
)
ACTUATION = Process(
    "actuation", ".actuation", reads=("plan", "goal", "order", "pace"), writes=("command",)
)
VIEWER = Process(
    "viewer",
    "..viewer.window",
    reads=(*_SHOWN, "peer"),
    writes=("goal", "order", "push"),
    wanted=lambda settings: not settings.run.headless,
    niceness=10,
    patience=5.0,  # some systems hold a window up while it is moved
    optional=True,
    seen=True,
)

SUPERVISOR = "supervisor"
"""The name under which the supervisor reads all streams."""

RECORDER = Process(
    "recorder",
    ".recorder",
    reads=(*_SHOWN, "peer", "reading", "sighting", "fused", "order", "push"),
    writes=(),
    wanted=lambda settings: settings.run.record,
    niceness=5,
    patience=5.0,
    optional=True,
)

GATEWAY = Process(
    "gateway",
    ".gateway",
    reads=_SHOWN,
    writes=("goal", "reading", "sighting", "peer"),
    wanted=lambda settings: bool(settings.gateway.listen),
    niceness=5,
    patience=2.0,
    optional=True,
)

PROCESSES = (SENSING, INFERENCE, ACTUATION, VIEWER, RECORDER, GATEWAY)

TOLD = ("status",)
"""Streams that have no socket of their own: the supervisor tells each who reads them."""

PRIVATE = ("truth",)
"""Streams for the supervisor alone: no process may read them, and only their writer is told
where they are."""


def wanted(settings: Settings) -> tuple[Process, ...]:
    """The processes of a run with these settings."""
    return tuple(process for process in PROCESSES if process.wanted(settings))


def open_streams(settings: Settings) -> frozenset[str]:
    """The streams that someone publishes in a run with these settings, the private ones apart."""
    written = {stream for process in wanted(settings) for stream in process.writes}
    return frozenset(written.difference(PRIVATE))


def place(stream: str, writer: Process) -> str:
    """What the socket is called on which ``writer`` publishes: as the stream, but for a stream that
    others publish, too."""
    first = next(process for process in PROCESSES if stream in process.writes)
    return stream if writer is first else f"{stream}.{writer.name}"


def places(stream: str, settings: Settings, but: str = "") -> tuple[str, ...]:
    """Where all write ``stream`` that do so in a run with these settings, one of them left out."""
    return tuple(
        place(stream, process)
        for process in wanted(settings)
        if stream in process.writes and process.name != but
    )
