"""The pendulum as the preset sees it, one for all tests, and Gymnasium's own beside it."""

from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from jopa_agent.envs import make_body
from jopa_agent.envs.camera import Camera
from jopa_agent.envs.pendulum import Pendulum


@pytest.fixture(scope="session")
def shared_pendulum() -> Iterator[Pendulum]:
    body = make_body("pendulum", Camera(256, 32))
    assert isinstance(body, Pendulum)
    yield body
    body.close()


@pytest.fixture
def pendulum(shared_pendulum: Pendulum) -> Pendulum:
    shared_pendulum.reset(0, "hanging")
    return shared_pendulum


@pytest.fixture(scope="session")
def render_at(shared_pendulum: Pendulum) -> Iterator[Callable[..., np.ndarray]]:  # noqa: ARG001
    """Gymnasium's own render, 500x500 in colour, at an angle and with the arrow of a torque.

    It needs the session's pendulum, which has started the video without a display.
    """
    env: Any = gymnasium.make("Pendulum-v1", render_mode="rgb_array").unwrapped
    env.reset(seed=0)

    def render(angle: float, torque: float | None = None) -> np.ndarray:
        env.state, env.last_u = np.array([angle, 0.0]), torque
        return env.render()

    yield render
    env.close()
