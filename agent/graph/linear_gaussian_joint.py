"""A linear-Gaussian model as a joint model of one block, and back."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import block_diag
from jaxtyping import Array, Float

from .block import Block
from .check import is_traced, pytree
from .data import joint_prior
from .factor import Local, Parameters, no_doubt
from .joint import JointModel
from .known import DynamicsNoise, KnownLinear
from .model_structure import ModelStructure
from .sensors import CallableSensor, FixedSensor
from .square_root import semidefinite_root

if TYPE_CHECKING:
    from .linear_gaussian_model import LinearGaussianModel


@pytree("A", "B", "noise")
@dataclass(frozen=True, eq=False)
class LinearWithNoiseAtArrival:
    """``x' = A x + B u + N(0, Q(A x + B u))``: the noise is that of where a step arrives."""

    A: Float[Array, "n n"]
    B: Float[Array, "n p"]
    noise: DynamicsNoise

    linear = False
    certain = True

    @property
    def dim(self) -> int:
        """Number ``n`` of state coordinates."""
        return self.A.shape[-1]

    @property
    def controls(self) -> int:
        """Number ``p`` of controls."""
        return self.B.shape[-1]

    def mean(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "n"]:
        """Expected next state."""
        return self.A @ state + self.B @ control

    def doubt(self, state: Float[Array, "n"], control: Float[Array, "p"]) -> Float[Array, "k"]:
        """None: the parameters are known."""
        del control
        return jnp.zeros(0, state.dtype)

    def local(
        self, state: Float[Array, "n"], control: Float[Array, "p"], parameters: Parameters
    ) -> Local:
        """The linear factor whose noise is that of ``(state, control)``."""
        del parameters
        arrival = self.mean(state, control)
        root = semidefinite_root(self.noise.covariance(arrival))
        return Local(arrival, self.A, self.B, root, no_doubt(self.dim + self.controls, root.dtype))


def joint_of(model: "LinearGaussianModel", name: str) -> JointModel:
    """The joint model of one block ``name`` that says what ``model`` says; no structure."""
    no_control = jnp.zeros((model.n_states, 0), model.dynamics.dtype)
    control = no_control if model.control is None else model.control
    if model.process_noise is None:
        transition = KnownLinear(model.dynamics, model.dynamics_noise, control)
    else:
        transition = LinearWithNoiseAtArrival(model.dynamics, control, model.process_noise)
    sensor = model.observation or FixedSensor(model.sensor_model, model.sensor_noise)
    return JointModel([Block(name, transition, sensor, model.prior)])


def parts_of(joint: JointModel) -> dict[str, Any]:
    """Parts of the linear-Gaussian model that says what ``joint`` says, by their names.

    Blocks follow each other in the state, and their sensors in the reading. Raises ValueError
    where ``joint`` says more than such a model can.
    """
    if joint.couplings:
        raise ValueError(
            f"the model has {len(joint.couplings)} couplings: a linear-Gaussian model has no "
            "factor for them and would lose them; give a model without couplings"
        )
    prior = joint_prior(joint.blocks, None)
    parts = {"prior": prior} | _moved(joint, prior.mean) | _read(joint, prior.mean)
    if sum(len(block.sensors) for block in joint.blocks) > 1 or len(joint.blocks) > 1:
        parts["structure"] = _structure(joint)
    return parts


def _moved(joint: JointModel, at: Float[Array, "n"]) -> dict[str, Any]:
    """Dynamics, control and the noise of a step, nominal at the state ``at`` where it varies."""
    only = joint.blocks[0].transition
    if len(joint.blocks) == 1 and isinstance(only, LinearWithNoiseAtArrival):
        return {
            "dynamics": only.A,
            "control": only.B if only.controls else None,
            "dynamics_noise": only.noise.covariance(at),
            "process_noise": only.noise,
        }
    moves = [_constant_transition(block) for block in joint.blocks]
    p = joint.controls
    driven = [t.B if t.controls else jnp.zeros((t.dim, p), t.B.dtype) for t in moves]
    return {
        "dynamics": block_diag(*(t.A for t in moves)),
        "control": jnp.concatenate(driven) if p else None,
        "dynamics_noise": block_diag(*(t.Q for t in moves)),
    }


def _read(joint: JointModel, at: Float[Array, "n"]) -> dict[str, Any]:
    """How the state is read, nominal at the state ``at`` where it varies."""
    sensors = [sensor for block in joint.blocks for sensor in block.sensors.values()]
    if not sensors:
        raise ValueError("no block is observed: there would be no sensor_model; give a sensor")
    if len(joint.blocks) == len(sensors) == 1 and isinstance(sensors[0], CallableSensor):
        return {
            "sensor_model": jax.jacfwd(sensors[0].function)(at),
            "sensor_noise": sensors[0].covariance(at),
            "observation": sensors[0],
        }
    of_blocks = []
    for block in joint.blocks:
        rows = [_constant_sensor(block, name).C for name in block.sensors]
        of_blocks.append(jnp.concatenate([jnp.zeros((0, block.dim), at.dtype), *rows]))
    noises = [_constant_sensor(block, name).R for block in joint.blocks for name in block.sensors]
    return {"sensor_model": block_diag(*of_blocks), "sensor_noise": block_diag(*noises)}


def _constant_transition(block: Block) -> KnownLinear:
    transition = block.transition
    if not isinstance(transition, KnownLinear):
        raise ValueError(
            f"the transition of block {block.name!r} is {type(transition).__name__}: a "
            "linear-Gaussian model has constant, known dynamics; give KnownLinear"
        )
    if not is_traced(transition.offset) and np.any(transition.offset):
        raise ValueError(
            f"the transition of block {block.name!r} has an offset: a linear-Gaussian model has "
            "none; give a state with a coordinate that is always 1"
        )
    return transition


def _constant_sensor(block: Block, name: str) -> FixedSensor:
    sensor = block.sensors[name]
    if not isinstance(sensor, FixedSensor):
        raise ValueError(
            f"the sensor {block.key(name)!r} is {type(sensor).__name__}: a linear-Gaussian model "
            "reads by one matrix, or all by one CallableSensor; give FixedSensor"
        )
    if not is_traced(sensor.offset) and np.any(sensor.offset):
        raise ValueError(
            f"the sensor {block.key(name)!r} has an offset: a linear-Gaussian model has none; "
            "give readings without it"
        )
    return sensor


def _structure(joint: JointModel) -> ModelStructure:
    """Blocks as factors, sensors as channels."""
    factors, channels, state, row = [], [], 0, 0
    for block in joint.blocks:
        factors.append((block.name, range(state, state + block.dim)))
        state += block.dim
        for name in block.sensors:
            height = _constant_sensor(block, name).C.shape[0]
            channels.append((block.key(name), range(row, row + height)))
            row += height
    return ModelStructure(factors=factors, channels=channels)
