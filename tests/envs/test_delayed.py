"""Delays: what is seen, and what is obeyed, is that of some ticks ago."""

import numpy as np
from jopa_agent.envs import Posable, make_body
from jopa_agent.envs.camera import Camera
from jopa_agent.envs.pendulum import Pendulum

CAMERA = Camera(256, 32)


def controls(steps: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return list(rng.uniform(-2, 2, (steps, 1)).astype(np.float32))


def played(body: Pendulum, torques: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    frames = [body.reset(3, "gymnasium")]
    states = [body.truth().state]
    for torque in torques:
        frames.append(body.step(torque))
        states.append(body.truth().state)
    return np.array(frames), np.array(states)


def test_frames_and_controls_are_late(pendulum: Pendulum):
    torques = controls(12)
    still = [np.zeros(1, np.float32)]
    frames, states = played(pendulum, torques)
    late_frames, same = played(make_body("pendulum", CAMERA, delay=(2, 0)), torques)  # type: ignore[arg-type]
    np.testing.assert_array_equal(late_frames[2:], frames[:-2])
    np.testing.assert_array_equal(late_frames[:2], frames[[0, 0]])
    np.testing.assert_array_equal(same, states)
    _, obeyed = played(make_body("pendulum", CAMERA, delay=(0, 2)), torques)  # type: ignore[arg-type]
    np.testing.assert_array_equal(obeyed, played(pendulum, 2 * still + torques[:-2])[1])


def test_it_can_what_its_body_can(pendulum: Pendulum):
    body = make_body("pendulum", CAMERA, delay=(1, 1))
    assert isinstance(body, Posable)
    np.testing.assert_array_equal(body.picture(0.3), pendulum.picture(0.3))
    body.reset(0, "hanging")
    body.push(5.0)
    assert body.truth().state[1] == 5.0
    body.close()
