"""What a plan is expected to bring: its expected free energy under a model's own predictions."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .expected_free_energy import (
    ExpectedFreeEnergy,
    anticipated_roots,
    parameter_information_gain,
    preference_cost,
    state_information_gain,
)
from .factorised_linear import FactorisedLinear
from .gaussian import Belief
from .inference import Inference
from .rows import Rows
from .square_root import semidefinite_root
from .system import System


def foresee(
    system: System,
    inference: Inference,
    belief: Belief,
    goals: Rows,
    controls: Float[Array, "H p"],
) -> ExpectedFreeEnergy:
    """Expected free energy of ``controls`` from ``belief`` about the present state.

    ``goals`` are rows about the states after ``1 ... H`` steps: the pragmatic part is what is
    expected of half their squares. States are those that the model predicts, whatever is wished
    for. Sensors whose noise is known before they read, fixed and callable ones, count for the
    state information gain; the parameters of all learned transitions for the other.
    """
    transition = system.transition

    def move(state, control):
        after = transition.mean(state, control)
        return after, after

    _, later = jax.lax.scan(move, belief.mean, controls)
    before = jnp.concatenate([belief.mean[None], later[:-1]])
    parameters = "predictive" if inference.parameters == "variational" else inference.parameters
    local = jax.vmap(lambda x, u: transition.local(x, u, parameters))(before, controls)
    matrix, noise_root = jax.vmap(lambda x: _sensed(system, x))(later)
    roots = anticipated_roots(belief.root, local.along_state, local.noise, matrix, noise_root)
    miss = jnp.einsum("tmn,tn->tm", goals.matrix, later) - goals.value
    one = jnp.eye(miss.shape[1], dtype=miss.dtype)
    gain = jnp.zeros(controls.shape[0], later.dtype)
    for of_part in _parameter_gains(system, before, controls):
        gain += of_part
    return ExpectedFreeEnergy(
        pragmatic=preference_cost(miss, goals.matrix @ roots, one),
        state_information_gain=state_information_gain(matrix @ roots, noise_root),
        parameter_information_gain=gain,
    )


def _sensed(system: System, state: Float[Array, "n"]):
    """Matrix and noise root of all sensors whose noise is known, at ``state``."""
    n = state.shape[0]
    matrices, noises = [jnp.zeros((1, n), state.dtype)], [jnp.ones((1, 1), state.dtype)]
    for sensor, (start, size) in zip(system.sensors, system.starts, strict=True):
        near = sensor.near(state[start : start + size])
        if near is not None:
            matrix, noise = near
            matrices.append(jnp.pad(matrix, ((0, 0), (start, n - start - size))))
            noises.append(semidefinite_root(noise))
    return jnp.concatenate(matrices), jax.scipy.linalg.block_diag(*noises)


def _parameter_gains(system: System, states: Float[Array, "H n"], controls: Float[Array, "H p"]):
    start = 0
    parts: tuple[Any, ...] = system.transition.parts
    for part in parts:
        if not part.certain:
            own = states[:, start : start + part.dim]
            regressors = jax.vmap(part.regressors)(own, controls[:, : part.controls])
            if isinstance(part, FactorisedLinear):
                yield part.information_gain(regressors)
            else:
                root = jnp.linalg.cholesky(part.posterior.precision)
                yield parameter_information_gain(regressors, root, part.layer.mean.shape[0])
        start += part.dim
