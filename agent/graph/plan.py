"""The planning query: inference of the controls from goal messages on the future states.

The chain of nonlinear transitions is linearised around a nominal trajectory, a backward pass of
information messages marginalises one control after the other, and a forward pass through the
nonlinear transitions plays the feedback law that results: Gauss-Newton on the free energy, the
iterative linear-quadratic regulator of Li and Todorov (2004) in the language of messages. Additive
process noise is left out of the mean: for linear-quadratic control it does not change the best
action (certainty equivalence). The limits of the control truncate each control's posterior inside
the backward recursion (Tassa, Mansard and Todorov, 2014), and where they bind its feedback is off.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .gaussian import Belief, lower_root
from .transition import LearnedFeatures

_STEP_SIZES = (1.0, 0.5, 0.25, 0.0625)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["states", "controls", "gains"],
    meta_fields=[],
)
@dataclass(frozen=True)
class Trajectory:
    """A feedback plan: ``states`` (H+1, n), ``controls`` (H, p), ``gains`` (H, p, n)."""

    states: Float[Array, "H+1 n"]
    controls: Float[Array, "H p"]
    gains: Float[Array, "H p n"]

    def later(self) -> "Trajectory":
        """The same plan one tick later; its last step is repeated."""
        return jax.tree.map(lambda x: jnp.concatenate([x[1:], x[-1:]]), self)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["state", "precision", "control", "control_precision", "epistemic", "low", "high"],
    meta_fields=[],
)
@dataclass(frozen=True)
class Wishes:
    """What the future should be: goal messages, control prior, caution, and limits.

    ``state`` ``(n,)`` is the goal's mean and ``precision`` ``(H, n)`` the diagonal of its
    precision at steps 1 ... H; the control prior has mean ``control`` and diagonal precision
    ``control_precision``, both ``(p,)``; ``epistemic`` ``(H,)`` weighs half of ``φᵀVφ``, the
    ignorance of the transition's last layer at each step; ``low`` and ``high`` ``(p,)`` limit the
    control.
    """

    state: Float[Array, "n"]
    precision: Float[Array, "H n"]
    control: Float[Array, "p"]
    control_precision: Float[Array, "p"]
    epistemic: Float[Array, "H"]
    low: Float[Array, "p"]
    high: Float[Array, "p"]


def refine(
    transition: LearnedFeatures,
    start: Float[Array, "n"],
    wishes: Wishes,
    guess: Trajectory,
    iterations: int,
) -> tuple[Trajectory, Float[Array, ""]]:
    """Improve ``guess`` by Gauss-Newton passes; returns the plan and its free energy.

    The guess is first rolled out from ``start`` under its own feedback. No pass raises the free
    energy: of several step sizes the best is taken, and none where all are worse.
    """
    still = jnp.zeros_like(guess.controls)
    nominal = _play(transition, start, wishes, guess, still, 0.0)

    def improve(_, carry):
        nominal, energy = carry
        change, gains = _backward(transition, wishes, nominal)
        kept = Trajectory(nominal.states, nominal.controls, gains)
        plans, energies = jax.vmap(
            lambda size: _play(transition, start, wishes, kept, change, size)
        )(jnp.array(_STEP_SIZES, start.dtype))
        best = jnp.argmin(energies)
        plan = jax.tree.map(lambda x: x[best], plans)
        better = energies[best] < energy
        return jax.tree.map(
            lambda new, old: jnp.where(better, new, old), (plan, energies[best]), (kept, energy)
        )

    return jax.lax.fori_loop(0, iterations, improve, nominal)


def beliefs_along(transition: LearnedFeatures, belief: Belief, plan: Trajectory) -> Belief:
    """Beliefs at steps 1 ... H under the plan's feedback, stacked along the first axis."""

    def step(root, inputs):
        state, control, gain = inputs
        local = transition.linearise(state, control)
        noise = transition.noise_columns(transition.phi(state, control))
        closed = local.along_state + local.along_control @ gain
        root = lower_root(jnp.concatenate([closed @ root, noise], axis=1))
        return root, root

    inputs = (plan.states[:-1], plan.controls, plan.gains)
    return Belief(plan.states[1:], jax.lax.scan(step, belief.root, inputs)[1])


def _play(transition, start, wishes, plan, change, size):
    """Forward pass of the feedback law from ``start``: the trajectory and its free energy."""

    def step(state, inputs):
        nominal, control, gain, change = inputs
        control = control + size * change + gain @ (state - nominal)
        control = jnp.clip(control, wishes.low, wishes.high)
        phi = transition.phi(state, control)
        ignorance = jnp.sum(transition.ignorance(phi) ** 2)
        state = transition.advance(state, phi)
        return state, (state, control, ignorance)

    inputs = (plan.states[:-1], plan.controls, plan.gains, change)
    _, (states, controls, ignorance) = jax.lax.scan(step, start, inputs)
    energy = 0.5 * (
        jnp.sum(wishes.precision * (states - wishes.state) ** 2)
        + jnp.sum(wishes.control_precision * (controls - wishes.control) ** 2)
        + jnp.sum(wishes.epistemic * ignorance)
    )
    states = jnp.concatenate([start[None], states])
    return Trajectory(states, controls, plan.gains), jnp.where(jnp.isnan(energy), jnp.inf, energy)


