"""The filter query: one step of the extended Kalman filter in square-root form."""

import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from .gaussian import Belief, Message, lower_root, precision_root
from .transition import LearnedFeatures


def predict(transition: LearnedFeatures, belief: Belief, control: Float[Array, "p"]) -> Belief:
    """Forward message through the transition, linearised at the belief's mean."""
    local = transition.linearise(belief.mean, control)
    noise = transition.noise_columns(transition.phi(belief.mean, control))
    columns = jnp.concatenate([local.along_state @ belief.root, noise], axis=1)
    return Belief(local.mean, lower_root(columns))


def update(belief: Belief, message: Message) -> tuple[Belief, Float[Array, "d"], Float[Array, ""]]:
    """Multiply ``belief`` by an observation's ``message`` on its first ``d`` coordinates.

    Returns the posterior, the innovation in sigmas ``(d,)``, zero where nothing was observed, and
    the log evidence of the observation, up to the constant of the message's own precision.

    Array form (Kailath, Sayed and Hassibi, Linear Estimation, 2000, chapter 12): one QR of the
    pre-array gives innovation root, gain and posterior root. With precision ``L Lᵀ`` the
    observation ``Lᵀ y`` has unit noise, so that zero precision is an observation of nothing.
    """
    d, n = message.eta.shape[0], belief.mean.shape[0]
    root, whitened = precision_root(message)
    seen = root.T @ belief.root[:d]
    one, none = jnp.eye(d, dtype=seen.dtype), jnp.zeros((n, d), seen.dtype)
    post = lower_root(jnp.block([[one, seen], [none, belief.root]]))
    innovation_root, gain, posterior = post[:d, :d], post[d:, :d], post[d:, d:]
    surprise = solve_triangular(innovation_root, whitened - root.T @ belief.mean[:d], lower=True)
    log_evidence = -0.5 * surprise @ surprise - jnp.log(jnp.abs(jnp.diag(innovation_root))).sum()
    return Belief(belief.mean + gain @ surprise, posterior), surprise, log_evidence
