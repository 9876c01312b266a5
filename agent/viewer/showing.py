"""What a picture of the window is made of, besides what is known of the run."""

from dataclasses import dataclass

from .paint import Point

NOWHERE = (-1, -1)


@dataclass(frozen=True)
class Button:
    """A button of the toolbar, as it looks now. ``on`` is None for one that is no switch; ``short``
    is its label where there is little room; ``group`` sets those apart that differ in it."""

    name: str
    label: str
    short: str
    key: str
    group: int = 0
    enabled: bool = True
    on: bool | None = None


@dataclass(frozen=True)
class Notice:
    """One line that says what became of a wish; a ``fault`` says why it did not come true."""

    text: str
    fault: bool = False


@dataclass(frozen=True)
class Drag:
    """A push by the mouse: where it began and where it pulls to, in halves of the camera's picture
    from its middle, to the right and down."""

    place: Point
    to: Point

    @property
    def force(self) -> Point:
        return self.to[0] - self.place[0], self.to[1] - self.place[1]


@dataclass(frozen=True)
class Showing:
    """``now_ns`` (monotonic); the mouse's ``pointer``; and whatever is laid over the window:
    ``entry`` is the line that is being typed, ``help`` rows of a key and what it does.
    ``pushing`` is whether the mouse can push the body."""

    now_ns: int
    pointer: tuple[int, int] = NOWHERE
    buttons: tuple[Button, ...] = ()
    notice: Notice | None = None
    drag: Drag | None = None
    entry: str | None = None
    entry_hint: str = ""
    help: tuple[tuple[str, str], ...] = ()
    filming: bool = False
    starting: bool = False
    pushing: bool = False
