"""A linear-Gaussian state-space model with its parts named by their roles."""

from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np
from jaxtyping import Array, Float

from .check import covariance, covariances, floats, is_traced, matrix, store, unchecked
from .expected_free_energy import ExpectedFreeEnergy
from .gaussian import Belief
from .joint import JointModel
from .known import DynamicsNoise
from .linear_gaussian_joint import joint_of, parts_of
from .linear_gaussian_plan import score_plan
from .model_structure import ModelStructure
from .sensors import CallableSensor

LEAVES = (
    "dynamics",
    "sensor_model",
    "dynamics_noise",
    "sensor_noise",
    "prior",
    "control",
    "observation",
    "process_noise",
)


@jax.tree_util.register_pytree_with_keys_class
@dataclass(frozen=True, init=False, eq=False)
class LinearGaussianModel:
    """``x' = A x + B u + N(0, Q)``, ``y = C x + N(0, R)``: how a state moves, and how it is read.

    ============== ======= ============================================ ==========
    role           letter  what it is                                   shape
    ============== ======= ============================================ ==========
    dynamics       A       how a state leads to the next                (n, n)
    control        B       what a control adds to it; None: no controls (n, p)
    sensor_model   C       how a state is read                          (m, n)
    dynamics_noise Q       covariance of the noise of a step            (n, n)
    sensor_noise   R       covariance of the noise of a reading         (m, m)
    prior                  :class:`Belief` about the first state        n
    ============== ======= ============================================ ==========

    Three more parts may be given. ``observation``, a :class:`CallableSensor`, reads the state in
    place of ``sensor_model`` and ``sensor_noise``, with noise ``R(x)`` that depends on the state;
    ``sensor_model`` must be its slope at the prior's mean, and ``sensor_noise`` is then only a
    nominal value. ``process_noise``, a :class:`DynamicsNoise`, takes the place of
    ``dynamics_noise`` by ``Q(x)``, read at the expected next state ``x = A x + B u``: the noise of
    where a step arrives. ``structure`` names groups of coordinates.

    A pytree whose leaves are the arrays of every part but ``structure``, which is static; rebuilt
    from its leaves without checks.

    Raises ValueError where shapes do not fit, a covariance is not one (``sensor_noise`` must be
    positive definite), a value is not finite, or a part is of the wrong kind.
    """

    dynamics: Float[Array, "n n"]
    sensor_model: Float[Array, "m n"]
    dynamics_noise: Float[Array, "n n"]
    sensor_noise: Float[Array, "m m"]
    prior: Belief
    control: Float[Array, "n p"] | None
    observation: CallableSensor | None
    process_noise: DynamicsNoise | None
    structure: ModelStructure | None

    def __init__(
        self,
        dynamics: Any,
        sensor_model: Any,
        dynamics_noise: Any,
        sensor_noise: Any,
        prior: Belief,
        control: Any = None,
        observation: CallableSensor | None = None,
        process_noise: DynamicsNoise | None = None,
        structure: ModelStructure | None = None,
    ) -> None:
        dynamics = matrix("dynamics", dynamics)
        n = dynamics.shape[0]
        dynamics = matrix("dynamics", dynamics, (n, n))
        sensor_model = matrix("sensor_model", sensor_model, (None, n))
        store(
            self,
            dynamics=dynamics,
            sensor_model=sensor_model,
            dynamics_noise=covariance("dynamics_noise", dynamics_noise, n),
            sensor_noise=covariance(
                "sensor_noise", sensor_noise, sensor_model.shape[0], definite=True
            ),
            prior=prior,
            control=None if control is None else matrix("control", control, (n, None)),
            observation=observation,
            process_noise=process_noise,
            structure=structure,
        )
        self._check_kinds()
        self._check_observation()
        self._check_process_noise()

    @property
    def n_states(self) -> int:
        """Number ``n`` of state coordinates."""
        return self.dynamics.shape[0]

    @property
    def n_observations(self) -> int:
        """Number ``m`` of coordinates of a reading."""
        return self.sensor_model.shape[0]

    @property
    def n_controls(self) -> int:
        """Number ``p`` of controls, 0 where there is no ``control``."""
        return 0 if self.control is None else self.control.shape[1]

    @property
    def A(self) -> Float[Array, "n n"]:
        """``dynamics``."""
        return self.dynamics

    @property
    def B(self) -> Float[Array, "n p"] | None:
        """``control``."""
        return self.control

    @property
    def C(self) -> Float[Array, "m n"]:
        """``sensor_model``."""
        return self.sensor_model

    @property
    def Q(self) -> Float[Array, "n n"]:
        """``dynamics_noise``."""
        return self.dynamics_noise

    @property
    def R(self) -> Float[Array, "m m"]:
        """``sensor_noise``."""
        return self.sensor_noise

    def expected_free_energy(
        self,
        actions: Float[Array, "H p"],
        preference_mean: Float[Array, "H g"] | Float[Array, "g"],
        preference_precision: Float[Array, "H g g"] | Float[Array, "g g"],
        *,
        belief: Belief | None = None,
        preferred: Literal["observations", "states"] = "observations",
    ) -> ExpectedFreeEnergy:
        """Expected free energy of taking ``actions`` one after the other from ``belief``.

        ``belief`` about the state before the first action is ``prior`` unless given. The
        preference is over readings (``g = m``) or states (``g = n``), for all steps or for each;
        ``R(x)`` and ``Q(x)`` are those of the expected states.

        Raises ValueError where the model has no ``control``, shapes do not fit, or
        ``preference_precision`` is not symmetric and positive semi-definite.
        """
        if self.control is None:
            raise ValueError(
                "the model has no control: its actions would change nothing; give control (n, p)"
            )
        if preferred not in ("observations", "states"):
            raise ValueError(f"preferred is {preferred!r}: choose 'observations' or 'states'")
        actions = matrix("actions", actions, (None, self.n_controls))
        size = self.n_observations if preferred == "observations" else self.n_states
        horizon = actions.shape[0]
        if horizon == 0:
            raise ValueError("actions has no rows: a plan needs a step; give an array (H, p)")
        mean = _of_shape("preference_mean", preference_mean, (size,), horizon)
        precision = _of_shape("preference_precision", preference_precision, (size, size), horizon)
        precision = covariances("preference_precision", precision)
        belief = self.prior if belief is None else belief
        _check_belief("belief", belief, self.n_states)
        return score_plan(self, belief, actions, mean, precision, preferred)

    def joint(self, name: str = "state") -> JointModel:
        """The same model as a :class:`JointModel` of one block ``name``, for its four queries.

        ``structure`` has no place in it; ``dynamics_noise`` and ``sensor_noise`` have none where
        ``process_noise`` and ``observation`` stand in for them.
        """
        return joint_of(self, name)

    @classmethod
    def from_joint(cls, model: JointModel) -> "LinearGaussianModel":
        """The model that says what ``model`` says, without its choices of inference.

        States are the blocks' in their order, readings their sensors'; where there are several,
        ``structure`` names blocks as factors and sensors as channels. Raises ValueError for what
        has no place here: couplings, offsets, transitions other than linear known ones, sensors
        other than :class:`FixedSensor` or a single :class:`CallableSensor`.
        """
        return cls(**parts_of(model))

    def tree_flatten_with_keys(self):
        """Leaves with their names, and the static ``structure``."""
        keys = map(jax.tree_util.GetAttrKey, LEAVES)
        return tuple(zip(keys, self.tree_flatten()[0], strict=True)), self.structure

    def tree_flatten(self) -> tuple[tuple[Any, ...], ModelStructure | None]:
        """Every part but ``structure``, in the order of ``LEAVES``; and ``structure``."""
        return tuple(getattr(self, name) for name in LEAVES), self.structure

    @classmethod
    def tree_unflatten(
        cls, structure: ModelStructure | None, leaves: tuple[Any, ...]
    ) -> "LinearGaussianModel":
        """Rebuilt without checks: leaves may be tracers."""
        return unchecked(cls, structure=structure, **dict(zip(LEAVES, leaves, strict=True)))

    def _check_kinds(self) -> None:
        _check_belief("prior", self.prior, self.n_states)
        for name, kind in (
            ("observation", CallableSensor),
            ("process_noise", DynamicsNoise),
            ("structure", ModelStructure),
        ):
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                raise ValueError(
                    f"{name} is {type(value).__name__}: it would not be understood; give a "
                    f"{kind.__name__} or None"
                )

    def _check_observation(self) -> None:
        sensor = self.observation
        if sensor is None:
            return
        if wrong := sensor.fits(self.n_states):
            raise ValueError(f"observation does not fit the state: {wrong}")
        if sensor.outputs != self.n_observations:
            raise ValueError(
                f"observation has {sensor.outputs} outputs, but sensor_model "
                f"{self.n_observations} rows: they describe one reading; give as many of each"
            )
        at = self.prior.mean
        covariance("observation's noise at the prior's mean", sensor.covariance(at), definite=True)
        slope = jax.jacfwd(sensor.function)(at)
        if is_traced(slope) or is_traced(self.sensor_model):
            return
        found, stated = np.asarray(slope), np.asarray(self.sensor_model)
        if not np.allclose(found, stated, rtol=1e-4, atol=1e-4 * np.abs(found).max(initial=0.0)):
            raise ValueError(
                f"sensor_model is {stated.tolist()}, but the slope of observation at the prior's "
                f"mean {found.tolist()}: queries would read the state in two ways; give the slope"
            )

    def _check_process_noise(self) -> None:
        if self.process_noise is None:
            return
        at_prior = self.process_noise.covariance(self.prior.mean)
        covariance("process_noise at the prior's mean", at_prior, self.n_states)


def _check_belief(name: str, belief: Any, size: int) -> None:
    if not isinstance(belief, Belief):
        raise ValueError(
            f"{name} is {type(belief).__name__}: what is known of the state would be unclear; give "
            "a Belief"
        )
    if belief.mean.shape != (size,):
        raise ValueError(
            f"{name} has a mean of the shape {belief.mean.shape}, but the state is ({size},): it "
            "would be about another state; give one of that shape"
        )


def _of_shape(name: str, value: Any, shape: tuple[int, ...], horizon: int) -> Array:
    """``value`` as a float array of ``shape``, or of ``(horizon, *shape)``."""
    array = floats(name, value)
    if array.shape not in (shape, (horizon, *shape)):
        raise ValueError(
            f"{name} has the shape {array.shape}: it fits no step of the plan; give {shape}, or "
            f"{(horizon, *shape)} for each step"
        )
    return array
