"""Where everything is, in windows of many sizes."""

from dataclasses import astuple

import pytest
from jopa_agent.agent.viewer.layout import SMALLEST, arrange
from jopa_agent.agent.viewer.state import ViewerState
from jopa_agent.agent.viewer.strip import places
from pygame import Rect

from .conftest import Feed

SIZES = [SMALLEST, (960, 640), (1280, 720), (1000, 1400), (2560, 1080)]


def cards(size: tuple[int, int]) -> list[Rect]:
    layout = arrange(*size)
    return [getattr(layout, name) for name in layout.__dataclass_fields__]


@pytest.mark.parametrize("size", SIZES)
def test_cards_lie_within_the_window_and_apart(size: tuple[int, int]):
    window, all_cards = Rect(0, 0, *size), cards(size)
    for index, card in enumerate(all_cards):
        assert window.contains(card)
        assert card.width >= 150
        assert card.height >= 40
        assert card.collidelist(all_cards[:index]) == -1


def test_a_window_too_small_is_laid_out_as_the_smallest():
    assert astuple(arrange(100, 100)) == astuple(arrange(*SMALLEST))


@pytest.mark.parametrize("size", SIZES)
def test_all_frames_on_offer_fit_into_the_strip(
    size: tuple[int, int], state: ViewerState, feed: Feed
):
    feed(range(200))
    strip = arrange(*size).strip
    rects = [rect for group in places(strip, state) for rect, _ in group]
    assert len(rects) == 12
    for index, rect in enumerate(rects):
        assert strip.contains(rect)
        assert rect.collidelist(rects[:index]) == -1
