"""Where everything is, in windows of many sizes."""

from dataclasses import astuple

import pytest
from jopa_agent.agent.viewer.board import PANELS
from jopa_agent.agent.viewer.gallery import on_offer
from jopa_agent.agent.viewer.layout import SIZE, SMALLEST, WINDOW, Layout, arrange
from jopa_agent.agent.viewer.look import DARK, LIGHT, Colour, Theme
from jopa_agent.agent.viewer.panels import imagined, strip, toolbar
from jopa_agent.agent.viewer.showing import Button
from jopa_agent.agent.viewer.state import ViewerState
from pygame import Rect

from .conftest import Feed, offer

SIZES = [SMALLEST, SIZE, WINDOW, (1920, 1080), (3840, 2160), (1000, 1400), (2560, 1080)]


def cards(found: Layout) -> list[Rect]:
    return [getattr(found, panel.name) for panel in PANELS]


@pytest.mark.parametrize("size", SIZES)
def test_cards_lie_within_the_window_and_apart(size: tuple[int, int]):
    found = arrange(*size)
    all_cards = cards(found)
    for index, card in enumerate(all_cards):
        assert Rect(0, 0, *size).contains(card)
        assert card.width >= 100 * found.look.unit
        assert card.height >= 20
        assert card.collidelist(all_cards[:index]) == -1
    assert 0.7 * found.live.width < found.live.height < 1.4 * found.live.width


@pytest.mark.parametrize("size", SIZES)
def test_without_a_toolbar_the_rest_has_its_room(size: tuple[int, int]):
    with_it, without = arrange(*size), arrange(*size, toolbar=False)
    assert without.toolbar.height == 0
    assert without.distance.height + without.live.height > (
        with_it.distance.height + with_it.live.height
    )


def test_a_window_too_small_is_laid_out_as_the_smallest():
    assert astuple(arrange(100, 100)) == astuple(arrange(*SMALLEST))


def test_everything_grows_with_the_window():
    small, large = arrange(1280, 800), arrange(2560, 1600)
    for one, two in zip(cards(small), cards(large), strict=True):
        assert two.width == pytest.approx(2 * one.width, rel=0.1)
        assert two.height == pytest.approx(2 * one.height, rel=0.1)
    assert large.look.small == 2 * small.look.small


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("goals", [0, 1, 6, 24, 90])
def test_all_frames_on_offer_fit_into_the_strip(
    size: tuple[int, int], goals: int, state: ViewerState, feed: Feed
):
    feed(range(200))
    if goals:
        state.offer = on_offer(offer(goals))
    found = arrange(*size)
    groups = strip.places(found.strip, found.look, state.offered())
    rects = [rect for group in groups for rect, _ in group]
    for index, rect in enumerate(rects):
        assert found.strip.contains(rect)
        assert rect.width >= 20 * found.look.unit
        assert rect.collidelist(rects[:index]) == -1
    for group in groups:
        assert len({id(thumbnail) for _, thumbnail in group}) == len(group)
    if goals <= 24:
        assert [each for _, each in groups[0]] == list(state.offered()[0][1])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", [(32, 32, 1), (20, 90, 3), (90, 20, 1)])
@pytest.mark.parametrize("frames", [1, 3, 8, 40])
def test_imagined_frames_are_evenly_spread_and_end_with_the_last(
    size: tuple[int, int], shape: tuple[int, int, int], frames: int
):
    found = arrange(*size)
    laid = imagined.places(found.imagined.inflate(-20, -40), found.look, shape, frames)
    chosen = [index for _, index in laid]
    assert chosen[-1] == frames - 1
    assert len({b - a for a, b in zip(chosen[1:], chosen, strict=False)}) <= 1
    for rect, _ in laid:
        assert found.imagined.contains(rect)


@pytest.mark.parametrize("width", [100, 880, 1264, 3800])
def test_buttons_stay_within_the_toolbar_and_apart(width: int):
    look = arrange(max(width, 900), 800).look
    buttons = tuple(
        Button(f"b{i}", f"Button {i}", f"B{i}", "Space", i // 4, on=i % 2 == 0 or None)
        for i in range(19)
    )
    rect = Rect(10, 40, width, 28)
    rects = [where for where, *_ in toolbar.places(rect, look, buttons)]
    assert len(rects) == 19
    for index, where in enumerate(rects):
        assert rect.contains(where)
        assert where.collidelist(rects[:index]) == -1


def luminance(colour: Colour) -> float:
    """Relative luminance (WCAG 2.2)."""
    shares = [value / 255 for value in colour]
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: Colour, second: Colour) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_type_and_lines_stand_out(theme: Theme):
    for ground in (theme.panel, theme.background):
        assert contrast(theme.text, ground) >= 7
        for colour in (theme.muted, theme.belief, theme.plan, theme.goal, theme.alarm, theme.push):
            assert contrast(colour, ground) >= 4.5
