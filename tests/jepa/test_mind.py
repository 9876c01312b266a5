"""The agent that is shipped for the two rooms: its beliefs, and its journeys."""

import numpy as np
import pytest
from jopa_agent.agent.jepa.equipment import load_equipment
from jopa_agent.agent.jepa.files import load_world
from jopa_agent.agent.jepa.graph import surprises, world_graph
from jopa_agent.agent.jepa.journeys import journey_figures, travel
from jopa_agent.agent.jepa.mind import Mind, load_mind
from jopa_agent.agent.jepa.sets import judged
from jopa_agent.agent.learning.errors import ModelError
from jopa_agent.configs.settings import settings_from, shipped_model
from jopa_agent.envs.two_rooms import Layout, frames_of
from jopa_agent.envs.two_rooms_body import TwoRoomsBody

FOLDER = shipped_model("two-rooms")


@pytest.fixture(scope="module")
def mind() -> Mind:
    return load_mind(FOLDER, settings_from())


def test_what_frames_tell_is_as_uncertain_as_the_graph_says():
    model, architecture = load_world(FOLDER)
    graph = world_graph(model, load_equipment(FOLDER, architecture).noise)
    walks = judged("normal", 20, seed=91)
    found = []
    for row in range(20):
        layout = Layout(*(each[row] for each in walks.layout))
        frames = frames_of(walks.positions[row], layout)
        controls = walks.controls[row].astype(np.float32)
        found.append(surprises(graph, frames, controls, architecture.moving))
    scores = np.concatenate(found)
    assert 0.6 < (scores**2).mean() < 1.6
    for sigmas, share in ((0.674, 0.5), (1.645, 0.9)):
        assert abs((np.abs(scores) < sigmas).mean() - share) < 0.1


def test_it_goes_through_doors_to_places_that_pictures_show(mind):
    journeys = travel(mind, 2, seed=11)
    assert journey_figures(journeys)["success_fraction"] == 1
    for journey in journeys:
        assert (journey.start[0] - journey.wall_x) * (journey.goal[0] - journey.wall_x) < 0


def test_a_lost_frame_widens_the_belief_and_the_next_narrows_it(mind):
    body = TwoRoomsBody("wall_x=32,door_y=20")
    frame = body.reset(3, "gymnasium")
    goal = body.goal_called("50, 50")
    assert goal is not None
    mind.reset(0)
    mind.set_goal(goal[0])
    steps = [mind.step(frame, np.zeros(2))]
    for lost in (False, True, True, False):
        frame = body.step(steps[-1].controls[0])
        steps.append(mind.step(None if lost else frame, steps[-1].controls[0]))
    width = [step.std[: len(step.goal)].mean() for step in steps]
    assert width[1] < width[2] < width[3]
    assert width[4] < 1.2 * width[1]
    assert all(np.isfinite(step.planned_std).all() for step in steps)


def test_without_a_goal_or_with_delays_it_says_so(mind):
    fresh = Mind(*load_world(FOLDER), mind._equipment)
    with pytest.raises(ValueError, match="no goal to plan for"):
        fresh.step(np.zeros((65, 65, 2), np.uint8), np.zeros(2))
    with pytest.raises(ModelError, match="takes neither delays nor sensors"):
        load_mind(FOLDER, settings_from({"body": {"frame_delay": 1}}))


def test_goals_and_walls_are_understood_or_refused():
    body = TwoRoomsBody()
    assert body.goal_called("upright") is None
    with pytest.raises(ValueError, match="no dot can be there"):
        body.goal_called("32,50")
    for physics in ("wall=3", "wall_x=32,wall_x=33", "door_y=high"):
        with pytest.raises(ValueError, match="is no wall of two-rooms"):
            TwoRoomsBody(physics)
    with pytest.raises(ValueError, match="wall_x = 5: the rooms"):
        TwoRoomsBody("wall_x=5")
