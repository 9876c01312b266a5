"""The filter query: the Kalman filter in square-root form, linearised at its own beliefs."""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Bool, Float

from .factor import Local
from .gaussian import Belief
from .inference import Inference
from .linearise import transition_near
from .rows import Rows
from .square_root import free_root, triangle
from .system import Data, System, observed


class Filtered(NamedTuple):
    """``belief`` after each observation, ``surprise`` ``(m,)``: innovations in sigmas, zero where
    nothing was observed, and the log ``evidence`` that each step adds."""

    belief: Belief
    surprise: Float[Array, "m"]
    evidence: Float[Array, ""]


def predict(belief: Belief, local: Local, control: Float[Array, "p"]) -> Filtered:
    """Forward message through a transition that is linearised at ``belief``.

    Its covariance has a root of as many columns as state and noise together.
    """
    evidence = jnp.zeros((), belief.mean.dtype)
    mean = local.mean
    if local.doubt.value.shape[0]:
        n = belief.mean.shape[0]
        steered = local.doubt.value - local.doubt.matrix[:, n:] @ control
        doubt = Rows(local.doubt.matrix[:, :n], steered, local.doubt.log_scale)
        told = update(belief, doubt)
        mean = mean + local.along_state @ (told.belief.mean - belief.mean)
        belief, evidence = told.belief, told.evidence
    columns = jnp.concatenate([local.along_state @ belief.root, local.noise], axis=1)
    return Filtered(Belief.of(mean, columns), jnp.zeros(0, mean.dtype), evidence)


def update(belief: Belief, rows: Rows) -> Filtered:
    """Multiply ``belief`` ``(n,)`` by ``rows`` ``(m, n)``.

    Array form (Kailath, Sayed and Hassibi, Linear Estimation, 2000, chapter 12): one QR of the
    pre-array gives innovation root, gain and posterior root, whatever the root of the belief. A
    row of zeros is an observation of nothing.
    """
    m, n = rows.matrix.shape
    seen = rows.matrix @ belief.root
    one, none = jnp.eye(m, dtype=seen.dtype), jnp.zeros((n, m), seen.dtype)
    post = triangle(jnp.block([[one, none.T], [seen.T, belief.root.T]]), m).T
    innovation_root, gain, posterior = post[:m, :m], post[m:, :m], post[m:, m:]
    miss = rows.value - rows.matrix @ belief.mean
    surprise = solve_triangular(innovation_root, miss, lower=True)
    volume = jnp.log(jnp.abs(jnp.diag(innovation_root))).sum()
    evidence = rows.log_scale - 0.5 * surprise @ surprise - volume
    return Filtered(Belief.of(belief.mean + gain @ surprise, posterior), surprise, evidence)


def filter_step(
    system: System,
    inference: Inference,
    belief: Belief,
    control: Float[Array, "p"],
    data: Data,
    first: Bool[Array, ""],
) -> Filtered:
    """One step: predict through ``control``, then take in ``data`` of one step, ``T = 1``.

    At the ``first`` step nothing is predicted: ``belief`` is the prior then.
    """
    predicted = _predicted(system, inference, belief, control)
    ahead, widened = predicted.belief, _as_wide(belief, predicted.belief)
    prior = jax.tree.map(lambda old, new: jnp.where(first, old, new), widened, ahead)
    rows = _rows_at(system, inference, prior, data)
    told = update(prior, rows)
    return told._replace(
        evidence=told.evidence + jnp.where(first, 0.0, predicted.evidence),
        belief=Belief.of(told.belief.mean, _square(told.belief.root)),
    )


def filter_along(system: System, inference: Inference, data: Data, prior: Belief) -> Filtered:
    """Beliefs about every state of one trajectory, each from the observations so far."""
    linear = all(sensor.linear for sensor in system.sensors)
    ahead = observed(system, data, None, inference)
    single = jax.tree.map(lambda x: x[:, None], data)
    start = Belief.of(prior.mean, _square(prior.root))

    def take_in(belief, rows, one):
        told = update(belief, rows if linear else _rows_at(system, inference, belief, one))
        return told._replace(belief=Belief.of(told.belief.mean, _square(told.belief.root)))

    def step(belief, inputs):
        control, rows, one, live = inputs
        predicted = _predicted(system, inference, belief, control)
        told = take_in(predicted.belief, rows, one)
        told = told._replace(evidence=told.evidence + predicted.evidence * live)
        return told.belief, told

    without = replace(single, controls=single.live[:, :, None])
    begin, later = (
        jax.tree.map(lambda x, s=s: x[s], (ahead, without)) for s in (0, slice(1, None))
    )
    first = take_in(start, *begin)
    if data.live.shape[0] == 1:
        return jax.tree.map(lambda x: x[None], first)
    _, rest = jax.lax.scan(step, first.belief, (data.controls, *later, data.live[1:]))
    return jax.tree.map(lambda x, y: jnp.concatenate([x[None], y]), first, rest)


def _predicted(system, inference, belief, control) -> Filtered:
    local = transition_near(system.transition, belief, control, inference)
    return predict(belief, local, control)


def _rows_at(system: System, inference: Inference, belief: Belief, data: Data) -> Rows:
    near = Belief.of(belief.mean[None], _square(belief.root)[None])
    return jax.tree.map(lambda x: x[0], observed(system, data, near, inference))


def _as_wide(belief: Belief, other: Belief) -> Belief:
    """``belief`` with a root of as many columns as that of ``other``."""
    missing = other.root.shape[1] - belief.root.shape[1]
    return Belief.of(belief.mean, jnp.pad(belief.root, ((0, 0), (0, missing))))


def _square(root: Float[Array, "n k"]) -> Float[Array, "n n"]:
    n, k = root.shape
    if k == n:
        return root
    return jnp.pad(root, ((0, 0), (0, n - k))) if k < n else free_root(root)
