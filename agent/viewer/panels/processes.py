"""The processes of the run and, below them, what is attached from outside; each with a light."""

import pygame

from ....transport.messages import Peer, Presence, Role, State, Status
from .. import paint
from ..lights import light_of
from ..lists import Row, draw_rows
from ..look import Look
from ..showing import Showing
from ..state import ViewerState

_SAID = {
    State.STARTING: "starting",
    State.READY: "ready",
    State.RUNNING: "running",
    State.DONE: "done",
    State.STOPPED: "ended",
    State.FAILED: "failed",
}
_HERE = {
    Presence.LIVE: "live",
    Presence.SILENT: "silent",
    Presence.GONE: "gone",
    Presence.CUT_OFF: "cut off",
    Presence.REFUSED: "refused",
}


def values(
    state: ViewerState,
    showing: Showing,  # noqa: ARG001
) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Rows of processes, and of sensors and windows from outside."""
    processes = tuple(process_row(each) for each in state.processes.values())
    return processes, tuple(peer_row(each) for each in state.peers.values())


def process_row(status: Status) -> Row:
    """What there is to say of a process."""
    note = status.note.partition(":")[0] if status.state is State.RUNNING else status.note
    words = "is replaced" if status.lost else note or _SAID[status.state]
    if status.restarts and not status.lost:
        words = f"replaced {status.restarts}×" + ("" if words == "running" else f", {words}")
    alarming = status.lost or status.state is State.FAILED
    return Row(light_of(status), status.process, words, alarming)


def peer_row(peer: Peer) -> Row:
    """What there is to say of a sensor or a window that is attached from outside."""
    if peer.presence is not Presence.LIVE:
        words = _HERE[peer.presence] + (f": {peer.note}" if peer.note else "")
        return Row(light_of(peer), peer.name, words, peer.presence is not Presence.GONE)
    if peer.role is not Role.SENSOR:
        return Row(light_of(peer), peer.name, "window" if peer.role is Role.VIEWER else "observer")
    rate = f"{peer.rate_hz:.0f}" if peer.rate_hz >= 10 else f"{peer.rate_hz:.1f}"
    words = f"{rate} Hz, {peer.delay_ms:.1f} ms"
    refused = f", {peer.refused} refused" if peer.refused else ""
    return Row(light_of(peer), peer.name, words + refused)


def draw(
    surface: pygame.Surface,
    rect: pygame.Rect,
    look: Look,
    processes: tuple[Row, ...],
    peers: tuple[Row, ...],
) -> None:
    """Both lists in one card, one below the other."""
    inner = paint.card(surface, rect, look, "processes, attached" if peers else "processes")
    if processes or peers:
        draw_rows(surface, inner, look, processes, peers)
    else:
        paint.empty(surface, inner, look, "nothing told yet")
