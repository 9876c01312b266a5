"""How the window looks: its colours by theme, and the sizes that grow with it."""

from dataclasses import dataclass

Colour = tuple[int, int, int]

_BASE = (1280, 800)  # the window that sizes are given for
_LEAST_UNIT = 0.7


@dataclass(frozen=True)
class Theme:
    """Colours by what they stand for.

    Those of belief, plan, goal, alarm and push are after Okabe and Ito (Color Universal Design,
    2008): told apart by eyes that see no red or no green.
    """

    name: str
    background: Colour
    panel: Colour
    raised: Colour
    grid: Colour
    outline: Colour
    text: Colour
    muted: Colour
    belief: Colour
    plan: Colour
    goal: Colour
    alarm: Colour
    push: Colour


DARK = Theme(
    name="dark",
    background=(11, 15, 20),
    panel=(20, 26, 34),
    raised=(35, 44, 56),
    grid=(36, 45, 57),
    outline=(58, 70, 86),
    text=(228, 234, 241),
    muted=(148, 161, 177),
    belief=(86, 180, 233),
    plan=(240, 174, 50),
    goal=(64, 196, 140),
    alarm=(244, 118, 76),
    push=(222, 142, 190),
)
LIGHT = Theme(
    name="light",
    background=(233, 236, 240),
    panel=(252, 253, 254),
    raised=(226, 231, 237),
    grid=(224, 229, 235),
    outline=(186, 195, 206),
    text=(26, 33, 42),
    muted=(88, 100, 115),
    belief=(0, 104, 168),
    plan=(152, 88, 0),
    goal=(0, 116, 84),
    alarm=(186, 66, 8),
    push=(158, 62, 118),
)


@dataclass(frozen=True)
class Look:
    """A theme at a size: ``unit`` is 1 in a window of 1280 by 800."""

    theme: Theme = DARK
    unit: float = 1.0

    def px(self, length: float) -> int:
        """A length in pixels, of which there are ``length`` at unit 1."""
        return max(1, round(length * self.unit))

    @property
    def small(self) -> int:
        return max(11, self.px(12))

    @property
    def normal(self) -> int:
        return max(12, self.px(14))

    @property
    def large(self) -> int:
        return max(15, self.px(20))

    @property
    def line(self) -> int:
        """From one line of small type to the next."""
        return round(1.45 * self.small)

    @property
    def gap(self) -> int:
        """Between cards."""
        return max(6, self.px(8))

    @property
    def pad(self) -> int:
        """Between a card's edge and what is in it."""
        return max(7, self.px(10))

    @property
    def title(self) -> int:
        """Height of a card's title."""
        return self.pad + self.line


def unit_of(width: int, height: int) -> float:
    """The unit of a window of this size."""
    return max(_LEAST_UNIT, min(width / _BASE[0], height / _BASE[1]))
