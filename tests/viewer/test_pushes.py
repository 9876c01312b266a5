"""Pushing the body with the mouse."""

import numpy as np
import pygame
import pytest
from jopa_agent.agent.viewer.desk import Desk
from jopa_agent.agent.viewer.layout import WINDOW
from jopa_agent.transport.messages import (
    FIRST_EPOCH,
    Push,
)

from .conftest import NOW, Heard
from .person import (
    SMALL,
    drag_to,
    mouse,
)


@pytest.mark.parametrize("size", [WINDOW, SMALL, (3840, 2160)])
def test_a_drag_pushes_at_each_refresh_until_it_ends(
    desk: Desk, heard: Heard, size: tuple[int, int]
):
    mouse(desk, pygame.MOUSEBUTTONDOWN, drag_to(desk, 0.5, -0.5, size), size)
    desk.refresh(NOW)
    assert not heard.sent  # a click is no push
    mouse(desk, pygame.MOUSEMOTION, drag_to(desk, 1.5, 0.0, size), size)
    for _ in range(3):
        desk.refresh(NOW)
    assert len(heard.sent) == 3
    for stream, push, tick, epoch in heard.sent:
        assert isinstance(push, Push)
        assert (stream, tick, epoch) == ("push", desk.state.tick, FIRST_EPOCH)
        np.testing.assert_allclose(push.place, [0.5, -0.5], atol=0.02)
        np.testing.assert_allclose(push.force, [1.0, 0.5], atol=0.03)
        assert push.force.dtype == np.float32
    assert desk.showing(0, (0, 0)).drag
    mouse(desk, pygame.MOUSEBUTTONUP, drag_to(desk, 1.5, 0.0, size), size)
    desk.refresh(NOW)
    assert len(heard.sent) == 3
    assert desk.state.pushes.ended_s == desk.state.now_s


def test_a_drag_that_begins_elsewhere_is_no_push(desk: Desk, heard: Heard):
    layout = desk.viewing.board.layout(WINDOW)
    mouse(desk, pygame.MOUSEBUTTONDOWN, layout.latent.center)
    mouse(desk, pygame.MOUSEMOTION, drag_to(desk, 0.5, 0.0))
    desk.refresh(NOW)
    assert not heard.sent


def test_a_body_that_cannot_be_pushed_is_not(desk: Desk, heard: Heard):
    desk.draggable = False
    mouse(desk, pygame.MOUSEBUTTONDOWN, drag_to(desk, 0.5, -0.5))
    mouse(desk, pygame.MOUSEMOTION, drag_to(desk, 1.5, 0.0))
    desk.refresh(NOW)
    assert not heard.sent
    notice = desk.viewing.notice(NOW)
    assert notice
    assert "cannot be pushed" in notice.text
