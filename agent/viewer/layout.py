"""Where everything is in a window of any size."""

from dataclasses import dataclass

from pygame import Rect

from .look import DARK, Look, Theme, unit_of

WINDOW = (1280, 800)
"""Size of a window that opens."""

SIZE = (960, 640)
"""Size of films."""

SMALLEST = (900, 600)
"""Size of the smallest window in which everything has its room."""

_HERO, _STRIP = 0.555, 0.15  # shares of the height below the toolbar; the plots have the rest
_HERO_AT_MOST = 0.42  # of the width
_STRIP_AT_MOST = 150  # px at unit 1
_LIVE_AT_MOST = 0.34  # of the width
_BESIDE = 0.5  # of what is right of the live picture: goal, belief and what is imagined
_PICTURES = 0.68  # of the hero's height: goal and belief, above what is imagined
_NARROW = 0.4  # of the plots' width: those on the right


@dataclass(frozen=True)
class Layout:
    """Rectangles in pixels of the window; ``look`` is at its size. ``toolbar`` is empty without."""

    look: Look
    header: Rect
    toolbar: Rect
    live: Rect
    goal: Rect
    believed: Rect
    imagined: Rect
    latent: Rect
    distance: Rect
    control: Rect
    free_energy: Rect
    surprise: Rect
    timing: Rect
    processes: Rect
    strip: Rect


def arrange(width: int, height: int, theme: Theme = DARK, toolbar: bool = True) -> Layout:
    """Lay out a window of ``width`` by ``height``; below :data:`SMALLEST` it is cut off."""
    width, height = max(width, SMALLEST[0]), max(height, SMALLEST[1])
    look = Look(theme, unit_of(width, height))
    gap = look.gap
    header = Rect(gap, 0, width - 2 * gap, 2 * look.large)
    bar = Rect(gap, header.bottom, header.width, 2 * look.small + gap // 2 if toolbar else 0)
    top = bar.bottom + (gap if toolbar else 0)
    body = Rect(gap, top, width - 2 * gap, height - top - gap)
    free = body.height - 2 * gap
    tall = min(round(_HERO * free), round(_HERO_AT_MOST * width))
    low = min(round(_STRIP * free), look.px(_STRIP_AT_MOST))
    hero, plots, strip = _rows(body, (tall / free, 1 - (tall + low) / free, low / free), gap)

    live_width = min(hero.height - look.title + look.pad, round(_LIVE_AT_MOST * width))
    live = Rect(hero.x, hero.y, live_width, hero.height)
    middle, latent = _columns(_right_of(live, hero, gap), (_BESIDE, 1 - _BESIDE), gap)
    pictures, imagined = _rows(middle, (_PICTURES, 1 - _PICTURES), gap)
    goal, believed = _columns(pictures, (0.5, 0.5), gap)

    traces = Rect(plots.x, plots.y, middle.right - plots.x, plots.height)
    wide, narrow = _columns(traces, (1 - _NARROW, _NARROW), gap)
    distance, control = _rows(wide, (0.47, 0.53), gap)
    free_energy, surprise = _rows(narrow, (0.47, 0.53), gap)
    timing, processes = _columns(_right_of(traces, plots, gap), (0.47, 0.53), gap)
    return Layout(
        look=look, header=header, toolbar=bar, live=live, goal=goal, believed=believed,
        imagined=imagined, latent=latent, distance=distance, control=control,
        free_energy=free_energy, surprise=surprise, timing=timing, processes=processes,
        strip=strip,
    )  # fmt: skip


def _rows(rect: Rect, shares: tuple[float, ...], gap: int) -> list[Rect]:
    """``rect`` cut into rows with these shares of its height."""
    free, rows, top = rect.height - gap * (len(shares) - 1), [], rect.y
    for share in shares[:-1]:
        rows.append(Rect(rect.x, top, rect.width, round(share * free)))
        top = rows[-1].bottom + gap
    return [*rows, Rect(rect.x, top, rect.width, rect.bottom - top)]


def _columns(rect: Rect, shares: tuple[float, ...], gap: int) -> list[Rect]:
    """``rect`` cut into columns with these shares of its width."""
    turned = _rows(Rect(rect.y, rect.x, rect.height, rect.width), shares, gap)
    return [Rect(each.y, each.x, each.height, each.width) for each in turned]


def _right_of(left: Rect, row: Rect, gap: int) -> Rect:
    """What lies right of ``left`` within its ``row``."""
    x = left.right + gap
    return Rect(x, row.y, row.right - x, row.height)
