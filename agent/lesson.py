"""What a mind learns from one transition while it acts."""

from dataclasses import replace

from jaxtyping import Array, Float

from ..configs.settings import Online
from .graph.gaussian import Belief
from .graph.lessons import Lessons, taught, with_lesson
from .model import Model

_SURPRISING = 3.0  # sigmas


def learned(
    online: Online,
    trained: Model,
    lessons: Lessons,
    before: Belief,
    control: Float[Array, "p"],
    after: Belief,
    surprise: Float[Array, ""],
) -> tuple[Model, Lessons]:
    """The model once a transition between two beliefs has been counted.

    The whole change of velocity is put down to the layer, the disturbance's share, too: what the
    disturbance has taken up is what there is to learn. A surprising frame counts less, as under
    Student's t: it tells of a blow, or of a belief that was wrong before.
    """
    d = trained.transition.outputs
    velocity = slice(d, 2 * d)
    output = after.mean[velocity] - before.mean[velocity]
    weight = online.weight / (1 + (surprise / _SURPRISING) ** 4)
    lessons = with_lesson(
        lessons, trained.transition, before.mean, control, output, weight, online.forgetting
    )
    return replace(trained, transition=taught(trained.transition, lessons)), lessons
