"""The planning query where it is not linear: the most probable controls, by Gauss-Newton.

The chain is linearised around a nominal trajectory, a backward pass of information messages
marginalises one control after the other, and a forward pass through the nonlinear transitions
plays the feedback law that results: Gauss-Newton on the free energy, the iterative
linear-quadratic regulator of Li and Todorov (2004) in the language of messages. The limits of the
control truncate each control's posterior inside the backward recursion (Tassa, Mansard and
Todorov, 2014), and where they bind its feedback is off.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .check import pytree
from .factor import Transition
from .gaussian import Belief
from .rows import Rows
from .square_root import free_root

_STEP_SIZES = (1.0, 0.5, 0.25, 0.0625)
_WIDEST = 1e6  # standard deviation of a belief ahead

RowsAlong = Callable[[Float[Array, "H+1 n"]], Rows]


@pytree("states", "controls", "gains")
@dataclass(frozen=True)
class Trajectory:
    """A feedback plan: ``states`` (H+1, n), ``controls`` (H, p), ``gains`` (H, p, n)."""

    states: Float[Array, "H+1 n"]
    controls: Float[Array, "H p"]
    gains: Float[Array, "H p n"]

    def later(self) -> "Trajectory":
        """The same plan one tick later; its last step is repeated."""
        return jax.tree.map(lambda x: jnp.concatenate([x[1:], x[-1:]]), self)


@pytree(
    "control",
    "control_precision",
    "caution",
    "accepted",
    "curiosity",
    "outputs",
    "low",
    "high",
    "spare_low",
    "spare_high",
    "spare_precision",
)
@dataclass(frozen=True)
class Wishes:
    """What the controls should be, beside what the future should show.

    The prior of the controls has mean ``control`` ``(H, p)`` and precision ``control_precision``
    ``(H, p, p)``; ``caution`` ``(H,)`` weighs half the square of what the transition's doubt has
    beyond the ``accepted`` one, ``(k,)`` or a scalar, at each step; ``curiosity`` ``(H,)`` is what
    a nat is worth that a transition tells of the parameters, ``½ d log(1 + |doubt|²/d)`` for a
    layer of ``outputs`` d (MacKay, Information-based objective functions for active data selection,
    Neural Computation 4, 1992); ``low`` and ``high`` ``(p,)`` limit the control. What lies below
    ``spare_low`` or above ``spare_high`` ``(H, p)`` is a reserve: going so far beyond them costs
    half the square of it, times ``spare_precision`` ``(H, p)``.
    """

    control: Float[Array, "H p"]
    control_precision: Float[Array, "H p p"]
    caution: Float[Array, "H"]
    accepted: Float[Array, "*k"]
    curiosity: Float[Array, "H"]
    outputs: Float[Array, ""]
    low: Float[Array, "p"]
    high: Float[Array, "p"]
    spare_low: Float[Array, "H p"]
    spare_high: Float[Array, "H p"]
    spare_precision: Float[Array, "H p"]

    def beyond(self, controls: Float[Array, "H p"]) -> Float[Array, "H p"]:
        """How far ``controls`` go into the reserve, negative at its low end."""
        return controls - jnp.clip(controls, self.spare_low, self.spare_high)


def refine(
    transition: Transition,
    start: Belief,
    rows_along: RowsAlong,
    wishes: Wishes,
    guess: Trajectory,
    iterations: int,
) -> tuple[Trajectory, Float[Array, ""], Float[Array, ""]]:
    """Improve ``guess`` by Gauss-Newton passes; returns the plan, its energy, and by how much the
    last pass lowered it.

    ``start`` is the belief about the first state; one whose root has no columns is certain.
    ``rows_along`` gives what observations and goals say near given states. The energy is the
    negative log of all factors at the trajectory. The guess is first rolled out from the mean of
    ``start`` under its own feedback. No pass raises the energy: of several step sizes the best is
    taken, and none where all are worse.
    """
    still = jnp.zeros_like(guess.controls)
    certain = jnp.zeros(start.root.shape[1], start.mean.dtype)
    common = (transition, start, rows_along, wishes)
    nominal = _play(*common, (guess, certain), still, certain, 0.0)

    def improve(_, carry):
        (nominal, first), energy, _ = carry
        change, gains, turn = _backward(*common, nominal, first)
        kept = (Trajectory(nominal.states, nominal.controls, gains), first)
        plans, energies = jax.vmap(lambda size: _play(*common, kept, change, turn, size))(sizes)
        best = jnp.argmin(energies)
        plan = jax.tree.map(lambda x: x[best], plans)
        better = energies[best] < energy
        drop = jnp.where(better, energy - energies[best], 0.0)
        plan, energy = jax.tree.map(
            lambda new, old: jnp.where(better, new, old), (plan, energies[best]), (kept, energy)
        )
        return plan, energy, drop

    sizes = jnp.array(_STEP_SIZES, start.mean.dtype)

    start_at = (*nominal, jnp.full_like(nominal[1], jnp.inf))
    (plan, _), energy, drop = jax.lax.fori_loop(0, iterations, improve, start_at)
    return plan, energy, drop


def feedback(
    transition: Transition, rows_along: RowsAlong, wishes: Wishes, nominal: Trajectory
) -> Float[Array, "H p n"]:
    """Gains of the feedback law by which small deviations from ``nominal`` are met best."""
    begin = nominal.states[0]
    known = Belief.of(begin, jnp.zeros((begin.shape[0], 0), begin.dtype))
    nothing = jnp.zeros(0, begin.dtype)
    return _backward(transition, known, rows_along, wishes, nominal, nothing)[1]


def beliefs_along(transition: Transition, belief: Belief, plan: Trajectory) -> Belief:
    """Beliefs at steps 1 ... H under the plan's feedback, stacked along the first axis; where a
    plan cannot be kept to they widen without end, and are cut off before numbers do."""

    def step(root, inputs):
        state, control, gain = inputs
        local = transition.local(state, control, "predictive")
        closed = local.along_state + local.along_control @ gain
        root = free_root(jnp.concatenate([closed @ root, local.noise], axis=1))
        root = jnp.clip(root, -_WIDEST, _WIDEST)
        return root, root

    inputs = (plan.states[:-1], plan.controls, plan.gains)
    return Belief.of(plan.states[1:], jax.lax.scan(step, belief.root, inputs)[1])


def _play(transition, start, rows_along, wishes, plan, change, turn, size):
    """Forward pass of the feedback law: trajectory, deviation of the first state, energy."""
    nominal, first = plan
    first = first + size * turn
    begin = start.mean + start.root @ first

    def step(state, inputs):
        near, control, gain, change, wary, curious = inputs
        control = control + size * change + gain @ (state - near)
        control = jnp.clip(control, wishes.low, wishes.high)
        doubt = transition.doubt(state, control)
        cost = 0.5 * wary * jnp.sum((doubt - wishes.accepted) ** 2)
        nats = 0.5 * wishes.outputs * jnp.log1p(jnp.sum(doubt**2) / wishes.outputs)
        state = transition.mean(state, control)
        return state, (state, control, cost - curious * nats)

    weights = (wishes.caution, wishes.curiosity)
    inputs = (nominal.states[:-1], nominal.controls, nominal.gains, change, *weights)
    _, (states, controls, doubted) = jax.lax.scan(step, begin, inputs)
    states = jnp.concatenate([begin[None], states])
    rows = rows_along(states)
    miss = jnp.einsum("tmn,tn->tm", rows.matrix, states) - rows.value
    effort = controls - wishes.control
    energy = 0.5 * (
        jnp.sum(miss**2)
        + jnp.einsum("tp,tpr,tr->", effort, wishes.control_precision, effort)
        + jnp.sum(wishes.spare_precision * wishes.beyond(controls) ** 2)
        + jnp.sum(first**2)
    )
    energy = energy + jnp.sum(doubted) - rows.log_scale.sum()
    played = (Trajectory(states, controls, nominal.gains), first)
    return played, jnp.where(jnp.isnan(energy), jnp.inf, energy)


def _backward(transition, start, rows_along, wishes, nominal, first):
    """Backward messages along ``nominal``: the change of each control, its feedback gain, and the
    change of the first state's deviation.

    A message is a quadratic in the deviation from the nominal state: its gradient and precision.
    """
    n = nominal.states.shape[1]
    at = (nominal.states[:-1], nominal.controls)
    local = jax.vmap(lambda x, u: transition.local(x, u, "variational"))(*at)
    jacobian = jnp.concatenate([local.along_state, local.along_control], axis=2)
    doubt = jax.vmap(transition.doubt)(*at)
    worth = wishes.curiosity / (1 + jnp.sum(doubt**2, axis=1) / wishes.outputs)
    slope = local.doubt.matrix
    caution = jnp.einsum("t,tkz,tky->tzy", wishes.caution, slope, slope)
    warning = jnp.einsum("t,tkz,tk->tz", wishes.caution, slope, doubt - wishes.accepted)
    warning = warning - jnp.einsum("t,tkz,tk->tz", worth, slope, doubt)
    rows = rows_along(nominal.states)
    miss = jnp.einsum("tmn,tn->tm", rows.matrix, nominal.states) - rows.value
    goal = jnp.einsum("tmi,tmj->tij", rows.matrix, rows.matrix)
    pull = jnp.einsum("tmi,tm->ti", rows.matrix, miss)
    effort = jnp.einsum("tpr,tr->tp", wishes.control_precision, nominal.controls - wishes.control)
    beyond = wishes.beyond(nominal.controls)
    effort = effort + wishes.spare_precision * beyond
    prior = wishes.control_precision + jax.vmap(jnp.diag)(wishes.spare_precision * (beyond != 0))

    def step(message, inputs):
        gradient, precision = message
        control, prior, goal, pull, effort, jacobian, caution, warning = inputs
        joint = jacobian.T @ (precision + goal) @ jacobian + caution
        slope = jacobian.T @ (gradient + pull) + warning
        uu, ux = joint[n:, n:] + prior, joint[n:, :n]
        u = slope[n:] + effort
        change, free = _truncated_mode(uu, u, wishes.low - control, wishes.high - control)
        gain = -_solve_free(uu, ux, free)
        back = joint[:n, :n] + gain.T @ (uu @ gain + ux) + ux.T @ gain
        gradient = slope[:n] + gain.T @ (uu @ change + u) + ux.T @ change
        return (gradient, 0.5 * (back + back.T)), (change, gain)

    inputs = (
        nominal.controls, prior, goal[1:], pull[1:], effort, jacobian, caution, warning
    )  # fmt: skip
    zero = (jnp.zeros(n, jacobian.dtype), jnp.zeros((n, n), jacobian.dtype))
    (gradient, precision), (change, gain) = jax.lax.scan(step, zero, inputs, reverse=True)
    turn = jnp.zeros_like(first)
    if first.shape[0]:
        root = start.root
        one = jnp.eye(first.shape[0], dtype=root.dtype)
        wish = root.T @ (gradient + pull[0]) + first
        turn = -jnp.linalg.solve(one + root.T @ (precision + goal[0]) @ root, wish)
    return change, gain, turn


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
