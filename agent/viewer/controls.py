"""Every control of the window: its keys, its button, and what it does, in one table.

The keys are those of MuJoCo's viewer where that has them: space, backspace, right, minus, equals,
F1. The table feeds the keys, the toolbar, the help, and the page ``docs/viewer.md``.
"""

from dataclasses import dataclass
from enum import IntEnum

import pygame

from .showing import Button


class Right(IntEnum):
    """What a window may do; each includes those before it."""

    WATCH = 0
    GOALS = 1
    HOST = 2


REFUSALS = {
    Right.GOALS: "an observer only watches: attach as a viewer to set goals",
    Right.HOST: "that is possible at the host only, in the run's own window",
}
"""Why a control cannot be used, by the right that it takes."""


@dataclass(frozen=True)
class Control:
    """``keys`` are pygame's, ``shown`` is how they are written; ``label`` and ``short`` are those
    of the button, ``other`` its label while what it switches is on."""

    name: str
    keys: tuple[int, ...]
    shown: str
    label: str
    short: str
    help: str
    right: Right
    group: int
    other: str = ""


_WATCHING = (
    Control("screenshot", (pygame.K_s,), "S", "Photo", "Pic",
            "save a picture of the window (PNG)", Right.WATCH, 4),
    Control("film", (pygame.K_v,), "V", "GIF", "GIF",
            "film the window: begin, end (GIF, 60 s at most)", Right.WATCH, 4),
    Control("theme", (pygame.K_d,), "D", "Theme", "Theme", "dark or light", Right.WATCH, 5),
    Control("help", (pygame.K_F1,), "F1", "Help", "Help", "show all keys, or hide them",
            Right.WATCH, 5),
)  # fmt: skip

LIVE = (
    Control("pause", (pygame.K_SPACE,), "Space", "Pause", "Pause", "pause, or go on",
            Right.HOST, 0, "Go on"),
    Control("step", (pygame.K_RIGHT,), "→", "Step", "Step", "one tick, then pause", Right.HOST, 0),
    Control("reset", (pygame.K_BACKSPACE,), "⌫", "Reset", "Reset", "the body begins anew",
            Right.HOST, 0),
    Control("slower", (pygame.K_MINUS, pygame.K_KP_MINUS), "-", "Slower", "−",
            "slower: 1, 0.5, 0.25, 0.1 times the body's time", Right.HOST, 1),
    Control("faster", (pygame.K_EQUALS, pygame.K_PLUS, pygame.K_KP_PLUS), "=", "Faster", "+",
            "faster, up to twice the body's time", Right.HOST, 1),
    Control("planner", (pygame.K_p,), "P", "Planner", "Plan",
            "planner on or off: the safe control instead", Right.HOST, 2),
    Control("learn", (pygame.K_l,), "L", "Learning", "Learn", "learning on or off", Right.HOST, 2),
    Control("record", (pygame.K_r,), "R", "Record", "Rec", "recording on or off", Right.HOST, 2),
    Control("here", (pygame.K_f, pygame.K_RETURN, pygame.K_KP_ENTER), "F, Enter", "Here",
            "Here", "what the camera sees now is the goal", Right.GOALS, 3),
    Control("type", (pygame.K_g, pygame.K_SLASH), "G, /", "Goal …", "Goal…",
            "type a goal: 10deg, upright, a picture's path", Right.GOALS, 3),
    Control("back", (pygame.K_b,), "B", "Back", "Back", "the goal before", Right.GOALS, 3),
    Control("next", (pygame.K_n,), "N", "Next", "Next", "the goal after, once back",
            Right.GOALS, 3),
    Control("tour", (pygame.K_t,), "T", "Tour", "Tour",
            "visit the goals that can be held, one every 6 s", Right.GOALS, 3),
    *_WATCHING,
    Control("quit", (pygame.K_q, pygame.K_ESCAPE), "Q, Esc", "End", "End", "", Right.WATCH, 5),
)  # fmt: skip

MOUSE = (
    ("Click a goal", "go there, from the next tick on"),
    ("Drag in the camera", "push the body, and see how long it takes to recover"),
    ("Drop a picture", "make it the goal"),
)

REPLAY = (
    Control("play", (pygame.K_SPACE,), "Space", "Play", "Play", "play, or pause", Right.WATCH, 0,
            "Pause"),
    Control("step_back", (pygame.K_LEFT,), "←", "Back", "Back",
            "one tick back; with Shift a second", Right.WATCH, 0),
    Control("step", (pygame.K_RIGHT,), "→", "Step", "Step", "one tick on; with Shift a second",
            Right.WATCH, 0),
    Control("first", (pygame.K_HOME,), "Home", "Begin", "Begin", "to the beginning",
            Right.WATCH, 0),
    Control("last", (pygame.K_END,), "End", "End", "End", "to the end", Right.WATCH, 0),
    Control("slower", (pygame.K_DOWN,), "↓", "Slower", "−", "slower, down to a tenth",
            Right.WATCH, 1),
    Control("faster", (pygame.K_UP,), "↑", "Faster", "+", "faster, up to 16 times",
            Right.WATCH, 1),
    *_WATCHING,
    Control("quit", (pygame.K_q, pygame.K_ESCAPE), "Q, Esc", "Close", "Close",
            "close the window", Right.WATCH, 5),
)  # fmt: skip

REPLAY_MOUSE = (("Drag on the bar", "go to any moment"),)


def button_of(
    control: Control, pressed: bool = False, usable: bool = True, on: bool | None = None
) -> Button:
    """The button of ``control``, with its other label while it is ``pressed``."""
    return Button(
        control.name,
        control.other if control.other and pressed else control.label,
        control.short,
        control.shown.split(",")[0],
        control.group,
        usable,
        on,
    )


def control_of(table: tuple[Control, ...], key: int) -> Control | None:
    """The control that has this key, if any."""
    return next((each for each in table if key in each.keys), None)


def help_rows(
    table: tuple[Control, ...], mouse: tuple[tuple[str, str], ...], quitting: str = ""
) -> tuple[tuple[str, str], ...]:
    """Rows of the help: a key, or what the mouse does, and what comes of it; ``quitting`` is what
    closing the window does."""
    return (*((each.shown, each.help or quitting) for each in table), *mouse)
