"""The evaluation, which has no processes, plays what the processes play."""

from typing import Any

import numpy as np
import pytest
from jopa_agent.agent.bodies import body_for
from jopa_agent.agent.evaluation.episode import Task, play_episode
from jopa_agent.agent.minds import load_mind
from jopa_agent.envs import read_goal


@pytest.mark.parametrize("late", [False, True])
def test_evaluation_and_lockstep_processes_play_the_same_torques(place: Any, late: bool) -> None:
    settings = place.settings(start="gymnasium", seed=5, duration_s=3.0)
    body = {"frame_delay": 1, "command_delay": 1} if late else {}
    settings = settings.model_copy(update={"body": settings.body.model_copy(update=body)})
    summary, record, _ = place.run(settings)

    body = body_for(settings)
    goal = read_goal("upright", body)
    mind = load_mind(place.model, settings)
    other = play_episode(mind, body, Task(goal, 6), settings)
    same = play_episode(mind, body, Task(goal, 5), settings)

    assert np.ptp(record.control) > 1.0
    assert same.controls.tobytes() == record.control[1:].tobytes()
    assert other.controls.tobytes() != same.controls.tobytes()
    assert same.score.steps_to_reach == summary.steps_to_reach
    assert same.score.final_error == summary.final_error
