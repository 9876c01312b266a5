"""The physics of Gymnasium's Pendulum-v1, with its constants free."""

import math
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True)
class PendulumPhysics:
    """A rod that turns about one end: ``mass`` in kg, ``length`` in m, ``gravity`` in m/s²;
    torque up to ``limit`` N·m for ``period_s``; its speed stops at ``top_speed`` rad/s."""

    mass: float = 1.0
    length: float = 1.0
    gravity: float = 10.0
    limit: float = 2.0
    period_s: float = 0.05
    top_speed: float = 8.0

    def moved(self, angle: Any, speed: Any, torque: Any) -> tuple[Any, Any]:
        """Angle (rad, 0 upright) and speed (rad/s) one period later, as jax arrays: semi-implicit
        Euler."""
        import jax.numpy as jnp

        pull = 1.5 * self.gravity / self.length * jnp.sin(angle)
        turn = 3 * torque / (self.mass * self.length**2)
        speed = jnp.clip(speed + (pull + turn) * self.period_s, -self.top_speed, self.top_speed)
        return angle + speed * self.period_s, speed

    def cost(self, angle: Any, speed: Any, torque: Any) -> Any:
        """What one step costs: less the reward of Pendulum-v1."""
        return wrapped(angle) ** 2 + 0.1 * speed**2 + 0.001 * torque**2


def wrapped(angle: Any) -> Any:
    """``angle`` (rad, numbers or arrays) turned to -π ... π."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


def read_physics(text: str) -> PendulumPhysics:
    """Understand ``mass=1.3,length=0.9,gravity=8``, in any order; "" is the usual physics.

    Raises ValueError for anything else.
    """
    usual = PendulumPhysics()
    known = [field.name for field in fields(usual)]
    given = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, number = (each.strip() for each in part.partition("="))
        if name not in known:
            raise ValueError(
                f"physics {part!r} names no constant: give some of {', '.join(known)}, "
                "as in mass=1.3,length=0.9"
            )
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0) or name in given:
            raise ValueError(f"physics {part!r} is no constant: give each once, above 0")
        given[name] = value
    return replace(usual, **given)
