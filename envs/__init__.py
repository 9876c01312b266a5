"""Bodies that the agent can drive, and the pictures that its goals are made of."""

from .body import Body, BodySpec, Start, Truth
from .goals import Goal, GoalError, read_goal
from .registry import make_body, names

__all__ = [
    "Body",
    "BodySpec",
    "Goal",
    "GoalError",
    "Start",
    "Truth",
    "make_body",
    "names",
    "read_goal",
]
