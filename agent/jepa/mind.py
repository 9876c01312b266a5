"""The mind of an agent that acts by a world model: frames in, belief and plan out.

The graph filters latents, and keeps to its own prediction where a frame is lost; the plan is the
step along the best way over remembered places, by a map that is imagined when a goal is set, and
learns from every step that a wall stops. See :class:`jopa_agent.agent.mind.Mind`, whose interface
this is.
"""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Array, Float

from ...configs.settings import Settings
from ...envs.two_rooms import FRAME_SHAPE
from ..graph.filter import predict
from ..graph.gaussian import Belief
from ..graph.square_root import free_root
from ..learning.errors import ModelError
from ..mind import Step
from .chart import Chart
from .equipment import Equipment, load_equipment
from .files import load_world
from .graph import BLOCK, world_graph
from .model import ACTION, Architecture, WorldModel, encode
from .navigate import HORIZON


class Mind:
    """Filters frames in the graph, and plans in the world model."""

    late = 0  # readings of sensors: it hears none

    def __init__(self, model: WorldModel, architecture: Architecture, equipment: Equipment) -> None:
        self._model, self._equipment = model, equipment
        self._moving = architecture.moving
        self._graph = world_graph(model, equipment.noise)
        self._encode = jax.jit(encode)
        self._ahead = jax.jit(partial(_ahead, self._graph))
        self._chart: Chart | None = None
        self._goal = np.zeros(self._moving, np.float32)
        self.begin_episode()

    def reset(self, seed: int) -> None:
        """Begin an episode; the goal stays. Nothing here is left to chance, whatever the
        ``seed``."""
        del seed
        self.begin_episode()

    def begin_episode(self) -> None:
        """Forget the belief: the body begins anew."""
        self._state = self._graph.start()
        self._seen: Array | None = None

    def set_goal(self, image: np.ndarray) -> bool:
        """Wish for what ``image`` shows, among the walls that it shows; it can be held."""
        latent = self._encode(self._model, image[None])[0]
        goal, scene = latent[: self._moving], latent[self._moving :]
        self._goal = np.asarray(goal)
        self._chart = Chart(self._model, self._equipment, goal, scene, self._chart)
        return True

    def can_hold(self, image: np.ndarray) -> bool:
        """A dot can rest anywhere."""
        del image
        return True

    def imagine(self) -> None:
        """Nothing: the model draws no pictures."""

    def compile(self) -> None:
        """Compile all that :meth:`step` needs; belief and goal are forgotten."""
        blank = np.zeros(FRAME_SHAPE, np.uint8)
        self.set_goal(blank)
        for image in (blank, blank, None):
            self.step(image, np.zeros(ACTION, np.float32))
        self._chart = None
        self.begin_episode()

    def hear(self, sensor: str, value: np.ndarray, stamp_ns: int) -> None:
        """Readings of other sensors are passed over."""

    def learn(self) -> None:
        """It learns no more."""

    def step(self, image: np.ndarray | None, applied: np.ndarray, stamp_ns: int = 0) -> Step:
        """Take in the frame ``image``, before which the step ``applied`` was made, and plan; None
        where the frame was lost. At the first frame of an episode ``applied`` is not used.

        Raises ``ValueError`` where no goal has been set.
        """
        del stamp_ns
        if self._chart is None:
            raise ValueError("no goal to plan for: call set_goal before step")
        began = time.perf_counter_ns()
        control = None if self._state.fresh else np.asarray(applied, np.float32)
        seen = {} if image is None else {BLOCK: image}
        self._state = jax.block_until_ready(self._graph.step(self._state, seen, control))
        filtered = time.perf_counter_ns()
        self._try(image, control)
        belief = self._state.joint
        moving, scene = belief.mean[: self._moving], belief.mean[self._moving :]
        way = self._chart.way(moving, scene)
        mean, std = jax.block_until_ready(self._ahead(belief, way.controls))
        planned = time.perf_counter_ns()
        surprise = np.asarray(self._state.surprise)[: self._moving]
        return Step(
            mean=np.asarray(belief.mean),
            std=np.asarray(belief.std),
            goal=self._goal,
            controls=np.asarray(way.controls),
            planned_mean=np.asarray(mean),
            planned_std=np.asarray(std),
            free_energy=float(self._state.free_energy),
            distance=float(np.linalg.norm(np.asarray(moving) - self._goal)),
            surprise=float(np.sqrt(np.mean(surprise**2))),
            filter_ns=filtered - began,
            plan_ns=planned - filtered,
        )

    def _try(self, image: np.ndarray | None, applied: np.ndarray | None) -> None:
        """Let the chart know what the last step came to, where both its ends were seen."""
        before, after = self._seen, None
        if image is not None:
            after = self._encode(self._model, image[None])[0, : self._moving]
        self._seen = after
        if self._chart is None or before is None or applied is None or after is None:
            return
        self._chart.tried(before, applied, after)


def load_mind(folder: Path, settings: Settings, factors: Mapping[str, Path] | None = None) -> Mind:
    """The mind with the model in ``folder``; ``ValueError`` in one line where it does not fit."""
    del factors
    late = settings.body.frame_delay + settings.body.command_delay
    if late or settings.sensors:
        raise ModelError(
            "an agent of the kind 'jepa' takes neither delays nor sensors: leave out body.frame_"
            "delay, body.command_delay and --sensor"
        )
    model, architecture = load_world(folder)
    return Mind(model, architecture, load_equipment(folder, architecture))


def _ahead(
    graph, belief: Belief, controls: Float[Array, "horizon 2"]
) -> tuple[Float[Array, "horizon n"], Float[Array, "horizon n"]]:
    """Mean and standard deviation of the beliefs that the controls lead to."""
    physics = graph.block(BLOCK).transition

    def step(belief: Belief, control: Array) -> tuple[Belief, tuple[Array, Array]]:
        told = predict(belief, physics.local(belief.mean, control, "point"), control).belief
        after = Belief.of(told.mean, free_root(told.root))
        return after, (after.mean, after.std)

    return jax.lax.scan(step, belief, controls, length=HORIZON)[1]
