"""Gymnasium's Pendulum-v1, its physics unchanged, seen through a small camera."""

from typing import Any

import numpy as np

from .body import BodySpec, Start, Truth
from .camera import Camera
from .headless import render_to_memory
from .physics import PendulumPhysics

_STRONGEST = 4.0  # of a pull, in the largest torques of its own


class Pendulum:
    """An inverted pendulum: angle 0 is upright, positive counter-clockwise, torque in N·m."""

    def __init__(self, camera: Camera, physics: PendulumPhysics | None = None) -> None:
        """As Gymnasium made it, or with other ``physics``."""
        import gymnasium

        render_to_memory()
        self._env: Any = gymnasium.make("Pendulum-v1", render_mode="rgb_array").unwrapped
        self._env.reset(seed=0)
        self.physics = PendulumPhysics() if physics is None else physics
        self.alter(self.physics)
        self._camera = camera
        self._reward = 0.0
        limit = np.array([self._env.max_torque], dtype=np.float32)
        self.spec = BodySpec(
            name="pendulum",
            period_s=self._env.dt,
            control_low=-limit,
            control_high=limit,
            safe_control=np.zeros(1, dtype=np.float32),
            frame_shape=camera.frame_shape,
            draggable=True,
        )

    def reset(self, seed: int, start: Start) -> np.ndarray:
        self._env.reset(seed=seed)
        if start == "hanging":
            self._env.state = np.array([np.pi, 0.0])
        self._reward = 0.0
        return self._frame()

    def step(self, control: np.ndarray) -> np.ndarray:
        _, reward, *_ = self._env.step(np.asarray(control, dtype=np.float64))
        self._reward = float(reward)
        return self._frame()

    def truth(self) -> Truth:
        return Truth(state=self._env.state.copy(), reward=self._reward)

    def picture(self, angle: float) -> np.ndarray:
        state = self._env.state
        self._env.state = np.array([angle, 0.0])
        frame = self._frame()
        self._env.state = state
        return frame

    def holding_effort(self, angle: float) -> float:
        env = self._env
        return abs(np.sin(angle)) * env.m * env.g * env.l / 2 / env.max_torque

    def push(self, speed: float) -> None:
        """Give it this angular velocity in rad/s, as a blow would."""
        self._env.state[1] = speed

    def drag(self, place: np.ndarray, force: np.ndarray) -> None:
        """As a torque about the middle of the picture, of at most four times the body's own."""
        env = self._env
        across, down = np.clip(place, -1, 1).tolist()
        right, below = np.clip(force, -2, 2).tolist()
        lever = right * down - below * across  # counter-clockwise, as the angle is
        torque = env.max_torque * float(np.clip(2 * lever, -_STRONGEST, _STRONGEST))
        theta, speed = env.state
        speed += 3 * torque / (env.m * env.l**2) * env.dt
        env.state = np.array([theta, np.clip(speed, -env.max_speed, env.max_speed)])

    def alter(self, physics: PendulumPhysics) -> None:
        """Move by other ``physics`` from now on; ``self.physics`` stays what it was made with."""
        env = self._env
        env.m, env.l, env.g = physics.mass, physics.length, physics.gravity
        env.dt, env.max_torque, env.max_speed = physics.period_s, physics.limit, physics.top_speed

    def close(self) -> None:
        self._env.close()

    def _frame(self) -> np.ndarray:
        # The renderer draws the last torque as an arrow; hidden, or frames would leak the action.
        self._env.last_u = None
        return self._camera.capture(self._env.render())
