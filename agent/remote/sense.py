"""``jopa-agent sense``: whatever prints numbers, a line for each reading, becomes a sensor."""

import math
import sys
import threading
from collections.abc import Iterable, Iterator
from queue import SimpleQueue

from ...transport.clock import now_ns
from ...transport.sensor import Sensor


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
    """Send each of ``lines`` as a reading of the moment that it came; says at the end how many.

    What comes before the sensor is attached is lost, as in any gap. A line that is not ``size``
    finite numbers is told of and left out. Raises as :class:`~jopa_agent.transport.Sensor` does.
    """
    stamped = _stamped(lines)
    _tell(f"waiting for the agent at {address}")
    with Sensor(address, name, size, rate_hz, units, server_key, keys) as sensor:
        _tell(f"{name} is attached")
        began_ns, attached = now_ns(), True
        for stamp_ns, line in stamped:
            if stamp_ns < began_ns or not line.strip():
                continue
            if (value := _numbers(line, size)) is None:
                _tell(f"left out: {line.strip()[:60]!r}: a line has {size} finite number(s)")
                continue
            sensor.send(value, stamp_ns)
            if sensor.attached != attached:
                attached = sensor.attached
                why = sensor.reason or "the agent does not answer"
                _tell("attached again" if attached else f"not attached any more: {why}; waiting")
        return f"{sensor.sent} readings sent, {sensor.lost} lost"


def _stamped(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Each line with the moment that it came; they are read from now on, whoever waits for what."""
    come: SimpleQueue[tuple[int, str] | None] = SimpleQueue()

    def read() -> None:
        for line in lines:
            come.put((now_ns(), line))
        come.put(None)

    threading.Thread(target=read, daemon=True).start()
    return iter(come.get, None)


def _numbers(line: str, size: int) -> list[float] | None:
    try:
        value = [float(word) for word in line.replace(",", " ").split()]
    except ValueError:
        return None
    return value if len(value) == size and all(map(math.isfinite, value)) else None


def _tell(text: str) -> None:
    print(f"jopa-agent: {text}", file=sys.stderr, flush=True)
