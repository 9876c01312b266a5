"""The training of a world model: AdamW along a cosine, in stretches that can be resumed.

What a step sees depends on the seed and its number alone, so a training that was cut off goes on as
if it had not been.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

from .frames import drawn_dots, drawn_walls
from .losses import Terms, Weights, terms_of
from .model import WorldModel

_WARM_UP = 0.02  # of all steps
_LAST_RATE = 0.01  # of the highest


@dataclass(frozen=True)
class Schedule:
    """How a model is trained: ``steps`` of ``batch`` windows of ``window`` frames.

    Of each window the first frame and ``looks`` later ones are encoded, one in each of as many
    equal parts; the model predicts through all of it, and is compared where it looks.
    """

    steps: int
    batch: int = 128
    window: int = 33
    looks: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    clip: float = 1.0
    weights: Weights = field(default_factory=Weights)

    @property
    def frames_a_step(self) -> int:
        """Frames that are encoded in one step."""
        return self.batch * (1 + self.looks)


class Experience(NamedTuple):
    """Trajectories to learn from. ``positions`` are what frames are drawn from, where they are
    encoded; no loss sees them."""

    positions: Float[Array, "many time 2"]
    controls: Float[Array, "many time-1 2"]
    wall_x: Int[Array, "many"]
    door_y: Int[Array, "many"]


class Progress(NamedTuple):
    """Where a training is: the model, the optimiser's state, the steps done."""

    model: WorldModel
    optimiser: optax.OptState
    step: Int[Array, ""]


def optimiser_of(schedule: Schedule) -> optax.GradientTransformation:
    """AdamW (Loshchilov and Hutter, 2019) behind a clip of the gradient's norm."""
    warm = max(1, round(_WARM_UP * schedule.steps))
    peak = schedule.learning_rate
    rate = optax.warmup_cosine_decay_schedule(
        peak / 20, peak, warm, max(schedule.steps, warm + 1), peak * _LAST_RATE
    )
    return optax.chain(
        optax.clip_by_global_norm(schedule.clip),
        optax.adamw(rate, weight_decay=schedule.weight_decay),
    )


def begin(model: WorldModel, schedule: Schedule) -> Progress:
    """A training before its first step."""
    return Progress(model, optimiser_of(schedule).init(model), jnp.zeros((), jnp.int32))


@partial(jax.jit, static_argnames=("schedule", "steps"))
def train(
    progress: Progress, experience: Experience, key: Key[Array, ""], schedule: Schedule, steps: int
) -> tuple[Progress, Terms]:
    """So many steps more; returns the mean of each term over them, too."""
    optimiser = optimiser_of(schedule)

    def step(progress: Progress, _: None) -> tuple[Progress, Terms]:
        model, state, number = progress
        batch = draw(experience, jax.random.fold_in(key, number), schedule)

        def loss(model: WorldModel) -> tuple[Array, Terms]:
            moving, scene = _encoded(model, batch)
            terms = terms_of(model, moving, scene, batch.controls, batch.times)
            return terms.total(schedule.weights), terms

        gradient, terms = jax.grad(loss, has_aux=True)(model)
        change, state = optimiser.update(gradient, state, model)
        model = cast(WorldModel, optax.apply_updates(model, change))
        return Progress(model, state, number + 1), terms

    progress, terms = jax.lax.scan(step, progress, None, length=steps)
    return progress, jax.tree.map(jnp.mean, terms)


class Batch(NamedTuple):
    """Windows to learn from: where the dot is in the first frame and at ``times`` (steps after it),
    all controls, and the layouts."""

    positions: Float[Array, "many 1+looks 2"]
    times: Int[Array, "looks"]
    controls: Float[Array, "many time-1 2"]
    wall_x: Int[Array, "many"]
    door_y: Int[Array, "many"]


def draw(experience: Experience, key: Key[Array, ""], schedule: Schedule) -> Batch:
    """A random batch of windows."""
    key_which, key_first, key_times = jax.random.split(key, 3)
    many, time = experience.positions.shape[:2]
    which = jax.random.randint(key_which, (schedule.batch,), 0, many)
    first = jax.random.randint(key_first, (schedule.batch,), 0, time - schedule.window + 1)
    edges = jnp.linspace(1, schedule.window, schedule.looks + 1)
    share = jax.random.uniform(key_times, (schedule.looks,))
    times = jnp.floor(edges[:-1] + share * (edges[1:] - edges[:-1])).astype(jnp.int32)
    seen = jnp.concatenate([jnp.zeros(1, jnp.int32), times])
    at = first[:, None] + jnp.arange(schedule.window - 1)
    return Batch(
        experience.positions[which[:, None], first[:, None] + seen],
        times,
        experience.controls[which[:, None], at],
        experience.wall_x[which],
        experience.door_y[which],
    )


def _encoded(
    model: WorldModel, batch: Batch
) -> tuple[Float[Array, "many 1+looks moving"], Float[Array, "many scene"]]:
    """The latents of the frames; walls, which stand still, are looked at once a window."""
    many, looks = batch.positions.shape[:2]
    dots = drawn_dots(batch.positions.reshape(many * looks, 2))
    moving = model.dots(dots).reshape(many, looks, -1)
    return moving, model.walls(drawn_walls(batch.wall_x, batch.door_y))
