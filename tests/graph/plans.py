"""Problems for plans of all kinds, and what solves them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from jopa_agent.agent.graph.gaussian import Belief
from jopa_agent.agent.graph.refine import Trajectory, Wishes, refine
from jopa_agent.agent.graph.rows import Rows

from .transitions import make_transition, with_mean

HORIZON = 12
FREE = 1e9  # a limit that never binds


@jax.jit  # the number of iterations is data: compiled once for all
def refined(model, start, goals, wishes, guess, iterations):
    return refine(model, start, lambda _: goals, wishes, guess, iterations)


class Problem(NamedTuple):
    model: Any
    start: np.ndarray
    goals: Rows
    wishes: Wishes
    root: np.ndarray  # of the belief about the first state

    @property
    def belief(self) -> Belief:
        return Belief.of(jnp.asarray(self.start), jnp.asarray(self.root))


def problem(model: Any, seed: int, limit: float, columns: int = 0) -> Problem:
    """All kinds of wishes at once, different at every step; the limits are not symmetric, and the
    first state is uncertain in ``columns`` directions."""
    rng, n, p = np.random.default_rng(seed), model.dim, model.controls
    matrix = 0.5 * rng.normal(size=(HORIZON + 1, n + 1, n))
    mixing = rng.normal(size=(HORIZON, p, p))
    precision = rng.uniform(0.05, 0.2, HORIZON)[:, None, None] * (
        np.eye(p) + mixing @ mixing.transpose(0, 2, 1) / (p + 1)
    )
    goals = Rows(
        jnp.asarray(matrix),
        jnp.asarray(matrix @ (0.3 * rng.normal(size=n)) + 0.1 * rng.normal(size=n + 1)),
        jnp.asarray(rng.normal(size=HORIZON + 1)),
    )
    wishes = Wishes(
        control=jnp.asarray(0.1 * rng.normal(size=(HORIZON, p))),
        control_precision=jnp.asarray(precision),
        caution=jnp.asarray(rng.uniform(0, 1, HORIZON)),
        accepted=model.doubt(*(jnp.asarray(0.1 * rng.normal(size=k)) for k in (n, p))),
        curiosity=jnp.zeros(HORIZON),
        outputs=jnp.ones(()),
        low=jnp.full(p, -limit),
        high=jnp.full(p, 1.2 * limit),
        **no_reserve(p),
    )
    root = 0.3 * rng.normal(size=(n, columns))
    return Problem(model, 0.3 * rng.normal(size=n), goals, wishes, root)


def no_reserve(controls: int) -> dict[str, Array]:
    whole = jnp.full((HORIZON, controls), jnp.inf)
    return {"spare_low": -whole, "spare_high": whole, "spare_precision": jnp.zeros_like(whole)}


def guess(problem: Problem, controls: np.ndarray | None = None) -> Trajectory:
    n, p = problem.start.size, problem.wishes.low.size
    return Trajectory(
        states=jnp.zeros((HORIZON + 1, n)),
        controls=jnp.zeros((HORIZON, p)) if controls is None else jnp.asarray(controls),
        gains=jnp.zeros((HORIZON, p, n)),
    )


def solve(problem: Problem, iterations: int) -> tuple[Trajectory, float]:
    model, _, goals, wishes, _ = problem
    plan, energy, _ = refined(model, problem.belief, goals, wishes, guess(problem), iterations)
    return plan, float(energy)


def curved(seed: int, strength: float = 0.1, columns: int = 0) -> Problem:
    """A cubic transition; at a ``strength`` of 0.5 many a trajectory leaves all bounds."""
    model = make_transition(2, 1, degree=3, control_degree=2, seed=seed, ignorance=0.1)
    model = with_mean(model, strength * model.posterior.mean)
    asked = problem(model, seed, limit=1.0, columns=columns)
    shrink = np.repeat([1, 0.2, 0.02], 2)
    return asked._replace(start=asked.start * shrink, root=asked.root * shrink[:, None])
