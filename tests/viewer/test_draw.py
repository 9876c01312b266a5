"""What can be seen on the surface that is drawn."""

import numpy as np
import pygame
import pytest
from jopa_agent.agent.viewer import paint
from jopa_agent.agent.viewer.draw import draw
from jopa_agent.agent.viewer.gallery import Thumbnail
from jopa_agent.agent.viewer.layout import SMALLEST, arrange
from jopa_agent.agent.viewer.state import ViewerState
from jopa_agent.agent.viewer.strip import places

from .conftest import Feed, picture

AWAY = (0, 0)  # a pointer that is on nothing


def pixels(surface: pygame.Surface, rect: pygame.Rect) -> np.ndarray:
    """The colours within ``rect``: (height, width, 3)."""
    return pygame.surfarray.array3d(surface.subsurface(rect)).swapaxes(0, 1)


def shows(surface: pygame.Surface, rect: pygame.Rect, colour: paint.Colour) -> bool:
    """Whether a stroke of ``colour`` is there; smooth strokes are mixed with what is behind."""
    difference = np.abs(pixels(surface, rect).astype(int) - colour).max(axis=-1)
    return bool((difference < 30).any())


def test_before_the_first_message_the_window_waits(surface: pygame.Surface, state: ViewerState):
    draw(surface, state, 0, AWAY)
    layout = arrange(*surface.get_size())
    assert not shows(surface, layout.belief.inflate(-40, -80), paint.BELIEF)
    assert shows(surface, layout.header, paint.TEXT)


def test_the_frame_is_enlarged_in_its_own_pixels(
    surface: pygame.Surface, state: ViewerState, feed: Feed
):
    feed(range(3))
    draw(surface, state, 1_200_000_000, AWAY)
    card = arrange(*surface.get_size()).camera
    inner = pygame.Rect(0, 0, card.width - 20, card.height - 37)
    inner.midbottom = (card.centerx, card.bottom - 10)
    seen = pixels(surface, inner)
    centres = (np.arange(32) + 0.5) / 32
    rows = (centres * inner.height).astype(int)
    columns = (centres * inner.width).astype(int)
    np.testing.assert_array_equal(
        seen[np.ix_(rows, columns)], np.broadcast_to(picture(2), (32, 32, 3))
    )


def test_belief_plan_goal_distance_and_torque_are_drawn(
    surface: pygame.Surface, state: ViewerState, feed: Feed
):
    feed(range(60))
    draw(surface, state, 4_000_000_000, AWAY)
    layout = arrange(*surface.get_size())
    plot = layout.belief.inflate(-60, -60)  # less its title and legend
    assert shows(surface, plot, paint.BELIEF)
    assert shows(surface, plot, paint.PLAN)
    assert shows(surface, plot, paint.GOAL)
    assert shows(surface, layout.distance.inflate(-20, -60), paint.GOAL)
    assert shows(surface, layout.control.inflate(-20, -50), paint.PLAN)


def test_frames_that_stopped_coming_raise_an_alarm(
    surface: pygame.Surface, state: ViewerState, feed: Feed
):
    feed(range(1))
    header = arrange(*surface.get_size()).header
    draw(surface, state, 1_500_000_000, AWAY)
    assert not shows(surface, header, paint.ALARM)
    draw(surface, state, 4_000_000_000, AWAY)
    assert shows(surface, header, paint.ALARM)


def test_the_pursued_goal_is_framed(surface: pygame.Surface, state: ViewerState, feed: Feed):
    feed(range(60))
    strip = arrange(*surface.get_size()).strip
    rect, thumbnail = places(strip, state)[1][2]
    draw(surface, state, 0, AWAY)
    assert not shows(surface, rect.inflate(6, 6), paint.GOAL)
    state.choose(thumbnail)
    draw(surface, state, 0, AWAY)
    assert shows(surface, rect.inflate(6, 6), paint.GOAL)


@pytest.mark.parametrize("size", [(1, 1), (300, 200), SMALLEST, (2000, 1300)])
def test_any_window_can_be_drawn(size: tuple[int, int], state: ViewerState, feed: Feed):
    pygame.font.init()
    draw(pygame.Surface(size), state, 0, AWAY)
    feed(range(60))
    draw(pygame.Surface(size), state, 4_000_000_000, AWAY)


def test_numbers_out_of_all_proportion_can_be_drawn(
    surface: pygame.Surface, state: ViewerState, feed: Feed
):
    feed(range(3))
    assert state.belief is not None
    state.belief.planned_mean[:] = 1e30
    state.belief.planned_std[:] = 1e37
    state.distances.add(99.0, np.array([1e38]))
    draw(surface, state, 0, AWAY)


def test_colour_frames_are_drawn_too(surface: pygame.Surface, state: ViewerState):
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    state.choose(Thumbnail(red, "red"))
    draw(surface, state, 0, AWAY)
    assert shows(surface, arrange(*surface.get_size()).goal, (200, 0, 0))
