"""What taking actions one after the other is expected to bring in a linear-Gaussian model."""

from functools import partial
from typing import TYPE_CHECKING, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .expected_free_energy import ExpectedFreeEnergy, anticipated_roots, expected_free_energy
from .gaussian import Belief
from .precise import compiled
from .square_root import semidefinite_root

if TYPE_CHECKING:
    from .linear_gaussian_model import LinearGaussianModel


@compiled(static_argnames="preferred")
def score_plan(
    model: "LinearGaussianModel",
    belief: Belief,
    actions: Float[Array, "H p"],
    preference_mean: Float[Array, "..."],
    preference_precision: Float[Array, "..."],
    preferred: Literal["observations", "states"],
) -> ExpectedFreeEnergy:
    """Expected free energy of ``actions`` from ``belief``; arguments are those that
    :meth:`LinearGaussianModel.expected_free_energy` has checked, of whatever widths."""
    model, belief, actions, preference_mean, preference_precision = _of_one_width(
        (model, belief, actions, preference_mean, preference_precision)
    )

    def move(mean, action):
        after = model.dynamics @ mean + model.control @ action
        return after, after

    _, means = jax.lax.scan(move, belief.mean, actions)
    readings, sensors, sensor_noise = jax.vmap(partial(_reading_near, model))(means)
    noise = jax.vmap(partial(_noise_root_at, model))(means)
    along = jnp.broadcast_to(model.dynamics, noise.shape)
    roots = anticipated_roots(belief.root, along, noise, sensors, sensor_noise)
    return expected_free_energy(
        means,
        roots,
        sensors,
        sensor_noise,
        preference_mean,
        preference_precision,
        preferred=preferred,
        readings=readings,
    )


def _of_one_width(values):
    """``values`` with all of their arrays of the widest type among them."""
    dtype = jnp.result_type(*jax.tree.leaves(values))
    return jax.tree.map(lambda leaf: leaf.astype(dtype), values)


def _reading_near(model: "LinearGaussianModel", state: Float[Array, "n"]) -> tuple[Array, ...]:
    """Expected reading, slope and root of the noise in ``state``."""
    if model.observation is None:
        lower = jnp.linalg.cholesky(model.sensor_noise)
        return model.sensor_model @ state, model.sensor_model, lower
    sensor = model.observation
    slope = jax.jacfwd(sensor.function)(state)
    return sensor.expect(state), slope, jnp.linalg.cholesky(sensor.covariance(state))


def _noise_root_at(model: "LinearGaussianModel", arrival: Float[Array, "n"]) -> Float[Array, "n n"]:
    """Root of the process noise of a step that is expected to lead to ``arrival``."""
    if model.process_noise is None:
        return semidefinite_root(model.dynamics_noise)
    return semidefinite_root(model.process_noise.covariance(arrival))
