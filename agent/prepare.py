"""What a run begins with: the goal as a picture, the body, and other pictures to choose from."""

from pathlib import Path

from ..configs.settings import Settings
from ..envs import Goal, read_goal
from .bodies import body_for
from .gallery import gallery_of
from .runs.launch import Launch


def prepare(settings: Settings, model: Path) -> tuple[Launch, Goal]:
    """What the processes of a run are told, and the goal that ``run.goal`` names.

    Raises :class:`jopa_agent.configs.settings.SettingsError` for a body that there is not,
    :class:`jopa_agent.envs.GoalError` for a goal that cannot be understood.
    """
    body = body_for(settings)
    try:
        goal = read_goal(settings.run.goal, body)
        gallery = gallery_of(body, model)
    finally:
        body.close()
    return Launch(settings, body.spec, model, goal.image, gallery), goal
