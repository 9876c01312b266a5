"""How the dot moves between two rooms: a move that would cross a wall ends at it.

Many dots move at once: all functions take arrays with leading axes. The rules are those of the
public two-room world of the JEPA planning literature (PLDM), written anew: the point where the path
meets the first wall, then a push-back, a half-normal of 0.5 px away from the wall and a normal of
0.5 px along it, which leaves it no nearer than 0.3 px to a wall.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from .two_rooms import DOOR_REACH, HIGH, LOW, WALL_REACH, Layout, is_free

PUSH_PX = 0.5
CLEARANCE_PX = 0.3


class Hit(NamedTuple):
    """Where a path first meets a wall: the ``share`` of the move until there, 2 where it meets
    none, and the ``normal`` that points back from the wall."""

    share: Float[np.ndarray, "*many"]
    normal: Float[np.ndarray, "*many 2"]


def moved(
    position: Float[np.ndarray, "many 2"],
    step: Float[np.ndarray, "many 2"],
    layout: Layout,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "many 2"], Bool[np.ndarray, "many"]]:
    """Positions after one move, and which of the moves were stopped.

    ``position`` has to be free (see :func:`is_free`); what comes out is. The two random numbers of
    a push-back are drawn for every dot, stopped or not.
    """
    hit = first_hit(position, step, layout)
    stopped = hit.share <= 1
    push = PUSH_PX * rng.standard_normal(position.shape)
    away = hit.normal * np.abs(push)
    along = (1 - np.abs(hit.normal)) * push
    back = position + hit.share[..., None] * step + away + along
    back = _clear(back, position, hit, layout)
    return np.where(stopped[..., None], back, position + step), stopped


def first_hit(
    position: Float[np.ndarray, "*many 2"], step: Float[np.ndarray, "*many 2"], layout: Layout
) -> Hit:
    """The first wall that a move meets."""
    start_x, start_y = position[..., 0], position[..., 1]
    end_x, end_y = start_x + step[..., 0], start_y + step[..., 1]
    left, right = layout.wall_x - WALL_REACH, layout.wall_x + WALL_REACH
    top, bottom = layout.door_y - DOOR_REACH, layout.door_y + DOOR_REACH

    def crossing(line, start, end, other_start, other_end):
        """Share of the way to a line, and where along the line that is."""
        length = end - start
        share = (line - start) / np.where(length == 0, 1.0, length)
        return share, other_start + share * (other_end - other_start)

    zero = np.zeros_like(start_x)
    share = np.full_like(start_x, 2.0)
    normal = np.zeros_like(position)

    def meet(met, at, along_x, along_y):
        nonlocal share, normal
        first = met & (at < share)
        share = np.where(first, at, share)
        direction = np.stack([zero + along_x, zero + along_y], axis=-1)
        normal = np.where(first[..., None], direction, normal)

    for line, beyond, sign in ((LOW, end_x < LOW, 1.0), (HIGH, end_x > HIGH, -1.0)):
        meet(beyond, crossing(line, start_x, end_x, start_y, end_y)[0], sign, 0.0)
    for line, beyond, sign in ((LOW, end_y < LOW, 1.0), (HIGH, end_y > HIGH, -1.0)):
        meet(beyond, crossing(line, start_y, end_y, start_x, end_x)[0], 0.0, sign)
    for line, through, sign in (
        (left, (start_x <= left) & (end_x > left), -1.0),
        (right, (start_x >= right) & (end_x < right), 1.0),
    ):
        at, row = crossing(line, start_x, end_x, start_y, end_y)
        meet(through & ((row < top) | (row > bottom)), at, sign, 0.0)
    for line, through, sign in (
        (top, (start_y >= top) & (end_y < top), 1.0),
        (bottom, (start_y <= bottom) & (end_y > bottom), -1.0),
    ):
        at, column = crossing(line, start_y, end_y, start_x, end_x)
        meet(through & (column > left) & (column < right), at, 0.0, sign)
    return Hit(share, normal)


def free_places(layout: Layout, rng: np.random.Generator) -> Float[np.ndarray, "many 2"]:
    """A uniform free position in each layout, clear of walls."""
    count = np.shape(layout.wall_x)
    low, high = LOW + CLEARANCE_PX, HIGH - CLEARANCE_PX
    places = rng.uniform(low, high, size=(*count, 2))
    while not (free := is_clear(places, layout)).all():
        again = rng.uniform(low, high, size=places.shape)
        places = np.where(free[..., None], places, again)
    return places


def is_clear(position: Float[np.ndarray, "*many 2"], layout: Layout) -> np.ndarray:
    """Whether positions are free and no nearer to the wall than a push-back leaves a dot."""
    x, y = position[..., 0], position[..., 1]
    near_wall = np.abs(x - layout.wall_x) < WALL_REACH + CLEARANCE_PX
    in_door = np.abs(y - layout.door_y) <= DOOR_REACH - CLEARANCE_PX
    return is_free(position, layout) & (~near_wall | in_door)


def _clear(
    back: Float[np.ndarray, "many 2"],
    start: Float[np.ndarray, "many 2"],
    hit: Hit,
    layout: Layout,
) -> Float[np.ndarray, "many 2"]:
    """Pushed-back positions, kept on their side of what stopped them."""
    x = np.clip(back[..., 0], LOW + CLEARANCE_PX, HIGH - CLEARANCE_PX)
    y = np.clip(back[..., 1], LOW + CLEARANCE_PX, HIGH - CLEARANCE_PX)
    left, right = layout.wall_x - WALL_REACH, layout.wall_x + WALL_REACH
    top, bottom = layout.door_y - DOOR_REACH, layout.door_y + DOOR_REACH
    beside = (x > left - CLEARANCE_PX) & (x < right + CLEARANCE_PX)
    from_door = (start[..., 1] >= top) & (start[..., 1] <= bottom)
    by_edge = (hit.normal[..., 1] != 0) & from_door
    inside = np.clip(y, top + CLEARANCE_PX, bottom - CLEARANCE_PX)
    y = np.where(beside & by_edge, inside, y)
    aside = np.where(start[..., 0] <= layout.wall_x, left - CLEARANCE_PX, right + CLEARANCE_PX)
    x = np.where(beside & (y != inside), aside, x)
    return np.stack([x, y], axis=-1)
