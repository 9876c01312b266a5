"""The mind that a run is driven with: from the folder of a model, and settings."""

from collections.abc import Mapping
from pathlib import Path

from ..configs.settings import Settings
from .learning.checkpoint import load_model
from .mind import Mind
from .senses.factors import senses_of


def load_mind(folder: Path, settings: Settings, factors: Mapping[str, Path] | None = None) -> Mind:
    """The mind with the model in ``folder``, and the senses that ``settings`` declare.

    ``factors`` says where a copy of a sensor's factor file lies. Raises ``ValueError`` in one line
    where model or senses do not fit.
    """
    model = load_model(folder, settings.body)
    body = settings.body
    delay = (body.frame_delay, body.command_delay)
    senses = senses_of(settings.sensors, model, factors)
    return Mind(model, settings.planner, settings.run.seed, delay, settings.online, senses)
