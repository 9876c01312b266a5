"""A sensor of one's own: a small client that sends readings to a running agent."""

import threading
from collections.abc import Sequence
from types import TracebackType

import numpy as np

from .messages import Join, Kind, Reading, Role, Sighting
from .peer import Peer

_ANSWER_S = 0.005


class Sensor:
    """A remote sensor of a running agent, which has to declare it under the same ``name``::

        with Sensor("tcp://127.0.0.1:5600", "gyro", size=1, rate_hz=100, units="rad/s") as gyro:
            while True:
                gyro.send(read_my_gyro())

    Readings carry the moment that they were taken: now, or ``stamp_ns`` of
    :func:`time.monotonic_ns`. A gap in the connection is bridged by itself; what was measured
    meanwhile is lost. ``sent`` and ``lost`` count readings. All threads may use it.
    """

    def __init__(
        self,
        address: str,
        name: str,
        size: int | Sequence[int] = 1,
        rate_hz: float = 20.0,
        units: str = "",
        server_key: str = "",
        keys: str = "",
        timeout_s: float = 30.0,
    ) -> None:
        """Attach to the gateway at ``address``. ``size`` is the number of values in a reading, or
        the shape ``(height, width, channels)`` of a picture.

        Raises ``ValueError`` for what cannot be used, :class:`PeerError` where the agent is not
        there within ``timeout_s`` or does not accept the sensor, with its reason.
        """
        shape = (size,) if isinstance(size, int) else tuple(size)
        if len(shape) not in (1, 3) or min(shape) < 1:
            raise ValueError(
                f"size is {size!r}: give a number of values, or the shape of a picture"
            )
        self.name, self.sent, self.lost = name, 0, 0
        self._shape = shape
        kind = Kind.VECTOR if len(shape) == 1 else Kind.FRAME
        join = Join(Role.SENSOR, name, kind, np.array(shape, np.int64), float(rate_hz), units)
        self._peer = Peer(address, join, server_key, keys)
        try:
            self._peer.join(timeout_s)
        except BaseException:
            self._peer.close()
            raise
        self._alone, self._ended = threading.Lock(), threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    @property
    def attached(self) -> bool:
        """Whether the agent is there at present."""
        with self._alone:
            return self._peer.attached

    @property
    def reason(self) -> str:
        """Why the agent has let this sensor go, as far as it has said so."""
        with self._alone:
            return self._peer.reason

    def send(
        self, value: float | Sequence[float] | np.ndarray, stamp_ns: int | None = None
    ) -> bool:
        """Send a reading, or a picture; False where it was lost because the agent is not there.

        Raises ``ValueError`` for one of another shape, and for numbers that are not finite.
        """
        if len(self._shape) == 1:
            numbers = np.asarray(value, np.float32).reshape(-1)
            message: Reading | Sighting = Reading(self.name, numbers)
        else:
            numbers = np.asarray(value)
            message = Sighting(self.name, numbers)
        if numbers.shape != self._shape:
            raise ValueError(f"reading of {self.name!r} has shape {numbers.shape}: {self._shape}")
        with self._alone:
            sent = self._peer.send(message, stamp_ns=stamp_ns)
            self.sent, self.lost = self.sent + sent, self.lost + (not sent)
        return sent

    def close(self) -> None:
        """Detach."""
        self._ended.set()
        self._keeper.join()
        self._peer.close()

    def _keep(self) -> None:
        """Answer the agent, whatever the sensor waits for; at once, or its clock would seem off."""
        while not self._ended.wait(_ANSWER_S):
            with self._alone:
                for _ in self._peer.arrivals(0):
                    pass

    def __enter__(self) -> "Sensor":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
