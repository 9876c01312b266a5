"""Lights: how it stands with a process or a sensor, by shape as well as by colour."""

from enum import Enum

import pygame

from ...transport.messages import Peer, Presence, State, Status
from . import paint
from .look import Look


class Light(Enum):
    """What a light says."""

    WELL = "a full disc"
    READY = "a ring with a point"
    STARTING = "a ring"
    TROUBLE = "a triangle"
    FAILED = "a cross"
    ENDED = "a square"


_OF_STATE = {
    State.STARTING: Light.STARTING,
    State.READY: Light.READY,
    State.RUNNING: Light.WELL,
    State.DONE: Light.ENDED,
    State.STOPPED: Light.ENDED,
    State.FAILED: Light.FAILED,
}
_OF_PRESENCE = {
    Presence.LIVE: Light.WELL,
    Presence.SILENT: Light.TROUBLE,
    Presence.GONE: Light.ENDED,
    Presence.CUT_OFF: Light.FAILED,
    Presence.REFUSED: Light.FAILED,
}


def light_of(told: Status | Peer) -> Light:
    """The light of a process or of a peer."""
    if isinstance(told, Peer):
        return _OF_PRESENCE[told.presence]
    return Light.TROUBLE if told.lost else _OF_STATE[told.state]


def draw_light(
    surface: pygame.Surface, look: Look, light: Light, centre: tuple[int, int], radius: int
) -> None:
    """Draw a light within ``radius`` of ``centre``."""
    theme, (x, y) = look.theme, centre
    thick = max(1, round(radius / 3))
    match light:
        case Light.WELL:
            paint.disc(surface, theme.goal, centre, radius)
        case Light.READY | Light.STARTING:
            colour = theme.belief if light is Light.READY else theme.muted
            paint.disc(surface, colour, centre, radius)
            paint.disc(surface, theme.panel, centre, max(1, radius - thick))
            if light is Light.READY:
                paint.disc(surface, colour, centre, max(1, radius // 2))
        case Light.TROUBLE:
            corners = [(x, y - radius), (x + radius, y + radius), (x - radius, y + radius)]
            paint.polygon(surface, theme.plan, corners)
        case Light.FAILED:
            reach = max(1, radius - 1)
            for end in (1, -1):
                start, stop = (x - reach, y - end * reach), (x + reach, y + end * reach)
                pygame.draw.line(surface, theme.alarm, start, stop, thick + 1)
        case Light.ENDED:
            square = pygame.Rect(0, 0, 2 * radius - 1, 2 * radius - 1)
            square.center = centre
            pygame.draw.rect(surface, theme.muted, square)
