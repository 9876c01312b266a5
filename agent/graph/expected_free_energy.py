"""What a plan is expected to cost and to teach, part by part.

The expected free energy of a plan is ``pragmatic - state information gain - parameter information
gain``, summed over its steps; lower is better. With the belief ``N(x, P)`` predicted before the
reading of a step, the reading ``y = H x + N(0, R)`` and ``S = H P Hᵀ + R``:

* pragmatic: the expected negative log preference, ``½ (ŷ - g)ᵀ Λ (ŷ - g) + ½ tr(Λ S)``, without the
  normaliser ``½ ln det(2π Λ⁻¹)``, which no plan can change;
* state information gain: the mutual information of state and reading,
  ``½ ln det(I + R⁻¹ H P Hᵀ) = ½ ln(det S / det R)``;
* parameter information gain: the mutual information of a learned matrix ``M`` and the transition
  ``x' = M z + N(0, W⁻¹)``, ``½ n ln(1 + zᵀ Λ_z⁻¹ z)`` for the column precision ``Λ_z``.

The pragmatic part is a cross-entropy, which is why gains are subtracted from it: a KL divergence
between predicted and preferred readings already holds minus the entropy of the readings, and goes
with the expected entropy of the noise instead; with a gain it would count that entropy twice.
Gains add up over steps by the chain rule: each is given what the steps before will have told, so
beliefs are those of a filter whose readings are yet to come (:func:`anticipated_roots`).

Sources: Friston et al., "Active inference and epistemic value", Cognitive Neuroscience 6 (2015);
Koudahl, Kouw and de Vries, "On epistemics in expected free energy for linear Gaussian state space
models", Entropy 23 (2021), for why the gain is constant where A, B, C, Q and R are; Cover and
Thomas, Elements of Information Theory (2006), chapter 2, for the chain rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from .square_root import free_root, triangle


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["pragmatic", "state_information_gain", "parameter_information_gain"],
    meta_fields=[],
)
@dataclass(frozen=True)
class ExpectedFreeEnergy:
    """Parts of a plan's expected free energy per step, each ``(H,)``, in nats.

    A plan is better the lower ``total`` is: the pragmatic part is a cost, the gains are worths.
    """

    pragmatic: Float[Array, "*plans H"]
    state_information_gain: Float[Array, "*plans H"]
    parameter_information_gain: Float[Array, "*plans H"]

    @property
    def of_steps(self) -> Float[Array, "*plans H"]:
        """Cost less gains, of each step."""
        return self.pragmatic - self.state_information_gain - self.parameter_information_gain

    @property
    def total(self) -> Float[Array, "*plans"]:
        """Sum over the steps; lower is better."""
        return self.of_steps.sum(-1)


class Trials(NamedTuple):
    """What a plan would try out of one learned matrix ``(outputs, k)``.

    ``regressors`` ``(H, k)``: ``z`` of every step; ``precision_root`` ``(k, k)``: lower root of the
    column precision of the matrix-normal-Wishart posterior.
    """

    regressors: Float[Array, "H k"]
    precision_root: Float[Array, "k k"]
    outputs: int


def expected_free_energy(
    means: Float[Array, "H n"],
    roots: Float[Array, "H n c"],
    sensors: Float[Array, "H m n"],
    sensor_noise_roots: Float[Array, "H m m"],
    preference_mean: Float[Array, "H g"] | Float[Array, "g"],
    preference_precision: Float[Array, "H g g"] | Float[Array, "g g"],
    *,
    preferred: Literal["observations", "states"] = "observations",
    readings: Float[Array, "H m"] | None = None,
    trials: Sequence[Trials] = (),
) -> ExpectedFreeEnergy:
    """Expected free energy of a plan of ``H`` steps.

    ``means`` and ``roots`` (``root rootᵀ`` is the covariance) are the beliefs predicted before each
    step's reading, as :func:`anticipated_roots` makes them; ``sensors`` the sensor matrices and
    ``sensor_noise_roots`` invertible roots of the sensors' noise covariances, both local to
    ``means``. The preference is Gaussian with a mean and a precision, one for all steps or one for
    each, over readings (``g = m``) or states (``g = n``); where its precision is zero nothing is
    preferred. ``readings`` are the expected ones, ``sensors @ means`` unless given: a nonlinear
    sensor or one with an offset gives its own. ``trials`` name the learned matrices that the plan
    exercises, one for each block that learns.
    """
    spread = sensors @ roots
    if preferred == "observations":
        expected = jnp.einsum("tmn,tn->tm", sensors, means) if readings is None else readings
        columns = jnp.concatenate([spread, sensor_noise_roots], axis=-1)
    else:
        expected, columns = means, roots
    parameter_gain = jnp.zeros(means.shape[0], means.dtype)
    for matrix in trials:
        parameter_gain += parameter_information_gain(*matrix)
    return ExpectedFreeEnergy(
        pragmatic=preference_cost(expected - preference_mean, columns, preference_precision),
        state_information_gain=state_information_gain(spread, sensor_noise_roots),
        parameter_information_gain=parameter_gain,
    )


def preference_cost(
    miss: Float[Array, "H g"],
    columns: Float[Array, "H g c"],
    precision: Float[Array, "H g g"] | Float[Array, "g g"],
) -> Float[Array, "H"]:
    """Expected ``½ vᵀ precision v`` for ``v ~ N(miss, columns columnsᵀ)``."""
    points = jnp.concatenate([miss[..., None], columns], axis=-1)
    return 0.5 * jnp.sum(points * (precision @ points), axis=(-2, -1))


def state_information_gain(
    spread: Float[Array, "H m c"], sensor_noise_roots: Float[Array, "H m m"]
) -> Float[Array, "H"]:
    """``½ ln det(I + R⁻¹ spread spreadᵀ)`` in nats; ``spread`` is ``H`` times the belief's root.

    By QR of ``[(R^-½ spread)ᵀ; I]``, the large rows first: no determinant of a product is formed.
    Not finite where the noise is singular, for such a sensor tells infinitely much.
    """
    white = jnp.linalg.solve(sensor_noise_roots, spread).mT
    unit = jnp.broadcast_to(jnp.eye(white.shape[-1], dtype=white.dtype), sensor_noise_roots.shape)
    corner = jnp.linalg.qr(jnp.concatenate([white, unit], axis=-2), mode="r")
    return jnp.log(jnp.abs(jnp.diagonal(corner, axis1=-2, axis2=-1))).sum(-1)


def parameter_information_gain(
    regressors: Float[Array, "H k"], precision_root: Float[Array, "k k"], outputs: int
) -> Float[Array, "H"]:
    """``½ outputs ln(1 + zᵀ precision⁻¹ z)`` of each step, given the trials of the steps before.

    A trial adds ``z zᵀ`` to the precision, so that the sum over steps is the mutual information of
    the matrix and all the transitions: trying the same twice tells less the second time. It is
    exact where both ends of a transition are seen, and a bound from above where readings are
    noisy; what is told of the noise's precision does not depend on ``z`` and is left out. The
    root of the inverse is carried by Potter's update (Bierman, Factorization Methods for Discrete
    Sequential Estimation, 1977, chapter II).
    """

    def tried(root, z):
        seen = root.T @ z
        excess = seen @ seen
        scale = 1 + excess
        narrowed = root - jnp.outer(root @ seen, seen) / (scale + jnp.sqrt(scale))
        return narrowed, jnp.log1p(excess)

    unit = jnp.eye(precision_root.shape[-1], dtype=precision_root.dtype)
    root = solve_triangular(precision_root, unit, lower=True).T
    _, gains = jax.lax.scan(tried, root, regressors)
    return 0.5 * outputs * gains


def anticipated_roots(
    root: Float[Array, "n n"],
    along: Float[Array, "H n n"],
    noise: Float[Array, "H n q"],
    sensors: Float[Array, "H m n"],
    sensor_noise_roots: Float[Array, "H m m"],
) -> Float[Array, "H n n"]:
    """Roots of the beliefs about the states after ``1 ... H`` steps, each before its own reading.

    ``root`` is that of the belief now; step ``t`` moves the state by ``along_t`` with the noise
    columns ``noise_t``, then reads it by ``sensors_t``. A reading narrows the belief by as much
    whatever it says, so no reading is needed. Moved and read in one QR of the array
    ``[[R^½, H L, 0], [0, A L, G]]`` (Kailath, Sayed and Hassibi, Linear Estimation, 2000,
    chapter 12).
    """
    n, m = root.shape[0], sensors.shape[1]

    def read_and_move(before, step):
        along, noise, sensor, sensor_noise = step
        blind = jnp.zeros((m, noise.shape[-1]), before.dtype)
        still = jnp.zeros((n, m), before.dtype)
        columns = jnp.block(
            [[sensor_noise, sensor @ before, blind], [still, along @ before, noise]]
        )
        after = triangle(columns.T, m).T[m:, m:]
        return after, after

    first = free_root(jnp.concatenate([along[0] @ root, noise[0]], axis=1))
    steps = (along[1:], noise[1:], sensors[:-1], sensor_noise_roots[:-1])
    _, later = jax.lax.scan(read_and_move, first, steps)
    return jnp.concatenate([first[None], later])
