"""Bodies by name."""

from .body import Body
from .camera import Camera
from .pendulum import Pendulum
from .physics import read_physics

_BODIES = {"pendulum": Pendulum}


def names() -> tuple[str, ...]:
    """The names that :func:`make_body` knows."""
    return tuple(_BODIES)


def make_body(name: str, camera: Camera, physics: str = "") -> Body:
    """The body called ``name``, with other constants of its ``physics`` where they are given.

    Raises ``ValueError`` for a name, or for physics, that are not known.
    """
    if name not in _BODIES:
        raise ValueError(f"unknown environment {name!r}: choose from {', '.join(_BODIES)}")
    return _BODIES[name](camera, read_physics(physics))
