"""Two bodies that are not the preset's, registered with Gymnasium: for ``jopa-agent`` as
``bodies:BrightPendulum-v0`` and ``bodies:TwoLinkArm-v0``, from this folder.

Both are drawn with Pillow and know nothing of jopa-agent.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from PIL import Image, ImageDraw

_SIZE_PX = 128


class _Drawn(gymnasium.Env):
    """An environment that renders a picture, and neither rewards nor ends."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(self, render_mode: str | None, limits: list[float], states: int) -> None:
        self.render_mode = render_mode
        high = np.array(limits, np.float32)
        self.action_space = Box(-high, high)
        self.observation_space = Box(-np.inf, np.inf, (states,))
        self.state = np.zeros(states)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed, options=options)
        half = len(self.state) // 2
        self.state[:half] = self.np_random.uniform(-np.pi, np.pi, half)
        self.state[half:] = self.np_random.uniform(-1, 1, half)
        return self.state.copy(), {}

    def step(self, action: np.ndarray):
        low, high = self.action_space.low, self.action_space.high  # type: ignore[attr-defined]
        self.move(np.clip(np.asarray(action, float).reshape(-1), low, high))
        return self.state.copy(), 0.0, False, False, {}

    def move(self, torque: np.ndarray) -> None:
        raise NotImplementedError


class BrightPendulum(_Drawn):
    """A pendulum strong enough to be held anywhere, at 50 Hz: a thick orange rod before a dark
    texture. Its angle is 0 upright."""

    dt = 0.02
    mass, length, gravity, friction, limit = 0.5, 0.8, 9.81, 0.05, 4.0

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode, [self.limit], 2)
        grain = np.random.default_rng(7).integers(0, 50, (_SIZE_PX // 8, _SIZE_PX // 8, 3))
        self._texture = Image.fromarray(grain.astype(np.uint8)).resize(
            (_SIZE_PX, _SIZE_PX), Image.Resampling.BICUBIC
        )

    def move(self, torque: np.ndarray) -> None:
        angle, speed = self.state
        inertia = self.mass * self.length**2
        pull = self.gravity / self.length * np.sin(angle)
        speed += self.dt * (pull + (torque[0] - self.friction * speed) / inertia)
        self.state = np.array([angle + self.dt * speed, speed])

    def render(self) -> np.ndarray:
        picture = self._texture.copy()
        middle, reach = _SIZE_PX / 2, 0.4 * _SIZE_PX
        angle = self.state[0]
        end = (middle - reach * np.sin(angle), middle - reach * np.cos(angle))
        draw = ImageDraw.Draw(picture)
        draw.line([(middle, middle), end], fill=(255, 150, 30), width=14)
        draw.ellipse([end[0] - 11, end[1] - 11, end[0] + 11, end[1] + 11], fill=(255, 240, 200))
        return np.asarray(picture)


class TwoLinkArm(_Drawn):
    """An arm of two links that lies on a table, at 20 Hz: a spring at each of its joints, which its
    two motors stretch by about one radian either way, and friction."""

    dt = 0.05
    inertia, coupling, friction = (1.2, 0.3), 0.25, np.array([1.5, 0.5])
    rest, stiffness, limits = np.array([0.6, 1.2]), np.array([2.4, 0.8]), [2.4, 0.8]

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode, self.limits, 4)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed, options=options)
        self.state[:2] = self.rest + self.state[:2] / np.pi
        return self.state.copy(), {}

    def move(self, torque: np.ndarray) -> None:
        for _ in range(5):
            angle, speed = self.state[:2], self.state[2:]
            cross = self.coupling * np.cos(angle[1])
            first, second = self.inertia
            mass = np.array([[first + 2 * cross, second + cross], [second + cross, second]])
            swing = self.coupling * np.sin(angle[1])
            turning = swing * np.array([-speed[1] * (2 * speed[0] + speed[1]), speed[0] ** 2])
            pull = self.stiffness * (angle - self.rest) + self.friction * speed
            speed = speed + self.dt / 5 * np.linalg.solve(mass, torque - pull - turning)
            angle = angle + self.dt / 5 * speed
            self.state = np.concatenate([angle, speed])

    def render(self) -> np.ndarray:
        picture = Image.new("RGB", (_SIZE_PX, _SIZE_PX), (250, 250, 250))
        draw = ImageDraw.Draw(picture)
        middle, reach = np.full(2, _SIZE_PX / 2), 0.22 * _SIZE_PX
        angles = np.cumsum(self.state[:2])
        elbow = middle + reach * np.array([np.cos(angles[0]), -np.sin(angles[0])])
        hand = elbow + reach * np.array([np.cos(angles[1]), -np.sin(angles[1])])
        draw.line([*middle, *elbow], fill=(20, 60, 160), width=12)
        draw.line([*elbow, *hand], fill=(20, 60, 160), width=8)
        draw.ellipse([*(hand - 7), *(hand + 7)], fill=(200, 30, 30))
        return np.asarray(picture)


gymnasium.register("BrightPendulum-v0", entry_point=BrightPendulum)
gymnasium.register("TwoLinkArm-v0", entry_point=TwoLinkArm)
