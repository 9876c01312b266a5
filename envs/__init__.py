"""Bodies that the agent can drive, and the pictures that its goals are made of."""

from .body import Body, BodySpec, Draggable, Nameable, Posable, Start, Truth
from .goals import Goal, GoalError, goal_at, picture_at, read_goal, read_picture
from .gym_body import derived_preset
from .registry import is_environment, make_body, names

__all__ = [
    "Body",
    "BodySpec",
    "Draggable",
    "Goal",
    "GoalError",
    "Nameable",
    "Posable",
    "Start",
    "Truth",
    "derived_preset",
    "goal_at",
    "is_environment",
    "make_body",
    "names",
    "picture_at",
    "read_goal",
    "read_picture",
]
