"""What a mind learns from one tick while it acts."""

from dataclasses import replace

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, UInt8

from ..configs.sections import Online
from .graph.gaussian import Belief
from .graph.lessons import Lessons, anew, faded, taught, with_lesson
from .graph.motion import inflated
from .model import Model
from .observe import STRUCK


def learned(
    online: Online,
    trained: Model,
    lessons: Lessons,
    before: Belief,
    control: Float[Array, "p"],
    view: UInt8[Array, "height width channels"],
    seen: Bool[Array, ""],
    surprise: Float[Array, ""],
    after: Belief,
) -> tuple[Model, Lessons, Belief]:
    """The model once a tick has been counted, in which ``control`` led from ``before`` to ``view``,
    and what the belief ``after`` it becomes in its light.

    A frame so surprising that something must have struck the body tells nothing of its strengths,
    and the state is filtered anew from there.
    """
    struck = surprise > STRUCK
    told = jnp.where(seen & ~struck, 1.0, 0.0)
    lessons = faded(lessons, online.std, online.memory)
    ahead = taught(trained.transition, lessons).mean(before.mean, control)
    message = trained.sensor.messages(view[None], ahead[None])
    pose_cov = jnp.linalg.inv(message.precision[0])
    pose = pose_cov @ message.eta[0]
    filtered = inflated(trained.transition, trained.inflation)
    lessons, change = with_lesson(lessons, filtered, before, control, pose, pose_cov, told)
    lessons = jax.tree.map(lambda x, y: jnp.where(struck, x, y), anew(lessons), lessons)
    model = replace(trained, transition=taught(trained.transition, lessons))
    return model, lessons, Belief.of(after.mean + change, after.root)
