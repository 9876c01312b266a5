"""From a goal picture and a belief to a plan: what is wished for, from which guesses to start."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

from ..configs.sections import Planner
from .graph.gaussian import Belief
from .graph.hold import holding_control
from .graph.refine import Trajectory, Wishes, beliefs_along, feedback, refine
from .graph.rows import Rows
from .model import Model

# A goal that no control can hold is passed at one of these ticks, whichever costs least.
_ARRIVALS = np.array([4, 8, 12, 17, 23, 30, 40, 50])
_ARRIVAL_PRECISION = 100.0
_ARRIVAL_COST = 0.05  # free energy per tick of waiting

# Holding is judged with the learned model: this much beyond the limits is within its errors.
_EFFORT_SLACK = 1.05

# Of the control: what takes less to be held is easy, what takes more is hard.
_EASY, _HARD = 0.1, 0.2
_LAST = 0.1  # of the control between its middle and a limit: the reserve is never more
_SOON = 5  # ticks ahead within which the reserve of control is opened up
_PRICES = (0.3, 1.0)  # twice the free energy of a tick that takes all the reserve: easy, hard
_LEAST = 1e-3  # less is no reserve, but what rounding leaves between it and the limit
_BESIDE = 0.7  # standard deviations of the poses: nearer, caution is less and controls are cheap
_CHEAPER = 0.96  # by this share is the control's precision less, right beside the goal

_FINALISTS = 2  # hypotheses that are refined to the end

_SWITCHING = 0.12  # chance per tick that a guessed control changes sign


class Wish(NamedTuple):
    """A goal as the planner sees it.

    ``state`` ``(n,)``: at rest in the goal's pose; ``control`` ``(p,)``: what holds it there, or
    comes nearest to that; ``can_be_held``: whether that lies within the limits; ``gains``
    ``(H, p, n)``: the feedback that keeps it there, as calm as it is for what comes from afar, or
    that would overshoot.
    """

    state: Float[Array, "n"]
    control: Float[Array, "p"]
    can_be_held: Bool[Array, ""]
    gains: Float[Array, "H p n"]


@partial(jax.tree_util.register_dataclass, data_fields=["trajectory", "arrival"], meta_fields=[])
@dataclass(frozen=True)
class Intent:
    """What is carried from one tick to the next: a plan, and the ticks left until it arrives.

    ``arrival`` counts for goals that can only be passed; 0 means that it has not been chosen.
    """

    trajectory: Trajectory
    arrival: Int[Array, ""]


class Outcome(NamedTuple):
    """A plan: ``controls`` ``(H, p)``, the beliefs ahead (stacked over H), the free energy, and
    the intent to begin the next tick with."""

    controls: Float[Array, "H p"]
    ahead_mean: Float[Array, "H n"]
    ahead_std: Float[Array, "H n"]
    energy: Float[Array, ""]
    intent: Intent


def wish_for(settings: Planner, model: Model, frame: UInt8[Array, "height width channel"]) -> Wish:
    """Understand the goal picture ``frame``."""
    return wish_at(settings, model, model.at_rest(frame))


def wish_at(settings: Planner, model: Model, state: Float[Array, "n"]) -> Wish:
    """Wish to be at rest in ``state``."""
    holding = holding_control(model.transition, state, model.control_low, model.control_high)
    gains = jnp.zeros((settings.horizon, *holding.control.shape, *state.shape))
    wish = Wish(state, holding.control, holding.effort <= _EFFORT_SLACK, gains)
    at_once = jnp.zeros((), jnp.int32)
    goals = _goals(settings, model, wish, at_once)
    wishes = _wishes(settings, model, wish, at_once, jnp.asarray(jnp.inf))
    gains = feedback(model.transition, lambda _: goals, wishes, _rest(settings, wish))
    return wish._replace(gains=gains)


def wish_against(model: Model, wish: Wish, belief: Belief) -> Wish:
    """``wish`` with the control that holds it against the disturbance in ``belief``: the target of
    offset-free control (Pannocchia and Rawlings, 2003)."""
    d = model.transition.outputs
    state = wish.state.at[2 * d :].set(belief.mean[2 * d :])
    holding = holding_control(model.transition, state, model.control_low, model.control_high)
    return wish._replace(control=holding.control)


def no_intent(model: Model, horizon: int) -> Intent:
    """The intent of a mind that has not planned yet: no control at all."""
    n, p = model.transition.dim, model.control_low.shape[0]
    still = Trajectory(
        jnp.zeros((horizon + 1, n)), jnp.zeros((horizon, p)), jnp.zeros((horizon, p, n))
    )
    return Intent(still, jnp.zeros((), jnp.int32))


def plan(
    settings: Planner, model: Model, wish: Wish, belief: Belief, intent: Intent, key: Key[Array, ""]
) -> Outcome:
    """Infer the controls of the next ``settings.horizon`` ticks.

    Several hypotheses are refined side by side: the last plan one tick later, with its feedback,
    the feedback that keeps the goal, one limit or the other before that feedback, and random
    sequences of controls at the limits. All are refined once, those with the lowest free energy to
    the end, and the best of these wins.
    """
    key_guess, key_arrival = jax.random.split(key)
    guesses = _guesses(key_guess, settings, model, wish, intent)
    drawn = jax.random.choice(
        key_arrival, jnp.minimum(_ARRIVALS, settings.horizon), (settings.hypotheses,)
    )
    arrivals = drawn.at[0].set(jnp.where(intent.arrival > 0, intent.arrival, drawn[0]))
    arrivals = jnp.where(wish.can_be_held, 0, arrivals)

    now = Belief.of(belief.mean, belief.root[:, :0])  # what follows is planned from its mean
    away = _distance(model, wish, belief.mean)

    def refined(guess, arrival, iterations):
        goals = _goals(settings, model, wish, arrival)
        wishes = _wishes(settings, model, wish, arrival, away)
        found = refine(model.transition, now, lambda _: goals, wishes, guess, iterations)
        return found[0], found[1] + _ARRIVAL_COST * arrival

    plans, energies = jax.vmap(partial(refined, iterations=1))(guesses, arrivals)
    few = jax.lax.top_k(-energies, min(_FINALISTS, settings.hypotheses))[1]
    plans, arrivals = jax.tree.map(lambda x: x[few], (plans, arrivals))
    to_the_end = partial(refined, iterations=settings.iterations - 1)
    plans, energies = jax.vmap(to_the_end)(plans, arrivals)
    best = jnp.argmin(energies)
    chosen = jax.tree.map(lambda x: x[best], plans)
    ahead = beliefs_along(model.transition, belief, chosen)
    carried = Intent(chosen.later(), jnp.maximum(arrivals[best] - 1, 0))
    std = jnp.sqrt(jnp.sum(ahead.root**2, axis=2))
    return Outcome(chosen.controls, ahead.mean, std, energies[best], carried)


def _goals(settings: Planner, model: Model, wish: Wish, arrival: Int[Array, ""]) -> Rows:
    """Goal messages on every step to come or, where the goal can only be passed, on one step."""
    transition = model.transition
    d = transition.outputs
    velocity = settings.goal_velocity_weight / transition.features.scale[d : 2 * d] ** 2
    steps = jnp.arange(1, settings.horizon + 1)
    stay = jnp.concatenate([jnp.ones(d), velocity, jnp.zeros(d)])
    last = jnp.where(steps == settings.horizon, settings.goal_final_factor, 1.0)
    passing = jnp.concatenate([jnp.full(d, _ARRIVAL_PRECISION), jnp.zeros(2 * d)])
    arrives = (steps == arrival)[:, None]
    precision = jnp.where(wish.can_be_held, last[:, None] * stay, arrives * passing)
    root = jnp.concatenate([jnp.zeros((1, stay.shape[0])), jnp.sqrt(precision)])
    return Rows(jax.vmap(jnp.diag)(root), root * wish.state, jnp.zeros(root.shape[0]))


def _distance(model: Model, wish: Wish, state: Float[Array, "n"]) -> Float[Array, ""]:
    """How far the pose of ``state`` is from that wished for."""
    d = model.transition.outputs
    return jnp.sqrt(jnp.sum((state[:d] - wish.state[:d]) ** 2))


def _wishes(
    settings: Planner,
    model: Model,
    wish: Wish,
    arrival: Int[Array, ""],
    away: Float[Array, ""],
) -> Wishes:
    """The prior of the controls, their limits, and caution where the transition is ill known.

    Beside the goal controls cost less than on the way to it, or short ways would be gone slowly.
    Caution is about what is doubted beyond the rest at the goal: doubts there, which the
    disturbance makes up for, are accepted, or the plan would rest beside the goal. Nor is there any
    for a belief that is hardly ``away`` from the goal: short ways would be put off for ever.
    """
    horizon, p = settings.horizon, model.control_low.shape[0]
    half = 0.5 * (model.control_high - model.control_low)
    beside = _near(away, _BESIDE) * wish.can_be_held
    precision = jnp.diag(settings.control_precision * (1 - _CHEAPER * beside) / half**2)
    caution = settings.epistemic_weight * (1 - beside)
    counts = jnp.where(wish.can_be_held, 1.0, jnp.arange(1, horizon + 1) <= arrival)
    spare_low, spare_high, spare_precision = _reserve(settings, model, wish)
    return Wishes(
        control=jnp.broadcast_to(wish.control, (horizon, p)),
        control_precision=jnp.broadcast_to(precision, (horizon, p, p)),
        caution=caution / model.transition.outputs * counts,
        accepted=model.transition.doubt(wish.state, wish.control),
        curiosity=jnp.full(horizon, settings.curiosity),
        outputs=jnp.asarray(float(model.transition.outputs)),
        low=model.control_low,
        high=model.control_high,
        spare_low=spare_low,
        spare_high=spare_high,
        spare_precision=spare_precision,
    )


def _reserve(
    settings: Planner, model: Model, wish: Wish
) -> tuple[Float[Array, "H p"], Float[Array, "H p"], Float[Array, "H p"]]:
    """Beyond which control, below and above, each tick of a plan pays for what it takes, and the
    precision that says how much.

    Later ticks of a plan pay for the last of the control, so that the earlier ones have it at hand
    to correct with. On the way to a goal that takes little to be held they pay a little, at both
    limits: a swing that takes all there is falls short by the least error of the model, where one
    tick more of the swing before would have done. At a goal that takes much, little is left to the
    nearer limit: who arrives with all of it in use falls, so there they pay more, and the other
    side is free.
    """
    half = 0.5 * (model.control_high - model.control_low)
    opened = jnp.minimum(jnp.arange(settings.horizon) / _SOON, 1.0)[:, None]
    left = jnp.stack([wish.control - model.control_low, model.control_high - wish.control])
    least = left.min(0)
    hard = jnp.clip((1.0 - least / half - _EASY) / (_HARD - _EASY), 0.0, 1.0)
    kept = jnp.minimum(settings.reserve * least, _LAST * half) * wish.can_be_held * opened
    below, above = kept * jnp.where(left > least, 1.0 - hard, 1.0)[:, None, :]
    spent = jnp.maximum(kept, _LEAST * half)
    price = _PRICES[0] + (_PRICES[1] - _PRICES[0]) * hard
    return (
        model.control_low + below,
        model.control_high - above,
        jnp.where(kept > _LEAST * half, price / spent**2, 0.0),
    )


def _near(distance: Float[Array, ""], width: float) -> Float[Array, ""]:
    """1 where there is no ``distance``, 0 where it is many times the ``width``."""
    return jnp.exp(-0.5 * (distance / width) ** 2)


def _guesses(
    key: Key[Array, ""], settings: Planner, model: Model, wish: Wish, intent: Intent
) -> Trajectory:
    """Trajectories to start from: the last plan, the rest at the goal with the feedback that keeps
    it, then each limit until that feedback takes over at some tick of the first half, and controls
    that jump between the limits, in every second of which it takes over, too."""
    last, rest = intent.trajectory, _rest(settings, wish)
    steps = (max(settings.hypotheses - 2, 0), *last.controls.shape)
    number = jnp.arange(steps[0])[:, None, None]
    steady = number < 2
    key_first, key_switch, key_end = jax.random.split(key, 3)
    first = jax.random.rademacher(key_first, (steps[0], 1, steps[2]), jnp.float32)
    first = jnp.where(steady, 1.0 - 2.0 * number, first)
    switches = jax.random.bernoulli(key_switch, _SWITCHING, steps) & ~steady
    signs = first * jnp.cumprod(jnp.where(switches, -1.0, 1.0), axis=1)
    jumping = jnp.where(signs > 0, model.control_high, model.control_low)
    end = jax.random.randint(key_end, (steps[0], 1, 1), 1, settings.horizon + 1)
    end = jnp.where(steady, (end + 1) // 2, end)
    caught = wish.can_be_held & (steady | (number % 2 == 0))
    kept = caught & (jnp.arange(settings.horizon)[:, None] >= end)
    random = Trajectory(
        states=jnp.broadcast_to(rest.states, (steps[0], *rest.states.shape)),
        controls=jnp.where(kept, rest.controls, jumping),
        gains=jnp.where(kept[..., None], rest.gains, 0.0),
    )
    informed = jax.tree.map(lambda *each: jnp.stack(each), last, rest)
    return jax.tree.map(
        lambda a, b: jnp.concatenate([a, b])[: settings.hypotheses], informed, random
    )


def _rest(settings: Planner, wish: Wish) -> Trajectory:
    """The rest at the goal, and the feedback that keeps it: near a goal that is not stable no
    sequence of controls would come to it by itself."""
    return Trajectory(
        states=jnp.broadcast_to(wish.state, (settings.horizon + 1, *wish.state.shape)),
        controls=jnp.broadcast_to(wish.control, (settings.horizon, *wish.control.shape)),
        gains=wish.gains,
    )
