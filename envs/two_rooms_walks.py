"""Trajectories of the dot, many at once: walks, walks into walls, and ways to goals.

A walk's first heading is uniform, each turn is von Mises with concentration 5, each step's length a
truncated normal (1.0, 0.4) px on 0.2 to 1.8; what is recorded as the control is the step that was
asked for, stopped or not.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri

from .two_rooms import DOOR_REACH, HIGH, LOW, WALL_REACH, Layout
from .two_rooms_motion import CLEARANCE_PX, free_places, moved

STEP_MEAN_PX, STEP_STD_PX = 1.0, 0.4
STEP_LOW_PX, STEP_HIGH_PX = 0.2, 1.8
TURN_CONCENTRATION = 5.0
EXPERT_STEP_PX = 0.9
_ARRIVED_PX = 1.0
_AIM = np.pi / 4  # a walk into a wall heads for it within this
_BY_DOOR_PX = 12.0
_TO_DOOR_STEPS = 18
_DOOR_MARGIN_PX = 2.0  # experts pass the door this far from its edges


class Walks(NamedTuple):
    """Trajectories: ``positions`` of every frame, ``controls`` between them, one layout each, and
    whether each move was ``stopped`` by a wall. All float64."""

    positions: Float[np.ndarray, "many time 2"]
    controls: Float[np.ndarray, "many time-1 2"]
    layout: Layout
    stopped: np.ndarray


def walk(layout: Layout, frames: int, rng: np.random.Generator) -> Walks:
    """One walk of so many frames in each layout, from anywhere."""
    start = free_places(layout, rng)
    heading = rng.uniform(0, 2 * np.pi, size=len(start))
    return _played(start, _steps(heading, frames - 1, rng), layout, rng)


def walk_into_wall(layout: Layout, frames: int, rng: np.random.Generator) -> Walks:
    """Walks that begin within reach of a wall of their room, heading for it.

    The wall is one of the room's four, by lot; the distance is uniform up to the number of steps.
    """
    place = free_places(layout, rng)
    count = len(place)
    side = rng.integers(4, size=count)  # left, right, top, bottom
    in_left = place[:, 0] < layout.wall_x
    left = np.where(in_left, LOW, layout.wall_x + WALL_REACH) + CLEARANCE_PX
    right = np.where(in_left, layout.wall_x - WALL_REACH, HIGH) - CLEARANCE_PX
    top, bottom = np.full(count, LOW + CLEARANCE_PX), np.full(count, HIGH - CLEARANCE_PX)
    far = rng.uniform(0, frames - 1, size=count)
    x = np.clip(place[:, 0], left, right)
    x = np.where(side == 0, np.minimum(left + far, right), x)
    x = np.where(side == 1, np.maximum(right - far, left), x)
    y = np.where(side == 2, np.minimum(top + far, bottom), place[:, 1])
    y = np.where(side == 3, np.maximum(bottom - far, top), y)
    towards = np.choose(side, [np.pi, 0.0, -np.pi / 2, np.pi / 2])
    heading = towards + rng.uniform(-_AIM, _AIM, size=count)
    return _played(np.stack([x, y], axis=-1), _steps(heading, frames - 1, rng), layout, rng)


def walk_by_door(layout: Layout, frames: int, rng: np.random.Generator) -> Walks:
    """Walks that begin up to 12 px from a door, on either side, and head for it every 18 steps."""
    count = len(layout.wall_x)
    side = rng.choice([-1.0, 1.0], size=count)
    far = rng.uniform(WALL_REACH + CLEARANCE_PX, _BY_DOOR_PX, size=count)
    x = np.clip(layout.wall_x + side * far, LOW + CLEARANCE_PX, HIGH - CLEARANCE_PX)
    y = layout.door_y + rng.uniform(-_BY_DOOR_PX, _BY_DOOR_PX, size=count) / 2
    y = np.clip(y, LOW + CLEARANCE_PX, HIGH - CLEARANCE_PX)
    place = np.stack([x, y], axis=-1)
    parts = []
    for begun in range(0, frames - 1, _TO_DOOR_STEPS):
        towards = _place_in_door(layout, rng) - place
        heading = np.arctan2(towards[:, 1], towards[:, 0])
        steps = _steps(heading, min(_TO_DOOR_STEPS, frames - 1 - begun), rng)
        parts.append(_played(place, steps, layout, rng))
        place = parts[-1].positions[:, -1]
    positions = [parts[0].positions[:, :1], *(part.positions[:, 1:] for part in parts)]
    controls, stopped = zip(*((part.controls, part.stopped) for part in parts), strict=True)
    return Walks(
        np.concatenate(positions, axis=1),
        np.concatenate(controls, axis=1),
        layout,
        np.concatenate(stopped, axis=1),
    )


def go_to_goals(layout: Layout, frames: int, rng: np.random.Generator) -> Walks:
    """Ways to goals: straight to a place in the other room, through the door, then to the next.

    Steps are 0.9 px long. Who arrives is given a new goal in the room that it is not in.
    """
    position = free_places(layout, rng)
    goal = _goal_elsewhere(position, layout, rng)
    door = _place_in_door(layout, rng)
    positions, controls, stopped = [position], [], []
    for _ in range(frames - 1):
        arrived = np.linalg.norm(goal - position, axis=-1) < _ARRIVED_PX
        if arrived.any():
            goal = np.where(arrived[:, None], _goal_elsewhere(position, layout, rng), goal)
            door = np.where(arrived[:, None], _place_in_door(layout, rng), door)
        step = _towards(_next_target(position, goal, door, layout), position)
        position, was_stopped = moved(position, step, layout, rng)
        positions.append(position)
        controls.append(step)
        stopped.append(was_stopped)
    return Walks(
        np.stack(positions, axis=1), np.stack(controls, axis=1), layout, np.stack(stopped, axis=1)
    )


def _steps(
    heading: Float[np.ndarray, "many"], count: int, rng: np.random.Generator
) -> Float[np.ndarray, "many count 2"]:
    """Steps of a walk that begins with ``heading``."""
    turns = rng.vonmises(0.0, TURN_CONCENTRATION, size=(len(heading), count))
    turns[:, 0] = 0
    angle = heading[:, None] + turns.cumsum(axis=1)
    low = ndtr((STEP_LOW_PX - STEP_MEAN_PX) / STEP_STD_PX)
    high = ndtr((STEP_HIGH_PX - STEP_MEAN_PX) / STEP_STD_PX)
    quantile = rng.uniform(low, high, size=angle.shape)
    length = STEP_MEAN_PX + STEP_STD_PX * ndtri(quantile)
    return length[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _played(
    start: Float[np.ndarray, "many 2"],
    steps: Float[np.ndarray, "many time-1 2"],
    layout: Layout,
    rng: np.random.Generator,
) -> Walks:
    positions, stopped = [start], []
    for step in np.moveaxis(steps, 1, 0):
        position, was_stopped = moved(positions[-1], step, layout, rng)
        positions.append(position)
        stopped.append(was_stopped)
    return Walks(np.stack(positions, axis=1), steps, layout, np.stack(stopped, axis=1))


def _goal_elsewhere(
    position: Float[np.ndarray, "many 2"], layout: Layout, rng: np.random.Generator
) -> Float[np.ndarray, "many 2"]:
    """A clear place in the room that each dot is not in."""
    in_left = position[:, 0] < layout.wall_x
    left = np.where(in_left, layout.wall_x + WALL_REACH, LOW) + CLEARANCE_PX
    right = np.where(in_left, HIGH, layout.wall_x - WALL_REACH) - CLEARANCE_PX
    x = rng.uniform(left, right)
    y = rng.uniform(LOW + CLEARANCE_PX, HIGH - CLEARANCE_PX, size=len(x))
    return np.stack([x, y], axis=-1)


def _place_in_door(layout: Layout, rng: np.random.Generator) -> Float[np.ndarray, "many 2"]:
    reach = DOOR_REACH - _DOOR_MARGIN_PX
    y = layout.door_y + rng.uniform(-reach, reach, size=np.shape(layout.door_y))
    return np.stack([layout.wall_x.astype(float), y], axis=-1)


def _next_target(
    position: Float[np.ndarray, "many 2"],
    goal: Float[np.ndarray, "many 2"],
    door: Float[np.ndarray, "many 2"],
    layout: Layout,
) -> Float[np.ndarray, "many 2"]:
    """The goal, or a point before the door, or one behind it, whatever comes next on the way."""
    side = np.where(goal[:, 0] > layout.wall_x, 1.0, -1.0)
    beyond = (position[:, 0] - layout.wall_x) * side > WALL_REACH
    lined_up = np.abs(position[:, 1] - layout.door_y) < DOOR_REACH - 1
    apart = np.where(lined_up, 1.0, -1.0) * side * (WALL_REACH + 2)
    by_door = np.stack([door[:, 0] + apart, door[:, 1]], axis=-1)
    return np.where(beyond[:, None], goal, by_door)


def _towards(
    target: Float[np.ndarray, "many 2"], position: Float[np.ndarray, "many 2"]
) -> Float[np.ndarray, "many 2"]:
    away = target - position
    distance = np.linalg.norm(away, axis=-1, keepdims=True)
    return away * np.minimum(1.0, EXPERT_STEP_PX / np.maximum(distance, 1e-9))
