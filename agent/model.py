"""The generative model that the agent holds: how poses move, and how frames show them."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from .encoders.pose import PoseEncoder
from .graph.gaussian import Message
from .graph.transition import LearnedFeatures


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["encoder", "sensor_precision", "transition", "control_low", "control_high"],
    meta_fields=["frame_shape"],
)
@dataclass(frozen=True)
class Model:
    """Observation and transition factors of one body.

    ``sensor_precision`` ``(d, d)`` is that of the encoder's message; ``control_low`` and
    ``control_high`` ``(p,)`` are the body's limits; ``frame_shape`` is that of its camera.
    """

    encoder: PoseEncoder
    sensor_precision: Float[Array, "d d"]
    transition: LearnedFeatures
    control_low: Float[Array, "p"]
    control_high: Float[Array, "p"]
    frame_shape: tuple[int, int, int]

    def observe(self, frame: UInt8[Array, "height width channel"]) -> Message:
        """The message that ``frame`` sends to the pose, the first coordinates of the state."""
        return Message.at(self.encoder(frame), self.sensor_precision)

    def at_rest(self, frame: UInt8[Array, "height width channel"]) -> Float[Array, "n"]:
        """The state that shows ``frame`` and does not move: what a goal picture asks for."""
        pose = self.encoder(frame)
        return jnp.concatenate([pose, jnp.zeros(self.transition.states - pose.shape[0])])
