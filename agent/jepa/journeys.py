"""Journeys to image goals in the other room, scored by where the dot truly is."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...envs.two_rooms import WALL_RANGE, Layout, drawn_layouts
from ...envs.two_rooms_env import TwoRooms
from ...envs.two_rooms_motion import free_places
from .mind import Mind

STEPS = 200  # of a journey, at most
REACHED_PX = 1.5


@dataclass(frozen=True)
class Journey:
    """One journey: its layout, true start and goal, the steps until the dot was within 1.5 px of
    the goal, None where it never was, its last distance, how many steps a wall stopped, how long
    each plan took, and where the dot went."""

    wall_x: int
    door_y: int
    start: tuple[float, float]
    goal: tuple[float, float]
    steps: int | None
    last_px: float
    stops: int
    plan_ms: list[float]
    path: list[tuple[float, float]]


def travel(
    mind: Mind, count: int, seed: int, show: Callable[[int, int], None] | None = None
) -> list[Journey]:
    """Journeys between random places in different rooms of random layouts, all drawn anew.

    ``show`` is called with those that succeeded and those that were made.
    """
    rng = np.random.default_rng((seed, 7919))
    journeys: list[Journey] = []
    for number in range(count):
        layout = drawn_layouts(rng, 1, np.arange(*WALL_RANGE))
        start, goal = _start_and_goal(layout, rng)
        env = TwoRooms(int(layout.wall_x[0]), int(layout.door_y[0]))
        journeys.append(_journey(mind, env, start, goal, number))
        if show:
            show(sum(each.steps is not None for each in journeys), len(journeys))
    return journeys


def journey_figures(journeys: list[Journey]) -> dict[str, Any]:
    """What the journeys amount to, as JSON takes it."""
    steps = [each.steps for each in journeys if each.steps is not None]
    plan = np.concatenate([each.plan_ms for each in journeys])
    stops = [each.stops for each in journeys]
    return {
        "success_fraction": len(steps) / len(journeys),
        "journeys": len(journeys),
        "within_px": REACHED_PX,
        "steps": {"median": float(np.median(steps)), "most": max(steps)} if steps else None,
        "stops": {"median": float(np.median(stops)), "most": max(stops)},
        "plan_ms": {"median": float(np.median(plan)), "p99": float(np.percentile(plan, 99))},
        "failed": [asdict(each) for each in journeys if each.steps is None],
    }


def _start_and_goal(layout: Layout, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two free places with the wall between them."""
    while True:
        start, goal = free_places(layout, rng)[0], free_places(layout, rng)[0]
        if (start[0] - layout.wall_x[0]) * (goal[0] - layout.wall_x[0]) < 0:
            return start, goal


def _journey(mind: Mind, env: TwoRooms, start: np.ndarray, goal: np.ndarray, seed: int) -> Journey:
    frame, info = env.reset(seed=seed, options={"position": start})
    mind.reset(seed)
    mind.set_goal(env.picture(goal))
    control, reached, plan_ms = np.zeros(2, np.float32), None, []
    path, stops = [info["position"]], 0
    for tick in range(STEPS):
        told = mind.step(frame, control)
        plan_ms.append(told.plan_ns / 1e6)
        control = told.controls[0]
        frame, *_, info = env.step(control)
        path.append(info["position"])
        stops += info["stopped"]
        if np.linalg.norm(path[-1] - goal) < REACHED_PX:
            reached = tick + 1
            break
    return Journey(
        wall_x=info["wall_x"],
        door_y=info["door_y"],
        start=(float(start[0]), float(start[1])),
        goal=(float(goal[0]), float(goal[1])),
        steps=reached,
        last_px=float(np.linalg.norm(path[-1] - goal)),
        stops=stops,
        plan_ms=plan_ms,
        path=[(float(x), float(y)) for x, y in path],
    )
