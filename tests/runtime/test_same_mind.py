"""The evaluation, which has no processes, plays what the processes play."""

from typing import Any

import numpy as np
from jopa_agent.agent.evaluation.episode import play_episode
from jopa_agent.agent.mind import load_mind
from jopa_agent.envs import make_body, read_goal
from jopa_agent.envs.camera import Camera


def test_evaluation_and_lockstep_processes_play_the_same_torques(place: Any) -> None:
    settings = place.settings(start="gymnasium", seed=5, duration_s=3.0)
    summary, record = place.run(settings)

    body = make_body("pendulum", Camera(256, 32))
    goal = read_goal("upright", body)
    mind = load_mind(place.model, settings)
    other = play_episode(mind, body, goal.image, goal.angle, settings, seed=6)
    same = play_episode(mind, body, goal.image, goal.angle, settings, seed=5)

    assert np.ptp(record.control) > 1.0
    assert same.controls.tobytes() == record.control[1:].tobytes()
    assert other.controls.tobytes() != same.controls.tobytes()
    assert same.score.steps_to_reach == summary.steps_to_reach
    assert same.score.final_error == summary.final_error
