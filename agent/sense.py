"""``jopa-agent sense``: whatever prints numbers, a line for each reading, becomes a sensor."""

import math
import sys
from collections.abc import Iterable

from ..transport.sensor import Sensor


def sense(
    lines: Iterable[str],
    address: str,
    name: str,
    size: int,
    rate_hz: float,
    units: str,
    server_key: str = "",
    keys: str = "",
) -> str:
    """Send each of ``lines`` as a reading at the moment that it comes; says at the end how many.

    A line that is not ``size`` finite numbers is told of and left out. Raises as
    :class:`~jopa_agent.transport.Sensor` does.
    """
    with Sensor(address, name, size, rate_hz, units, server_key, keys) as sensor:
        _tell(f"{name} is attached to {address}")
        attached = True
        for line in lines:
            if (value := _numbers(line, size)) is None:
                _tell(f"left out: {line.strip()[:60]!r} is not {size} finite numbers")
                continue
            sensor.send(value)
            if sensor.attached != attached:
                attached = sensor.attached
                _tell("attached again" if attached else "the agent is gone: waiting for it")
        return f"{sensor.sent} readings sent, {sensor.lost} lost"


def _numbers(line: str, size: int) -> list[float] | None:
    try:
        value = [float(word) for word in line.replace(",", " ").split()]
    except ValueError:
        return None
    return value if len(value) == size and all(map(math.isfinite, value)) else None


def _tell(text: str) -> None:
    print(f"jopa-agent: {text}", file=sys.stderr, flush=True)
