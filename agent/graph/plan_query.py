"""Planning by a joint model: the posterior of the controls, given what shall be seen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .check import default_float, in_default_floats, is_traced, pytree, whole
from .check_query import in_moments, known_seed
from .data import CONTROL, Trajectory, as_floats, bucket, gather, joint_prior, length_of
from .expected_free_energy import ExpectedFreeEnergy
from .filter import update
from .foresight import foresee
from .gaussian import Belief, Gaussian
from .planning import plan_data
from .posterior import Posterior, trim
from .precise import compiled
from .system import Steering, observed

if TYPE_CHECKING:
    from .joint import JointModel


@pytree("actions", "action_cov", "gains", "posterior", "free_energy", "expected_free_energy",
        "converged")  # fmt: skip
@dataclass(frozen=True, eq=False)
class Plan:
    """Posterior of the controls of ``H`` steps.

    ``actions`` ``(H, p)``: mean; ``action_cov`` ``(H, p, p)``; ``gains`` ``(H, p, n)``: how each
    control answers a deviation of the joint state from its mean; ``free_energy``: negative log
    evidence of what shall be seen, by Laplace's approximation where something is not linear; with
    limits the prior of the controls is the truncated one, and each counts as truncated by itself;
    ``expected_free_energy``: of the plan, in its parts; ``converged``: whether the
    last iteration changed nothing that matters.
    """

    actions: Float[Array, "H p"]
    action_cov: Float[Array, "H p p"]
    gains: Float[Array, "H p n"]
    posterior: Posterior
    free_energy: Float[Array, ""]
    expected_free_energy: ExpectedFreeEnergy
    converged: Bool[Array, ""]

    @property
    def beliefs(self) -> dict[str, Belief]:
        """Beliefs by block along the plan, ``(H+1, n)``."""
        return self.posterior.beliefs

    @property
    def joint(self) -> Belief:
        """Beliefs about the joint state along the plan, ``(H+1, n)``."""
        return self.posterior.joint


def plan(
    model: "JointModel",
    observations: Trajectory,
    prior: Any,
    prior_u: Any,
    control_limits: Any,
    iterations: int,
    hypotheses: int,
    seed: int,
) -> Plan:
    """See :meth:`JointModel.plan`."""
    iterations = whole("iterations", iterations, 1)
    hypotheses = whole("hypotheses", hypotheses, 1)
    seed = known_seed(seed)
    p = model.controls
    if p == 0:
        raise ValueError("no block has a control: there is nothing to plan")
    if isinstance(observations, Mapping) and CONTROL in observations:
        raise ValueError(
            "observations hold 'control': a plan infers the controls, and would leave these out; "
            "say by prior_u what is known of them"
        )
    length = length_of(model.blocks, observations, None)
    if length < 2:
        raise ValueError("observations have 1 step: a plan needs at least one more")
    steps = bucket(length)
    data = gather(model.blocks, observations, np.zeros((length - 1, p)), steps)
    steering = _steering(prior_u, length - 1, steps - 1, p)
    limits = None if control_limits is None else _limits(control_limits, p)
    if limits is not None or not model.linear:
        _check_spread(steering)
    belief = joint_prior(model.blocks, prior)
    infer = _plan if limits is None else _plan_within
    steered, expected = infer(model, data, belief, steering, limits, seed, iterations, hypotheses)
    H = length - 1
    mean, cov, gains = trim((steered.mean, steered.cov, steered.gains), H)
    posterior = Posterior(
        trim(steered.states, length), steered.evidence, -steered.evidence, model.blocks
    )
    return Plan(
        mean, cov, gains, posterior, -steered.evidence, trim(expected, H), steered.converged
    )


def _steered(model, data, prior, steering, limits, seed, iterations, hypotheses):
    system, inference = model.system(), model.inference
    prior, steering = in_default_floats((prior, steering))
    steered = plan_data(
        system, inference, data, prior, steering, limits, iterations, hypotheses, seed
    )
    near = Belief.of(steered.states.mean, steered.states.root * 0)
    rows = observed(system, data, near, replace(inference, linearise="extended"))
    first, later = (jax.tree.map(lambda x, s=s: x[s], rows) for s in (0, slice(1, None)))
    now = update(prior, first).belief
    return steered, foresee(system, inference, now, later, steered.mean)


_plan = compiled(_steered, static_argnames=("iterations", "hypotheses"))
_plan_within = compiled(_steered, soonest=True, static_argnames=("iterations", "hypotheses"))


def _steering(prior_u: Any, length: int, steps: int, size: int) -> Steering:
    """The prior of every control, from one belief or from beliefs stacked over time."""
    float_ = default_float()
    if prior_u is None:
        mean, root = np.zeros(size, float_), np.eye(size, dtype=float_)
    elif isinstance(prior_u, Gaussian | Belief):
        belief = in_moments("prior_u", prior_u)
        mean, root = belief.mean, belief.root
    else:
        raise ValueError(f"prior_u is {type(prior_u).__name__}: give a Belief about the control")
    if mean.shape not in ((size,), (length, size)):
        raise ValueError(
            f"prior_u has a mean of shape {tuple(mean.shape)}, but must be about {size} controls, "
            f"({size},), or ({length}, {size}) for each step"
        )
    if mean.ndim == 1:
        array: Any = jnp if is_traced(root) else np
        return Steering(
            array.broadcast_to(mean, (steps, size)), array.broadcast_to(root, (steps, size, size))
        )  # type: ignore[arg-type]
    spare = steps - length
    roots = jnp.concatenate([root, jnp.broadcast_to(root[-1], (spare, size, size))])
    return Steering(jnp.concatenate([mean, jnp.broadcast_to(mean[-1], (spare, size))]), roots)


def _check_spread(steering: Steering) -> None:
    roots = steering.root
    if is_traced(roots):
        return
    singular = np.linalg.matrix_rank(np.asarray(roots)) < roots.shape[-1]
    if singular.any():
        raise ValueError(
            "prior_u has a singular covariance: with limits, or where the model is not linear, a "
            "control that is certain cannot be searched for; give it a small variance"
        )


def _limits(limits: Any, size: int) -> tuple[Array, Array]:
    if any(map(is_traced, jax.tree.leaves(limits))):
        raise ValueError(
            "control_limits are traced by jax: whether low <= high could not be checked; they must "
            "be concrete numbers, so give them from outside jit, vmap and grad"
        )
    try:
        low, high = limits
        low, high = (np.broadcast_to(np.asarray(x, float), (size,)) for x in (low, high))
    except (TypeError, ValueError):
        raise ValueError(
            f"control_limits are {limits!r}: give (low, high), each a number or of {size}"
        ) from None
    if np.isnan(low).any() or np.isnan(high).any() or (low > high).any():
        raise ValueError(
            f"control_limits are {low} to {high}: no control lies between; give low <= high"
        )
    return as_floats(low), as_floats(high)
