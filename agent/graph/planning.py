"""The planning query on one joint state: controls as noises of the chain that have a prior.

With controls marginalised like noises, one backward and one forward pass give their exact joint
posterior where all is linear: mean, covariance, and the law by which each control answers the
state. Otherwise the most probable trajectory of controls and noises is found first, and the
chain is linearised there.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_solve, solve_triangular
from jaxtyping import Array, Bool, Float, Int

from .chain import Smoothed
from .check import pytree
from .factor import Local, Parameters, Transition
from .gaussian import Belief
from .inference import Inference
from .refine import Trajectory, Wishes, refine
from .rows import Rows
from .smooth import smooth
from .system import Data, Steering, System, observed, steerable
from .truncated import Marginals, log_evidence_within

_SETTLED = 1e-4
_SWITCHING = 0.12  # chance per step that a guessed control changes sign


class Steered(NamedTuple):
    """Posterior of controls ``(H, p)``: ``mean``, ``cov``, ``gains`` ``(H, p, n)``; ``states``
    along them; log ``evidence``; and whether the last iteration changed nothing that matters."""

    mean: Float[Array, "H p"]
    cov: Float[Array, "H p p"]
    gains: Float[Array, "H p n"]
    states: Belief
    evidence: Float[Array, ""]
    converged: Bool[Array, ""]


@pytree("part", static=("parameters",))
@dataclass(frozen=True)
class Driven:
    """A transition whose noises count among its controls: ``(u, w)``, ``w ~ N(0, I)``."""

    part: Transition
    parameters: Parameters

    linear = False
    certain = True

    @property
    def dim(self) -> int:
        """Number of state coordinates."""
        return self.part.dim

    @property
    def controls(self) -> int:
        """Number of controls that are no noises."""
        return self.part.controls

    def noise(self, state, control):
        """Columns by which the noises enter."""
        return self.part.local(state, control, self.parameters).noise

    def mean(self, state, control):
        """Next state, for these noises."""
        u, w = control[: self.part.controls], control[self.part.controls :]
        return self.part.mean(state, u) + self.noise(state, u) @ w

    def doubt(self, state, control):
        """Residues of the rows that uncertain parameters add."""
        return self.part.doubt(state, control[: self.part.controls])

    def local(self, state, control, parameters) -> Local:
        """First-order expansion; the noises' columns count as constant."""
        u, w = control[: self.part.controls], control[self.part.controls :]
        local = self.part.local(state, u, parameters)
        noise = self.noise(state, u)
        return local._replace(
            mean=local.mean + noise @ w,
            along_control=jnp.concatenate([local.along_control, noise], axis=1),
            noise=noise[:, :0],
            doubt=local.doubt._replace(
                matrix=jnp.pad(local.doubt.matrix, ((0, 0), (0, w.shape[0])))
            ),
        )


def plan_data(
    system: System,
    inference: Inference,
    data: Data,
    prior: Belief,
    steering: Steering,
    limits: tuple[Float[Array, "p"], Float[Array, "p"]] | None,
    iterations: int,
    hypotheses: int = 1,
    seed: Int[Array, ""] | int = 0,
) -> Steered:
    """Posterior of the controls, whose prior is ``steering``, truncated to ``limits``.

    Where one pass is not exact, ``hypotheses`` are refined side by side, the first from the
    prior's mean and the others from random controls, and that of the lowest energy is taken.
    """
    if system.linear(inference) and limits is None:
        chain = steerable(system, data, None, inference, prior)
        smoothed = smooth(chain.under(steering))
        mean, cov, gains = _of_controls(steering, smoothed)
        settled = jnp.isfinite(smoothed.evidence)
        return Steered(mean, cov, gains, smoothed.states, smoothed.evidence, settled)
    search = (iterations, hypotheses, seed)
    asked = (system, data, prior, steering, limits)
    if limits is not None:  # which of them bind has no derivative: that of the mode is taken below
        asked = jax.lax.stop_gradient(asked)
    mode, settled = _mode(inference, *asked, *search)
    p = system.transition.controls
    controls = mode.controls[:, :p]
    about = replace(data, controls=controls)
    near = Belief.of(mode.states, jnp.zeros((*mode.states.shape, mode.states.shape[1])))
    extended = replace(inference, linearise="extended")

    chain = steerable(system, about, near, extended, prior)
    if limits is None:
        smoothed = smooth(chain.under(steering))
        _, cov, gains = _of_controls(steering, smoothed)
        states = Belief.of(mode.states, smoothed.states.root)
        return Steered(controls, cov, gains, states, smoothed.evidence, settled)
    free = (controls > limits[0]) & (controls < limits[1])
    held = _held(steering, controls, free)
    smoothed = smooth(chain.under(held))
    mean, cov, gains = _of_controls(held, smoothed)
    controls = controls + mean - jax.lax.stop_gradient(mean)  # the mode, with its derivative

    def marginals(steering: Steering) -> Marginals:
        found = smooth(chain.under(steering))
        return (*_of_controls(steering, found)[:2], found.evidence)

    evidence = log_evidence_within(marginals, steering, limits, data.live[1:])
    states = Belief.of(mode.states, smoothed.states.root)
    return Steered(controls, cov, gains, states, evidence, settled)


