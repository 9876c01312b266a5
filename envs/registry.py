"""Bodies by name."""

import re
from collections.abc import Callable

from .body import Body
from .camera import Camera
from .delayed import Delayed
from .gym_body import GymBody

# The modules of bodies are imported when one is made: some take longer than a whole start without.


def _pendulum(camera: Camera, physics: str) -> Body:
    from .pendulum import Pendulum
    from .physics import read_physics

    return Pendulum(camera, read_physics(physics))


def _two_rooms(camera: Camera, physics: str) -> Body:
    from .two_rooms_body import TwoRoomsBody

    del camera  # it sees its frames as they are
    return TwoRoomsBody(physics)


def _line(camera: Camera, physics: str) -> Body:
    from .line_body import LineBody

    if physics:
        raise ValueError(f"physics {physics!r} cannot be set in 'lineworld': it has none")
    return LineBody(camera)


_BODIES: dict[str, Callable[[Camera, str], Body]] = {
    "pendulum": _pendulum,
    "lineworld": _line,
    "two-rooms": _two_rooms,
}


def names() -> tuple[str, ...]:
    """The names of the bodies that come with the package."""
    return tuple(_BODIES)


def is_environment(name: str) -> bool:
    """Whether ``name`` is meant as one of Gymnasium's own names, or as ``module:EnvId``."""
    return ":" in name or bool(re.search(r"-v\d+$", name))


def make_body(
    name: str,
    camera: Camera,
    physics: str = "",
    delay: tuple[int, int] = (0, 0),
    frame_skip: int = 1,
) -> Body:
    """The body called ``name``, with other constants of its ``physics`` where they are given, and
    with frames and controls late by ``delay`` ticks. A tick lasts ``frame_skip`` steps of an
    environment of Gymnasium's.

    Raises ``ValueError`` for a name, or for physics, that are not known, and for a ``frame_skip``
    of another body.
    """
    if is_environment(name):
        if physics:
            raise ValueError(
                f"physics {physics!r} cannot be set in {name!r}: only the pendulum's can; make an "
                "environment of its own with them"
            )
        body: Body = GymBody(name, camera, frame_skip)
    elif name in _BODIES and frame_skip != 1:
        raise ValueError(f"frame_skip is {frame_skip}: a tick of {name!r} is one step; leave it 1")
    elif name in _BODIES:
        body = _BODIES[name](camera, physics)
    else:
        raise ValueError(
            f"unknown environment {name!r}: choose from {', '.join(_BODIES)}, or give one of "
            "Gymnasium's as module:EnvId"
        )
    return Delayed(body, *delay) if any(delay) else body
