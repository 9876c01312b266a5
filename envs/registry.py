"""Bodies by name."""

from .body import Body
from .camera import Camera
from .pendulum import Pendulum

_BODIES = {"pendulum": Pendulum}


def names() -> tuple[str, ...]:
    """The names that :func:`make_body` knows."""
    return tuple(_BODIES)


def make_body(name: str, camera: Camera) -> Body:
    """The body called ``name``; raises ``ValueError`` for a name that is not known."""
    if name not in _BODIES:
        raise ValueError(f"unknown environment {name!r}: choose from {', '.join(_BODIES)}")
    return _BODIES[name](camera)