def _held(steering: Steering, controls: Float[Array, "H p"], free: Bool[Array, "H p"]) -> Steering:
    """The prior of the ``free`` controls, given the others."""

    def at(mean, root, control, free):
        one = jnp.eye(mean.shape[0], dtype=root.dtype)
        precision = cho_solve((_lower(root), True), one)
        both = free[:, None] & free
        lower = jnp.linalg.cholesky(jnp.where(both, precision, one))
        away = jnp.where(free, 0.0, control - mean)
        pull = jnp.where(free, precision @ away, 0.0)
        conditional = mean - cho_solve((lower, True), pull)
        spread = solve_triangular(lower, one, lower=True, trans=1)
        return Steering(jnp.where(free, conditional, control), spread * free[:, None])

    return jax.vmap(at)(*steering, controls, free)


def _lower(root: Float[Array, "p p"]) -> Float[Array, "p p"]:
    return jnp.linalg.cholesky(root @ root.T)


def _of_controls(steering: Steering, smoothed: Smoothed):
    p = steering.mean.shape[1]
    gains = steering.root @ smoothed.gains[:, :p]
    spread = jnp.concatenate(
        [gains @ smoothed.states.root[:-1], steering.root @ smoothed.noise_roots[:, :p]], axis=2
    )
    mean = steering.mean + jnp.einsum("tpr,tr->tp", steering.root, smoothed.noises[:, :p])
    return mean, spread @ spread.mT, gains


def _mode(inference, system, data, prior, steering, limits, iterations, hypotheses, seed):
    """The most probable trajectory of states, controls and noises."""
    transition = Driven(system.transition, inference.parameters)
    H, p = steering.mean.shape
    n = system.transition.dim
    q = jax.eval_shape(transition.noise, jnp.zeros(n, prior.mean.dtype), steering.mean[0]).shape[1]
    extended = replace(inference, linearise="extended")

    def rows_along(states: Array) -> Rows:
        near = Belief.of(states, jnp.zeros((*states.shape, n), states.dtype))
        return observed(system, data, near, extended)

    one = jnp.broadcast_to(jnp.eye(p, dtype=steering.root.dtype), steering.root.shape)
    inverse = jax.vmap(jnp.linalg.solve)(steering.root, one)
    precision = jnp.zeros((H, p + q, p + q), inverse.dtype)
    precision = precision.at[:, :p, :p].set(inverse.mT @ inverse)
    precision = precision.at[:, p:, p:].set(jnp.eye(q))
    low, high = (-jnp.inf, jnp.inf) if limits is None else limits
    wide = jnp.full(q, jnp.inf)
    all_of_it = jnp.full((H, p + q), jnp.inf, inverse.dtype)
    counts = float(inference.parameters == "variational")
    wishes = Wishes(
        control=jnp.pad(steering.mean, ((0, 0), (0, q))),
        control_precision=precision,
        caution=counts * data.live[1:],
        accepted=jnp.zeros(()),
        curiosity=jnp.zeros_like(data.live[1:]),
        outputs=jnp.ones(()),
        low=jnp.concatenate([jnp.broadcast_to(low, (p,)), -wide]),
        high=jnp.concatenate([jnp.broadcast_to(high, (p,)), wide]),
        spare_low=-all_of_it,
        spare_high=all_of_it,
        spare_precision=jnp.zeros_like(all_of_it),
    )
    begin = (jnp.zeros((H + 1, n), inverse.dtype), jnp.zeros((H, p + q, n), inverse.dtype))

    def hypothesis(controls):
        guess = Trajectory(begin[0], controls, begin[1])
        return refine(transition, prior, rows_along, wishes, guess, iterations)

    if hypotheses == 1:
        mode, energy, drop = hypothesis(wishes.control)
    else:
        guesses = _guesses(steering, wishes.control, hypotheses, seed)
        found = jax.vmap(hypothesis)(guesses)
        best = jnp.argmin(found[1])
        mode, energy, drop = jax.tree.map(lambda x: x[best], found)
    settled = drop <= _SETTLED * (1 + jnp.abs(energy))
    return mode, settled & jnp.isfinite(energy)


def _guesses(steering: Steering, mean: Array, count: int, seed: Any) -> Float[Array, "g H p+q"]:
    """Controls to start from: the prior's mean, and jumps to one standard deviation about it."""
    key_first, key_switch = jax.random.split(jax.random.key(seed))
    H, p = steering.mean.shape
    first = jax.random.rademacher(key_first, (count - 1, 1, p), mean.dtype)
    switches = jax.random.bernoulli(key_switch, _SWITCHING, (count - 1, H, p))
    signs = first * jnp.cumprod(jnp.where(switches, -1.0, 1.0), axis=1)
    jumps = jnp.einsum("tpr,gtr->gtp", steering.root, signs)
    jumps = jnp.pad(jumps, ((0, 0), (0, 0), (0, mean.shape[1] - p)))
    return jnp.concatenate([mean[None], mean + jumps])
