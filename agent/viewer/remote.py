"""The viewer's window on a run of another host, or of another terminal, through its port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pygame

from ...transport.clock import NS_PER_MS, NS_PER_S, now_ns
from ...transport.messages import Goal, Join, Kind, Message, Role, Scene
from ...transport.peer import Peer, PeerError
from ...transport.streams import Received
from ..output import OutputError
from .controls import Right
from .desk import Desk
from .display import display_available
from .gallery import Thumbnail
from .state import ViewerState
from .window import find_display, open_window, show

_PATIENCE_S = 10.0
_GONE_NS = 10 * NS_PER_S  # without a word from the run


def view(address: str, name: str, watch_only: bool, server_key: str, keys: str) -> str:
    """Show the run at ``address`` until it ends or the user closes the window; says why it ended.

    With ``watch_only`` goals are not sent. Raises ``ValueError`` and :class:`PeerError` as
    :class:`Peer` does, :class:`OutputError` where no window opens.
    """
    if not display_available():
        raise OutputError("no display found here: 'jopa-agent top' shows a run in a terminal")
    role = Role.OBSERVER if watch_only else Role.VIEWER
    peer = Peer(
        address, Join(role, name, Kind.NOTHING, np.ones(1, np.int64), 20.0, ""), server_key, keys
    )
    try:
        source = RemoteRun(peer, watch_only)
        state = source.state()
        try:
            find_display()
            right = Right.WATCH if watch_only else Right.GOALS
            desk = Desk(state, source, right, Path.cwd(), "close the window; the run goes on")
            open_window(state.body)
            try:
                show(source, desk)
            finally:
                desk.viewing.film.finish()
        except ValueError as error:
            raise OutputError(str(error)) from None
        except EOFError:
            return "the run has ended, or cannot be reached any more"
        finally:
            pygame.quit()
        return "the window was closed"
    finally:
        peer.close()


class RemoteRun:
    """What a window needs of a run, over the port. ``messages`` raises ``EOFError`` when nothing
    has been heard for a while."""

    def __init__(self, peer: Peer, watch_only: bool = False) -> None:
        """Join; :class:`PeerError` where that is refused."""
        self.tick = -1
        self._peer, self._watch_only = peer, watch_only
        self._heard_ns = now_ns()
        peer.join(_PATIENCE_S)

    def state(self) -> ViewerState:
        """The window's state before the first frame."""
        until_ns = now_ns() + int(_PATIENCE_S * NS_PER_S)
        scene: Scene | None = None
        while now_ns() < until_ns:
            for received in self.messages(now_ns() + 20 * NS_PER_MS):
                if isinstance(received.message, Scene):
                    scene = received.message
                elif isinstance(received.message, Goal) and scene:
                    first = Thumbnail(received.message.image, received.message.name)
                    low, high = scene.control_low, scene.control_high
                    state = ViewerState(scene.body, scene.period_s, low, high, first)
                    state.take(received.header, received.message)
                    return state
        raise PeerError(f"{self._peer.address} has not said what it drives")

    def publish(self, stream: str, message: Message, tick: int = -1, epoch: int = 0) -> None:
        """Send a goal, unless this is a spectator's window; nothing else is taken at a port."""
        if stream == "goal" and not self._watch_only:
            self._peer.send(message, tick=tick, epoch=epoch)

    def messages(self, until_ns: int) -> Iterator[Received]:
        """What arrives until a moment."""
        for received in self._peer.arrivals(until_ns):
            self._heard_ns = now_ns()
            yield received
        if now_ns() - self._heard_ns > _GONE_NS:
            raise EOFError
