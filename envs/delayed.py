"""A body whose frames arrive late, and whose controls act late, by whole ticks."""

from collections import deque
from typing import Any

import numpy as np

from .body import Body, BodySpec, Start, Truth


class Delayed:
    """``body`` seen ``frames`` ticks late, and moved ``commands`` ticks late.

    Until the first late frame and control are there, it shows its first frame, and obeys the safe
    control. The truth is that of now.
    """

    def __init__(self, body: Body, frames: int, commands: int) -> None:
        self._body = body
        self._frames: deque[np.ndarray] = deque(maxlen=frames + 1)
        self._commands: deque[np.ndarray] = deque(maxlen=commands + 1)

    @property
    def spec(self) -> BodySpec:
        return self._body.spec

    def reset(self, seed: int, start: Start) -> np.ndarray:
        first = self._body.reset(seed, start)
        self._frames.extend([first] * (self._frames.maxlen or 1))
        self._commands.extend([self.spec.safe_control] * (self._commands.maxlen or 1))
        return first

    def step(self, control: np.ndarray) -> np.ndarray:
        self._commands.append(control)
        self._frames.append(self._body.step(self._commands[0]))
        return self._frames[0]

    def truth(self) -> Truth:
        return self._body.truth()

    def __getattr__(self, name: str) -> Any:
        """What only some bodies can do, this one can if its body can."""
        return getattr(self._body, name)

    def close(self) -> None:
        self._body.close()