def _backward(transition, wishes, nominal):
    """Backward messages along ``nominal``: the change of each control, and its feedback gain.

    A message is a quadratic in the deviation from the nominal state: its gradient and precision.
    """
    n = nominal.states.shape[1]
    local = jax.vmap(transition.linearise)(nominal.states[:-1], nominal.controls)
    jacobian = jnp.concatenate([local.along_state, local.along_control], axis=2)
    slope = local.ignorance_slope
    caution = jnp.einsum("t,tkz,tky->tzy", wishes.epistemic, slope, slope)
    warning = jnp.einsum("t,tkz,tk->tz", wishes.epistemic, slope, local.ignorance)
    pull = wishes.precision * (nominal.states[1:] - wishes.state)
    effort = wishes.control_precision * (nominal.controls - wishes.control)

    def step(message, inputs):
        gradient, precision = message
        control, goal, pull, effort, jacobian, caution, warning = inputs
        precision = precision + jnp.diag(goal)
        joint = jacobian.T @ precision @ jacobian + caution
        slope = jacobian.T @ (gradient + pull) + warning
        uu, ux = joint[n:, n:] + jnp.diag(wishes.control_precision), joint[n:, :n]
        u = slope[n:] + effort
        change, free = _truncated_mode(uu, u, wishes.low - control, wishes.high - control)
        gain = -_solve_free(uu, ux, free)
        back = joint[:n, :n] + gain.T @ (uu @ gain + ux) + ux.T @ gain
        gradient = slope[:n] + gain.T @ (uu @ change + u) + ux.T @ change
        return (gradient, 0.5 * (back + back.T)), (change, gain)

    inputs = (nominal.controls, wishes.precision, pull, effort, jacobian, caution, warning)
    zero = (jnp.zeros(n, jacobian.dtype), jnp.zeros((n, n), jacobian.dtype))
    return jax.lax.scan(step, zero, inputs, reverse=True)[1]


def _truncated_mode(
    precision: Float[Array, "p p"],
    slope: Float[Array, "p"],
    low: Float[Array, "p"],
    high: Float[Array, "p"],
) -> tuple[Float[Array, "p"], Bool[Array, "p"]]:
    """Mode of a Gaussian truncated to a box, and where no limit binds.

    Primal active set (Nocedal and Wright, Numerical Optimization, 2006, section 16.5): a Newton
    step in the free coordinates as far as the first limit, which then holds; where the step is
    whole, the limit with the strongest pull inwards lets go.
    """
    p = slope.shape[0]
    mode = jnp.clip(-slope / jnp.diag(precision), low, high)
    held = (mode <= low) | (mode >= high)
    if p == 1:
        return mode, ~held
    each = jnp.arange(p)

    def improve(_, carry):
        mode, held = carry
        step = -_solve_free(precision, (slope + precision @ mode)[:, None], ~held)[:, 0]
        moves = ~held & (step != 0)
        limit = jnp.where(step > 0, high, low)
        share = jnp.where(moves, (limit - mode) / jnp.where(moves, step, 1), jnp.inf)
        first = jnp.argmin(share)
        blocked = share[first] < 1
        mode = jnp.clip(mode + jnp.minimum(share[first], 1) * step, low, high)
        mode = jnp.where(blocked & (each == first), limit, mode)
        gradient = slope + precision @ mode
        inwards = jnp.where(mode <= low, -gradient, gradient)
        pull = jnp.where(held & (low < high), inwards, -jnp.inf)
        strongest = jnp.argmax(pull)
        let_go = ~blocked & (pull[strongest] > 0) & (each == strongest)
        return mode, (held | (blocked & (each == first))) & ~let_go

    mode, held = jax.lax.fori_loop(0, 3 * p, improve, (mode, held))
    return mode, ~held


def _solve_free(
    precision: Float[Array, "p p"], right: Float[Array, "p n"], free: Bool[Array, "p"]
) -> Float[Array, "p n"]:
    """Solve for the rows whose limits do not bind; the others are zero."""
    right = jnp.where(free[:, None], right, 0)
    if free.shape[0] == 1:
        return right / precision
    both = free[:, None] & free
    return jnp.linalg.solve(jnp.where(both, precision, jnp.diag(jnp.diag(precision))), right)
