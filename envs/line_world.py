"""A line of five states that show themselves by noisy points in the plane.

Gymnasium makes it as ``jopa_agent.envs.line_world:LineWorld-v0``.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete
from jaxtyping import Float

from .spot import draw_spot

STATES = 5
BACK, STAY, FORWARD = 0, 1, 2
ACTIONS = ("back", "stay", "forward")
NOISE = 0.1
"""Probability with which a move leads to any of the states at random instead."""

MEANS = np.array([(0.0, 3.2), (3.0, 1.0), (1.9, -2.6), (-1.9, -2.6), (-3.0, 1.0)])
"""Where each state shows itself on average; the emissions have unit variance around it."""

_SIDE_PX = 256


def transition_matrix(noise: float = NOISE) -> Float[np.ndarray, "next state action"]:
    """Probability of the next state, given state and action: at an end one stays where one is."""
    sure = np.zeros((STATES, STATES, len(ACTIONS)))
    for state in range(STATES):
        for action in range(len(ACTIONS)):
            sure[np.clip(state + action - STAY, 0, STATES - 1), state, action] = 1.0
    return (1 - noise) * sure + noise / STATES


class LineWorld(gymnasium.Env):
    """Actions are back, stay and forward; an observation is the state's emission ``(2,)``.

    An episode begins in state 0, or in that of the option ``state``, and has neither end nor
    reward: what is worth reaching, the agent says. ``noise`` is that of the moves. The true state
    is the attribute ``state``, and in no observation.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None, noise: float = NOISE) -> None:
        if not 0 <= noise <= 1:
            raise ValueError(f"noise is {noise}: a probability is wanted; give one from 0 to 1")
        self.render_mode = render_mode
        self.action_space = Discrete(len(ACTIONS))
        self.observation_space = Box(-np.inf, np.inf, (2,), np.float32)
        self.state = 0
        self.emission = np.zeros(2, np.float32)
        self._moves = transition_matrix(noise)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        state = (options or {}).get("state", 0)
        if state not in range(STATES):
            raise ValueError(f"state is {state!r}: the line has the states 0 ... {STATES - 1}")
        self.state = int(state)
        return self._emit(), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        if not self.action_space.contains(action):
            raise ValueError(f"action is {action!r}: give 0 (back), 1 (stay) or 2 (forward)")
        self.state = int(self.np_random.choice(STATES, p=self._moves[:, self.state, action]))
        return self._emit(), 0.0, False, False, {}

    def render(self) -> np.ndarray:
        """The last emission as a spot of light, uint8 ``(256, 256, 3)``."""
        return draw_spot(self.emission, _SIDE_PX)

    def _emit(self) -> np.ndarray:
        noise = self.np_random.standard_normal(2)
        self.emission = (MEANS[self.state] + noise).astype(np.float32)
        return self.emission


gymnasium.register("LineWorld-v0", entry_point=f"{__name__}:LineWorld")
