"""The bars of a categorical belief, as they are drawn."""

from dataclasses import replace

import numpy as np
import pygame
import pytest
from jopa_agent.agent.viewer.board import Board
from jopa_agent.agent.viewer.layout import arrange
from jopa_agent.agent.viewer.look import DARK, Look
from jopa_agent.agent.viewer.panels import categorical
from jopa_agent.agent.viewer.showing import Showing
from jopa_agent.agent.viewer.state import ViewerState
from jopa_agent.transport.messages import Belief, Header

STATES = 5
LOOK = Look(DARK, 1.0)


def belief(probability: list[float], goal: int) -> Belief:
    mean = np.array(probability, np.float32)
    std = np.sqrt(mean * (1 - mean))
    wish = np.eye(STATES, dtype=np.float32)[goal]
    return Belief(
        mean, std, np.tile(mean[::-1], (4, 1)), np.tile(std[::-1], (4, 1)), wish, 0.5, 0.1
    )


def plot(rect: pygame.Rect) -> pygame.Rect:
    """Where the bars are within the card."""
    left, line = LOOK.px(34), LOOK.line
    inner_width = rect.width - 2 * LOOK.pad
    inner_height = rect.height - LOOK.title - LOOK.pad
    return pygame.Rect(
        rect.x + LOOK.pad + left, rect.y + LOOK.title + line, inner_width - left,
        inner_height - 3 * line,
    )  # fmt: skip


def heights(surface: pygame.Surface, rect: pygame.Rect) -> np.ndarray:
    """How many pixels of the bars' colour there are, in each fifth of the plot."""
    inner = plot(rect)
    colours = pygame.surfarray.array3d(surface.subsurface(inner))
    blue = (np.abs(colours.astype(int) - DARK.belief).max(axis=-1) < 3).sum(axis=1)
    return np.array([part.max() for part in np.array_split(blue, STATES)]) / inner.height


def test_a_bar_is_as_high_as_its_state_is_likely(surface: pygame.Surface):
    rect = pygame.Rect(20, 20, 500, 400)
    probability = [0.05, 0.6, 0.0, 0.25, 0.1]
    categorical.draw(surface, rect, LOOK, belief(probability, 3))
    np.testing.assert_allclose(heights(surface, rect), probability, atol=0.02)


@pytest.mark.parametrize("goal", [0, 4])
def test_the_goal_is_marked(surface: pygame.Surface, goal: int):
    rect = pygame.Rect(0, 0, 500, 400)
    categorical.draw(surface, rect, LOOK, belief([0.2] * 5, goal))
    inner = plot(rect)
    below = pygame.surfarray.array3d(surface)[inner.left : inner.right, inner.bottom + 2 : 398]
    green = (np.abs(below.astype(int) - DARK.goal).max(axis=-1) < 60).any(axis=1)
    place = np.flatnonzero(green).mean() / len(green)
    assert place == pytest.approx((goal + 0.5) / STATES, abs=0.02)


def test_the_window_shows_bars_where_the_belief_is_categorical(
    surface: pygame.Surface, state: ViewerState
):
    board, place = Board(), arrange(*surface.get_size()).latent

    def blue() -> int:
        board.draw(surface, state, Showing(0))
        colours = pygame.surfarray.array3d(surface.subsurface(place)).astype(int)
        return int((np.abs(colours - DARK.belief).max(axis=-1) < 3).sum())

    told = belief([0.0, 0.0, 1.0, 0.0, 0.0], 2)
    state.take(Header(1, 0, 1, 0, 1), told)
    bar = blue()
    assert bar > 0.05 * place.width * place.height
    state.take(Header(1, 1, 1, 1, 1), replace(told, std=told.std + 0.5))
    assert blue() < 0.2 * bar
