"""The line at the top: the body, its time and pace, and what became of the last wish."""

import pygame

from ....transport.clock import NS_PER_S
from .. import paint
from ..look import Look
from ..showing import Notice, Showing
from ..state import ViewerState

_STALE_S = 1.0  # without a frame for this long, the window says so


def values(state: ViewerState, showing: Showing) -> tuple[str, str, bool, str, Notice | None, bool]:
    """The body, how it stands with it, whether that is alarming, rate and pace, notice, filming."""
    rate, speed = state.timings.rate_hz(), state.switches.speed
    pace = [] if rate is None or state.switches.paused else [f"{rate:.1f} Hz"]
    pace += [] if speed == 1 else [f"{speed:g}× speed"]
    words, alarming = _words(state, showing)
    return state.body, words, alarming, "   ".join(pace), showing.notice, showing.filming


def _words(state: ViewerState, showing: Showing) -> tuple[str, bool]:
    if state.stamp_ns is None:
        return ("starting …" if showing.starting else "waiting for the first frame"), False
    time = f"{state.now_s:.1f} s"
    if state.switches.paused:
        return f"{time}   paused", False
    age_s = (showing.now_ns - state.stamp_ns) / NS_PER_S
    if age_s > _STALE_S / min(1.0, state.switches.speed):
        return f"{time}   no frame for {age_s:.0f} s", True
    return time, False


def draw(
    surface: pygame.Surface,
    rect: pygame.Rect,
    look: Look,
    body: str,
    words: str,
    alarming: bool,
    pace: str,
    notice: Notice | None,
    filming: bool,
) -> None:
    """Body and time on the left, the notice on the right."""
    theme, middle, apart = look.theme, rect.centery, look.px(18)
    x = rect.x + look.px(2)
    title = paint.text(
        surface, body, (x, middle), look.large, theme.text, True, "midleft", rect.width // 4
    )
    colour = theme.alarm if alarming else theme.text
    where = (title.right + apart, middle + look.px(1))
    told = paint.text(surface, words, where, look.normal, colour, anchor="midleft")
    where = (told.right + apart, middle + look.px(1))
    told = paint.text(surface, pace, where, look.normal, theme.muted, anchor="midleft")
    right = rect.right - look.px(2)
    if filming:
        label = paint.text(
            surface, "filming", (right, middle), look.small, theme.alarm, True, "midright"
        )
        paint.disc(surface, theme.alarm, (label.x - look.px(10), middle), look.px(5))
        right = label.x - look.px(28)
    if notice:
        colour = theme.alarm if notice.fault else theme.goal
        paint.text(
            surface, notice.text, (right, middle), look.small, colour, anchor="midright",
            width=right - told.right - apart,
        )  # fmt: skip
