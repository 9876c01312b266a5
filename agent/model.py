"""The generative model that the agent holds: how poses move, and how frames show them."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, UInt8

from .encoders.decoder import Decoder
from .encoders.views import Encoder, poses_along, still_view, views
from .graph.check import pytree
from .graph.inference import Inference
from .graph.learned_features import LearnedFeatures
from .graph.local_noise import LocalNoise
from .graph.motion import inflated, start_belief
from .graph.readings import Readings
from .graph.rows import no_rows
from .graph.system import Data, JointTransition, System
from .pose_sensor import PoseSensor

# The transition's parameters are known as well as data told them: they widen its noise.
INFERENCE = Inference(parameters="predictive")


@pytree(
    "encoder",
    "decoder",
    "sensor_noise",
    "transition",
    "inflation",
    "control_low",
    "control_high",
    static=("frame_shape",),
)
@dataclass(frozen=True)
class Model:
    """Observation and transition factors of one body.

    ``encoder`` tells the pose from a view, of one frame or some; ``decoder`` draws the frame that
    shows a pose; ``sensor_noise`` is that of the encoder's message, by the pose; a filter takes
    the transition's noise for ``inflation`` times as wide as predictions do; ``control_low`` and
    ``control_high`` ``(p,)`` are the body's limits; ``frame_shape`` is that of its camera.
    """

    encoder: Encoder
    decoder: Decoder
    sensor_noise: LocalNoise
    transition: LearnedFeatures
    inflation: Float[Array, ""]
    control_low: Float[Array, "p"]
    control_high: Float[Array, "p"]
    frame_shape: tuple[int, int, int]

    @property
    def sensor(self) -> PoseSensor:
        """What a view says about the pose."""
        return PoseSensor(self.encoder, self.decoder, self.sensor_noise)

    def system(self) -> System:
        """The factor graph that all queries are put to."""
        return self._system(self.transition)

    def watchful(self) -> System:
        """The same graph for a filter: its predictions err for some ticks alike, and are corrected
        sooner than their own width would have it."""
        return self._system(inflated(self.transition, self.inflation))

    def _system(self, transition: LearnedFeatures) -> System:
        d, n = self.transition.outputs, self.transition.dim
        return System(
            transition=JointTransition((transition,)),
            sensors=(self.sensor,),
            links=no_rows(n),
            prior=start_belief(self.transition, jnp.zeros(d)),
            starts=((0, d),),
        )

    def seen(
        self, view: UInt8[Array, "height width channels"], seen: Bool[Array, ""] | bool = True
    ) -> Data:
        """One view as the data of one step; nothing where it was not ``seen``."""
        told = Readings(view[None], jnp.reshape(jnp.asarray(seen), (1,)))
        p = self.control_low.shape[0]
        one = jnp.ones(1)
        return Data((told,), no_rows(self.transition.dim, 1), jnp.zeros((0, p)), one, one)

    def picture(self, pose: Float[Array, "d"]) -> Float[Array, "height width channel"]:
        """The frame that ``pose`` leads to, from 0 to 1; vmap for many."""
        return self.decoder(pose).reshape(self.frame_shape)

    def views(
        self, frames: UInt8[Array, "T height width channel"]
    ) -> UInt8[Array, "T height width channels"]:
        """What the encoder looks at as each of the ``frames`` of a segment comes."""
        return views(frames, self.encoder.window)

    def poses(self, frames: UInt8[Array, "S T height width channel"]) -> Float[Array, "S T d"]:
        """The poses of all ``frames`` of some segments."""
        return poses_along(self.encoder, frames)

    def at_rest(self, frame: UInt8[Array, "height width channel"]) -> Float[Array, "n"]:
        """The state that shows ``frame`` and does not move: what a goal picture asks for."""
        pose = self.encoder(still_view(frame, self.encoder.window))
        return jnp.concatenate([pose, jnp.zeros(self.transition.dim - pose.shape[0])])
