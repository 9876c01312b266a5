"""The wire: messages, sockets, recordings, and the client for sensors of your own."""

from .peer import PeerError
from .sensor import Sensor

__all__ = ["PeerError", "Sensor"]
