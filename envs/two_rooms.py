"""Two rooms and a dot: where walls stand, and what the camera sees of them.

A position is ``(x, y)`` in pixels: ``x`` counts columns to the right, ``y`` rows downwards. A frame
is uint8 ``(65, 65, 2)``, as everywhere in the house with the channels last: the dot, then walls and
border. Walls are drawn once a layout; a dot is a Gaussian blob, so a frame tells positions between
pixels.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

SIZE_PX = 65
FRAME_SHAPE = (SIZE_PX, SIZE_PX, 2)
LOW, HIGH = 4, SIZE_PX - 5  # rows and columns of the border
DOT_SIGMA_PX = 1.3
WALL_REACH = 1  # columns on each side of the middle one: the wall is three wide
DOOR_REACH = 4  # rows on each side of the door's centre
WALL_X = 32  # where the wall stands unless it is drawn
DOOR_Y = 32
WALL_RANGE = (20, 45)  # drawn walls: from, up to but not including
DOOR_RANGE = (10, 55)
UNSEEN_WALLS = (22, 27, 37, 42)  # kept from training; the dataset ``wall_other`` stands there

_WALL = 255
_BLOB_PX, _BLOB_BEFORE = 10, 4  # side of what is drawn of a dot, and what of it is before its pixel
_COLOURS = np.array([[235, 90, 60], [70, 90, 120]], np.float32)  # of dot and walls, for people


class Layout(NamedTuple):
    """Where the wall stands (column of its middle) and where the centre of its door is (row);
    numbers, or arrays ``(layouts,)`` of numpy or jax."""

    wall_x: Any
    door_y: Any


def fixed_layout(wall_x: int = WALL_X, door_y: int = DOOR_Y) -> Layout:
    """One layout.

    Raises ValueError for a wall or a door that does not fit between the borders.
    """
    for name, value, low, high in (
        ("wall_x", wall_x, LOW + 2 * WALL_REACH + 1, HIGH - 2 * WALL_REACH - 1),
        ("door_y", door_y, LOW + DOOR_REACH + 1, HIGH - DOOR_REACH - 1),
    ):
        if not low <= value <= high:
            raise ValueError(
                f"{name} = {value}: the rooms would not be closed, or have no space; give {low} to "
                f"{high}"
            )
    return Layout(np.int32(wall_x), np.int32(door_y))


def seen_walls() -> np.ndarray:
    """The columns that walls are drawn from for training: all but those that are kept unseen."""
    walls = np.arange(*WALL_RANGE, dtype=np.int32)
    return walls[~np.isin(walls, UNSEEN_WALLS)]


def drawn_layouts(rng: np.random.Generator, count: int, walls: np.ndarray) -> Layout:
    """``count`` layouts whose walls are drawn from ``walls``, and doors from all their range."""
    doors = rng.integers(*DOOR_RANGE, size=count)
    return Layout(rng.choice(walls, size=count).astype(np.int32), doors.astype(np.int32))


def is_free(position: Float[np.ndarray, "*many 2"], layout: Layout) -> np.ndarray:
    """Whether positions are inside the border, and not inside the wall."""
    x, y = position[..., 0], position[..., 1]
    inside = (x >= LOW) & (x <= HIGH) & (y >= LOW) & (y <= HIGH)
    at_wall = np.abs(x - layout.wall_x) < WALL_REACH
    at_door = np.abs(y - layout.door_y) <= DOOR_REACH
    return inside & (~at_wall | at_door)


def dot_pictures(positions: Float[np.ndarray, "*many 2"]) -> UInt8[np.ndarray, "many size size"]:
    """The channel of the dot: ``255 exp(-d²/2σ²)``, cut to whole numbers.

    A Gaussian of two coordinates is the product of two of one, and beyond 4.4 px it is below 1:
    only the 10 x 10 pixels about the dot are worked out. Positions are inside the border.
    """
    positions = np.asarray(positions, np.float32).reshape(-1, 2)
    first = np.floor(positions).astype(np.int32) - _BLOB_BEFORE
    places = np.minimum(first[..., None] + np.arange(_BLOB_PX, dtype=np.int32), SIZE_PX - 1)
    profile = dot_profile(places.astype(np.float32) - positions[..., None])
    blobs = (np.float32(255) * profile[:, 1, :, None]) * profile[:, 0, None, :]
    pictures = np.zeros((len(positions), SIZE_PX, SIZE_PX), np.uint8)
    numbers = np.arange(len(positions))[:, None, None]
    pictures[numbers, places[:, 1, :, None], places[:, 0, None, :]] = blobs.astype(np.uint8)
    return pictures


def dot_profile(away: Any) -> Any:
    """``exp(-d²/2σ²)`` of distances in px along one coordinate; numpy's arrays."""
    away = away / np.float32(DOT_SIGMA_PX)
    return np.exp(np.float32(-0.5) * away * away)


def wall_pictures(layout: Layout) -> UInt8[np.ndarray, "*layouts size size"]:
    """The channel of walls and border, 255 where there is one."""
    places = np.arange(SIZE_PX)
    at_border = (places == LOW) | (places == HIGH)
    wall_x, door_y = (np.asarray(each)[..., None] for each in layout)
    at_wall = np.abs(places - wall_x) <= WALL_REACH
    shut = np.abs(places - door_y) > DOOR_REACH
    solid = at_border[:, None] | at_border | (shut[..., :, None] & at_wall[..., None, :])
    return solid.astype(np.uint8) * np.uint8(_WALL)


def frames_of(
    positions: Float[np.ndarray, "*many 2"], layout: Layout
) -> UInt8[np.ndarray, "*many size size 2"]:
    """Whole frames, of one layout or of one for each position."""
    dots = dot_pictures(positions).reshape(*np.shape(positions)[:-1], SIZE_PX, SIZE_PX)
    walls = np.broadcast_to(wall_pictures(layout), dots.shape)
    return np.stack([dots, walls], axis=-1)


def colour_picture(frame: UInt8[np.ndarray, "height width 2"]) -> UInt8[np.ndarray, "h w 3"]:
    """A frame as people look at it: dot and walls in colours on white."""
    share = frame.astype(np.float32)[..., None] / 255
    paper = np.full((1, 1, 3), 255, np.float32)
    walls = paper + share[..., 1, :] * (_COLOURS[1] - paper)
    return (walls + share[..., 0, :] * (_COLOURS[0] - walls)).astype(np.uint8)
