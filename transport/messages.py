"""The messages that the processes exchange, one type a stream.

Every message travels behind a :class:`Header`. Identifiers are add-only, and one that has been
taken back (10) is not used again: a message whose fields change keeps its identifier and gets
another schema hash, which receivers of the old one refuse.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, ClassVar

import numpy as np

from .schema import Array

FIRST_EPOCH = 1
"""Goal epoch of the goal that a run begins with."""


@dataclass(frozen=True)
class Header:
    """What precedes every message.

    ``stamp_ns`` is on the monotonic clock: of a frame, the moment after its render; of a plan and
    a belief, that of the frame they were computed from; of all others, the moment of sending.
    ``tick`` and ``epoch`` (goal epoch) are -1 and 0 where they have no meaning.
    """

    source: int
    sequence: int
    stamp_ns: int
    tick: int = -1
    epoch: int = 0


@dataclass(frozen=True, eq=False)
class Frame:
    """Frame ``k``: what the camera saw right after step ``k``.

    ``control`` is what the body was really given in that step (zeros in the first frame of an
    episode), and ``applied_ns`` the moment that the step began. ``episode`` rises with every new
    beginning of the body, which no control led to.
    """

    ID: ClassVar[int] = 1
    image: Annotated[np.ndarray, Array("uint8", "height", "width", "channels")]
    control: Annotated[np.ndarray, Array("float32", "control")]
    applied_ns: int
    episode: int


@dataclass(frozen=True, eq=False)
class Plan:
    """Controls for the ticks ``k+1 ... k+horizon``, computed from frame ``k`` (header's tick),
    which inference took up at ``received_ns``.
    """

    ID: ClassVar[int] = 2
    controls: Annotated[np.ndarray, Array("float32", "horizon", "control")]
    received_ns: int
    filter_ms: float
    plan_ms: float
    free_energy: float


@dataclass(frozen=True, eq=False)
class Belief:
    """The belief over the latent state after frame ``k``, and the beliefs that the plan leads to.

    ``goal`` is the pose that the goal's picture encodes to; ``distance`` is the belief's distance
    to it; ``surprise`` is the one-step prediction error in standard deviations.
    """

    ID: ClassVar[int] = 3
    mean: Annotated[np.ndarray, Array("float32", "state")]
    std: Annotated[np.ndarray, Array("float32", "state")]
    planned_mean: Annotated[np.ndarray, Array("float32", "horizon", "state")]
    planned_std: Annotated[np.ndarray, Array("float32", "horizon", "state")]
    goal: Annotated[np.ndarray, Array("float32", "pose")]
    distance: float
    surprise: float


class Origin(IntEnum):
    """Where a command came from."""

    SAFE = 0  # the configured safe control: no valid plan covered the tick
    PLAN = 1  # the plan from the frame of the tick before
    OLDER_PLAN = 2  # a plan from an earlier frame that covers the tick


@dataclass(frozen=True, eq=False)
class Command:
    """The control for tick ``k+1`` (header's tick); ``frame_stamp_ns``: the plan's frame, or 0."""

    ID: ClassVar[int] = 4
    control: Annotated[np.ndarray, Array("float32", "control")]
    origin: Origin
    frame_stamp_ns: int


@dataclass(frozen=True, eq=False)
class Goal:
    """A picture to reach; the header's epoch rises with every new one."""

    ID: ClassVar[int] = 5
    image: Annotated[np.ndarray, Array("uint8", "height", "width", "channels")]
    name: str


@dataclass(frozen=True, eq=False)
class Truth:
    """The body's true state after step ``k``, for scoring only."""

    ID: ClassVar[int] = 6
    state: Annotated[np.ndarray, Array("float64", "state")]
    reward: float


class State(IntEnum):
    """How far a process has come."""

    STARTING = 0
    READY = 1
    RUNNING = 2
    DONE = 3  # it has no more to do, and the run may end
    STOPPED = 4  # it was told to stop, and this is its last word
    FAILED = 5  # it cannot go on, for the reason in ``note``


@dataclass(frozen=True, eq=False)
class Health:
    """What a process tells the supervisor; counts are since its start.

    The header's tick is the newest of its input that it has handled. ``lateness_ms`` is the worst
    of the last report period.
    """

    ID: ClassVar[int] = 7
    state: State
    note: str
    missed_deadlines: int
    late_plans: int
    stale_plans: int
    invalid_plans: int
    dropped_frames: int
    malformed: int
    lateness_ms: float


@dataclass(frozen=True, eq=False)
class Start:
    """The supervisor's word to begin; the deadline of tick ``k`` is ``t0_ns + k * period_ns``.

    With ``realtime`` false there are no deadlines: each stage waits for its input. ``tick`` is the
    first one that is left to do: more than 0 for a process that takes the place of another.
    """

    ID: ClassVar[int] = 8
    t0_ns: int
    period_ns: int
    realtime: bool
    tick: int


@dataclass(frozen=True, eq=False)
class Stop:
    """The supervisor's word to end."""

    ID: ClassVar[int] = 9


class Role(IntEnum):
    """What a peer may do."""

    SENSOR = 1  # send readings
    VIEWER = 2  # see the streams, and set goals
    OBSERVER = 3  # see the streams


class Kind(IntEnum):
    """What a sensor sends."""

    NOTHING = 0  # a viewer or an observer
    VECTOR = 1
    FRAME = 2


@dataclass(frozen=True, eq=False)
class Join:
    """A peer's first word to the gateway: who it is, and what it will send."""

    ID: ClassVar[int] = 11
    role: Role
    name: str
    kind: Kind
    shape: Annotated[np.ndarray, Array("int64", "axes")]
    rate_hz: float
    units: str


@dataclass(frozen=True, eq=False)
class Answer:
    """The gateway's answer: whether the peer may go on, why not, and whether to try ``again``."""

    ID: ClassVar[int] = 12
    accepted: bool
    reason: str
    again: bool


@dataclass(frozen=True, eq=False)
class Scene:
    """What a viewer or an observer has to know of the body."""

    ID: ClassVar[int] = 13
    body: str
    period_s: float
    control_low: Annotated[np.ndarray, Array("float32", "control")]
    control_high: Annotated[np.ndarray, Array("float32", "control")]


@dataclass(frozen=True, eq=False)
class Ping:
    """The gateway asks what time it is at a peer; ``sent_ns`` is on the gateway's clock."""

    ID: ClassVar[int] = 14
    sent_ns: int


@dataclass(frozen=True, eq=False)
class Pong:
    """A peer's answer: the ``sent_ns`` of the question, and its own clock when it came."""

    ID: ClassVar[int] = 15
    sent_ns: int
    received_ns: int


@dataclass(frozen=True, eq=False)
class Reading:
    """What a remote sensor measured at the header's stamp: on its own clock from the sensor to
    the gateway, on the host's clock from there on."""

    ID: ClassVar[int] = 16
    sensor: str
    value: Annotated[np.ndarray, Array("float32", "value")]


@dataclass(frozen=True, eq=False)
class Sighting:
    """A picture by a remote camera; its stamp is as that of a :class:`Reading`."""

    ID: ClassVar[int] = 17
    sensor: str
    image: Annotated[np.ndarray, Array("uint8", "height", "width", "channels")]


class Presence(IntEnum):
    """How it stands with a peer."""

    LIVE = 0
    SILENT = 1  # a sensor that has sent nothing for three periods
    GONE = 2
    CUT_OFF = 3  # for what it has sent
    REFUSED = 4  # it wanted to join


@dataclass(frozen=True, eq=False)
class Peer:
    """What the gateway knows of one peer. ``offset_ms``: its clock less the host's, ``delay_ms``:
    there and back; ``rate_hz`` of late; counts are since it joined. ``note`` has the causes of
    refusals, or why it was not let in."""

    ID: ClassVar[int] = 18
    name: str
    role: Role
    presence: Presence
    rate_hz: float
    offset_ms: float
    delay_ms: float
    accepted: int
    refused: int
    note: str


@dataclass(frozen=True, eq=False)
class Fused:
    """Which readings and sightings inference has heard of since the tick before the header's: the
    sequence numbers of the first and the last of each, -1 where there was none. ``late`` counts
    those that were too old for any belief that it still had.
    """

    ID: ClassVar[int] = 19
    first_reading: int
    last_reading: int
    first_sighting: int
    last_sighting: int
    late: int


@dataclass(frozen=True, eq=False)
class Imagined:
    """What inference sees before its inner eye after frame ``k`` (header's tick), some times a
    second: the frame that its belief leads to, and those that its plan leads to.

    ``spread`` is by how much each pixel of ``believed`` may be off, at two standard deviations of
    the believed pose. ``future`` are the frames of the ticks ``k + ahead``.
    """

    ID: ClassVar[int] = 20
    believed: Annotated[np.ndarray, Array("uint8", "height", "width", "channels")]
    spread: Annotated[np.ndarray, Array("uint8", "height", "width", "channels")]
    future: Annotated[np.ndarray, Array("uint8", "frames", "height", "width", "channels")]
    ahead: Annotated[np.ndarray, Array("int64", "frames")]


@dataclass(frozen=True, eq=False)
class Offer:
    """Goals to choose from, spread over what the body can show: their pictures, their names, a
    line each, and whether the model can hold the body there (1), or only pass (0)."""

    ID: ClassVar[int] = 21
    images: Annotated[np.ndarray, Array("uint8", "goals", "height", "width", "channels")]
    names: str
    can_be_held: Annotated[np.ndarray, Array("uint8", "goals")]


class Do(IntEnum):
    """What a person may order."""

    PAUSE = 0
    RESUME = 1
    STEP = 2  # one tick, then pause
    RESET = 3  # the body begins anew
    SPEED = 4  # ``value`` times as fast as the body's own time
    PLANNER = 5  # ``value`` 0: play the safe control; 1: plans again
    LEARN = 6  # ``value`` 0 or 1, from the header's tick on
    RECORD = 7  # ``value`` 0 or 1
    GOAL = 8  # ``text`` as --goal takes it, under the header's epoch


@dataclass(frozen=True, eq=False)
class Order:
    """A person's order to the processes of a run."""

    ID: ClassVar[int] = 22
    what: Do
    value: float
    text: str


@dataclass(frozen=True, eq=False)
class Push:
    """A person drags at the body: ``force`` acts at ``place`` in the next step, and no longer.

    Both are in halves of the camera's picture, to the right and down, ``place`` from its middle;
    the body makes newtons of them.
    """

    ID: ClassVar[int] = 23
    place: Annotated[np.ndarray, Array("float32", "two")]
    force: Annotated[np.ndarray, Array("float32", "two")]


@dataclass(frozen=True, eq=False)
class Pace:
    """How the ticks go by from the header's tick on, as in :class:`Start`; while ``paused`` they do
    not. ``speed`` is that against the body's own time."""

    ID: ClassVar[int] = 24
    t0_ns: int
    period_ns: int
    paused: bool
    speed: float


@dataclass(frozen=True, eq=False)
class Status:
    """What the supervisor knows of one process: ``lost`` while another takes its place, ``note``
    what it says, or what is wrong with it."""

    ID: ClassVar[int] = 25
    process: str
    state: State
    lost: bool
    restarts: int
    note: str


Message = (
    Frame
    | Plan
    | Belief
    | Command
    | Goal
    | Truth
    | Health
    | Start
    | Stop
    | Join
    | Answer
    | Scene
    | Ping
    | Pong
    | Reading
    | Sighting
    | Peer
    | Fused
    | Imagined
    | Offer
    | Order
    | Push
    | Pace
    | Status
)

STREAMS: dict[str, type] = {
    "frame": Frame,
    "plan": Plan,
    "belief": Belief,
    "command": Command,
    "goal": Goal,
    "truth": Truth,
    "reading": Reading,
    "sighting": Sighting,
    "peer": Peer,
    "fused": Fused,
    "imagined": Imagined,
    "offer": Offer,
    "order": Order,
    "push": Push,
    "pace": Pace,
    "status": Status,
}
"""What is published, by name."""
