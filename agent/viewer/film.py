"""The viewer's picture of a recorded run, frame by frame, without a window."""

from collections.abc import Iterator

import numpy as np
import pygame

from ...transport.messages import Belief, Frame
from ..runs.recorded import RecordedRun
from .board import Board
from .gallery import Thumbnail
from .layout import SIZE
from .showing import Showing
from .state import ViewerState
from .switches import Switches


def state_of(run: RecordedRun) -> ViewerState:
    """What the window knows before the first message of ``run``."""
    launch = run.launch
    body = launch.body
    goal = Thumbnail(launch.goal, launch.settings.run.goal)
    switches = Switches(learn=launch.settings.run.learn, record=launch.settings.run.record)
    return ViewerState(
        body.name, body.period_s, body.control_low, body.control_high, goal, switches
    )


def pictures(run: RecordedRun, every: int) -> Iterator[np.ndarray]:
    """The window after every so many beliefs, uint8 ``(height, width, 3)``."""
    pygame.font.init()
    surface, state, stamp_ns = pygame.Surface(SIZE), state_of(run), 0
    board = Board(toolbar=False)
    for recorded in run:
        state.take(recorded.header, recorded.message)
        if isinstance(recorded.message, Frame):
            stamp_ns = recorded.header.stamp_ns
        if isinstance(recorded.message, Belief) and recorded.header.tick % every == 0:
            board.draw(surface, state, Showing(stamp_ns))
            yield pygame.surfarray.array3d(surface).swapaxes(0, 1)
