"""The bars of a categorical belief, as they are drawn."""

from dataclasses import replace

import numpy as np
import pygame
import pytest
from jopa_agent.agent.viewer import paint
from jopa_agent.agent.viewer.categorical_plot import draw_categorical
from jopa_agent.agent.viewer.draw import draw
from jopa_agent.agent.viewer.layout import arrange
from jopa_agent.agent.viewer.state import ViewerState
from jopa_agent.transport.messages import Belief, Header

STATES = 5


def belief(probability: list[float], goal: int) -> Belief:
    mean = np.array(probability, np.float32)
    std = np.sqrt(mean * (1 - mean))
    wish = np.eye(STATES, dtype=np.float32)[goal]
    return Belief(
        mean, std, np.tile(mean[::-1], (4, 1)), np.tile(std[::-1], (4, 1)), wish, 0.5, 0.1
    )


def heights(surface: pygame.Surface, rect: pygame.Rect) -> np.ndarray:
    """How many pixels of the bars' colour there are, in each fifth of the plot."""
    inner = pygame.Rect(rect.x + 44, rect.y + 41, rect.width - 54, rect.height - 71)
    colours = pygame.surfarray.array3d(surface.subsurface(inner))
    blue = (np.abs(colours.astype(int) - paint.BELIEF).max(axis=-1) < 3).sum(axis=1)
    return np.array([part.max() for part in np.array_split(blue, STATES)]) / inner.height


def test_a_bar_is_as_high_as_its_state_is_likely(surface: pygame.Surface):
    rect = pygame.Rect(20, 20, 500, 400)
    probability = [0.05, 0.6, 0.0, 0.25, 0.1]
    draw_categorical(surface, rect, belief(probability, 3))
    np.testing.assert_allclose(heights(surface, rect), probability, atol=0.02)


@pytest.mark.parametrize("goal", [0, 4])
def test_the_goal_is_marked(surface: pygame.Surface, goal: int):
    rect = pygame.Rect(0, 0, 500, 400)
    draw_categorical(surface, rect, belief([0.2] * 5, goal))
    below = pygame.surfarray.array3d(surface)[44:490, 372:395].astype(int)
    green = (np.abs(below - paint.GOAL).max(axis=-1) < 60).any(axis=1)
    place = np.flatnonzero(green).mean() / len(green)
    assert place == pytest.approx((goal + 0.5) / STATES, abs=0.02)


def test_the_window_shows_bars_where_the_belief_is_categorical(
    surface: pygame.Surface, state: ViewerState
):
    told = belief([0.0, 0.0, 1.0, 0.0, 0.0], 2)
    state.take(Header(1, 0, 1, 0, 1), told)
    draw(surface, state, 0, (0, 0))
    place = arrange(*surface.get_size()).belief
    assert heights(surface, place)[2] > 0.9
    state.take(Header(1, 1, 1, 1, 1), replace(told, std=told.std + 0.5))
    draw(surface, state, 0, (0, 0))
    assert heights(surface, place)[2] < 0.9
