"""Who is at the port of a run, as the gateway tells it."""

from dataclasses import asdict
from typing import Any

from ...transport.messages import Peer, Presence, Role

_MOST = 64  # that are remembered; those who have gone are forgotten first

_WORDS = {
    Presence.LIVE: "is attached",
    Presence.SILENT: "is silent",
    Presence.GONE: "is gone",
    Presence.CUT_OFF: "is cut off",
    Presence.REFUSED: "is refused",
}


class Attendance:
    """Takes what the gateway says of each peer; ``news`` are lines that a person should see, for
    whoever shows them to take away."""

    def __init__(self) -> None:
        self.news: list[str] = []
        self._peers: dict[tuple[str, Role], Peer] = {}

    def take(self, peer: Peer) -> None:
        """Note how it stands with a peer."""
        key = (peer.name, peer.role)
        known = self._peers.get(key)
        if known is None or known.presence is not peer.presence:
            why = f": {peer.note}" if peer.note and peer.presence >= Presence.CUT_OFF else ""
            self.news.append(f"{peer.role.name.lower()} {peer.name} {_WORDS[peer.presence]}{why}")
        if peer.presence is not Presence.REFUSED:
            self._peers[key] = peer
        while len(self._peers) > _MOST:
            gone = (k for k, each in self._peers.items() if each.presence is Presence.GONE)
            self._peers.pop(next(gone, next(iter(self._peers))))

    def plain(self) -> list[dict[str, Any]]:
        """All of them, as JSON takes it."""
        return [
            asdict(peer) | {"role": peer.role.name.lower(), "presence": peer.presence.name.lower()}
            for peer in self._peers.values()
        ]
