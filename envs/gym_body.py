"""Any Gymnasium environment with a picture and a bounded continuous action, as a body."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from .body import BodySpec, Start, Truth
from .camera import Camera

# What an agent has unless it is told otherwise: the size of its frames, and about how long a tick
# is. In much shorter ones a body moves by less than the camera tells, and a plan of as many ticks
# ends before the body can be anywhere else.
_SIZE_PX = 32
_TICK_S = 0.05


class GymBody:
    """The environment called ``env_id``, as in ``module:EnvId``, whose module is imported first.
    ``frame_skip`` of its steps are a tick: they have one control, and the last one's picture.

    An episode that the environment would end goes on: what ends is the agent's own time. There is
    no angle to score by, so its truth is the reward alone.
    """

    def __init__(self, env_id: str, camera: Camera, frame_skip: int = 1) -> None:
        """ValueError where there is no such environment, or none that can be driven."""
        self._env = _made(env_id)
        self._camera, self._frame_skip = camera, frame_skip
        self._reward = 0.0
        space = self._env.action_space
        low, high = (np.asarray(x, np.float32).reshape(-1) for x in (space.low, space.high))
        self._env.reset(seed=0)
        render = _render(self._env, env_id)
        if min(render.shape[:2]) < camera.crop_px:
            raise ValueError(
                f"environment {env_id!r} renders {render.shape[1]}x{render.shape[0]} px, but "
                f"body.camera_crop_px is {camera.crop_px}: set it to at most the smaller side"
            )
        self.spec = BodySpec(
            name=env_id,
            period_s=frame_skip * _period_s(self._env),
            control_low=low,
            control_high=high,
            safe_control=np.clip(np.zeros_like(low), low, high),
            frame_shape=camera.frame_shape,
        )

    def reset(self, seed: int, start: Start) -> np.ndarray:
        """Begin as the environment does, whatever the ``start``."""
        del start
        self._env.reset(seed=seed)
        self._reward = 0.0
        return self._frame()

    def step(self, control: np.ndarray) -> np.ndarray:
        space = self._env.action_space
        action = np.asarray(control, space.dtype).reshape(space.shape)
        self._reward = sum(float(self._env.step(action)[1]) for _ in range(self._frame_skip))
        return self._frame()

    def truth(self) -> Truth:
        return Truth(state=np.full(2, np.nan), reward=self._reward)

    def close(self) -> None:
        self._env.close()

    def _frame(self) -> np.ndarray:
        return self._camera.capture(_render(self._env, self.spec.name))


def derived_preset(env_id: str) -> dict[str, dict[str, Any]]:
    """Settings that follow from the environment itself: as many of its steps a tick as take 50 ms
    at most, the ticks a second, and the largest square of its picture. ValueError as
    :class:`GymBody` raises it."""
    env = _made(env_id)
    try:
        env.reset(seed=0)
        side = min(_render(env, env_id).shape[:2])
        period_s = _period_s(env)
        frame_skip = max(int(_TICK_S / period_s + 1e-6), 1)
        if side < _SIZE_PX:
            raise ValueError(
                f"environment {env_id!r} renders {side} px: frames of {_SIZE_PX} need as many"
            )
        return {
            "body": {
                "name": env_id,
                "frame_skip": frame_skip,
                "camera_crop_px": side - side % _SIZE_PX,
                "camera_size_px": _SIZE_PX,
            },
            "run": {
                "rate_hz": round(1 / (frame_skip * period_s), 6),
                "start": "gymnasium",
                "score": False,
            },
        }
    finally:
        env.close()


def _made(env_id: str) -> Any:
    import gymnasium
    from gymnasium.spaces import Box

    from .headless import render_to_memory

    render_to_memory()
    here = str(Path.cwd())
    if ":" in env_id and here not in sys.path:
        sys.path.append(here)  # where a user's module lies, as for python itself
    try:
        env: Any = gymnasium.make(env_id, render_mode="rgb_array").unwrapped
    except Exception as error:  # whatever a user's module raises  # noqa: BLE001
        said = (str(error).splitlines() or [""])[0]
        raise ValueError(
            f"environment {env_id!r} cannot be made ({type(error).__name__}: {said}): give a "
            "preset, or module:EnvId of a module that registers it with Gymnasium"
        ) from None
    space = env.action_space
    if not isinstance(space, Box) or not np.isfinite([space.low, space.high]).all():
        env.close()
        raise ValueError(
            f"environment {env_id!r} has the action space {space}: only a Box with finite limits "
            "can be planned for"
        )
    return env


def _render(env: Any, env_id: str) -> np.ndarray:
    picture = env.render()
    if not isinstance(picture, np.ndarray) or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(
            f"environment {env_id!r} renders {getattr(picture, 'shape', type(picture).__name__)}: "
            "render_mode='rgb_array' must give an array (height, width, 3)"
        )
    return picture


def _period_s(env: Any) -> float:
    """Seconds that a step lasts: the environment's own ``dt``, or else its frames per second."""
    period = getattr(env, "dt", None)
    if period is None:
        rate = env.metadata.get("render_fps")
        period = 1 / rate if rate else 0.05
    return float(period)
