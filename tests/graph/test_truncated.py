"""Plans whose controls are limited: their evidence against exact integration, and derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent import Belief, Block, FixedSensor, JointModel, KnownLinear
from jopa_agent.agent.graph.truncated import _within
from scipy.stats import norm, truncnorm

pytestmark = pytest.mark.usefixtures("float64")
HORIZON, LIMIT = 6, 1.0


def integrated(goal: float) -> float:
    """Free energy of ``x' = x + u + N(0, 0.01)`` seen with variance 0.04: the sum of independent
    truncated normals by convolution on a fine grid."""
    grid = np.linspace(-LIMIT, LIMIT, 401)
    weights = np.full(401, grid[1] - grid[0])
    weights[[0, -1]] /= 2
    density = norm.pdf(grid) * weights / (norm.cdf(LIMIT) - norm.cdf(-LIMIT))
    total = density
    for _ in range(HORIZON - 1):
        total = np.convolve(total, density)
    ends = np.linspace(-HORIZON * LIMIT, HORIZON * LIMIT, len(total))
    log = norm.logpdf(goal, ends, np.sqrt(0.04 + 0.01 * HORIZON))
    return -(log.max() + np.log((total * np.exp(log - log.max())).sum()))


def drifting() -> JointModel:
    sensor = FixedSensor([[1.0]], [[0.04]])
    return JointModel([Block("a", KnownLinear([[1.0]], [[0.01]], [[1.0]]), sensor)])


@pytest.mark.parametrize("goal", [0.3, 2.0, 5.0, 8.0, 15.0])
def test_the_free_energy_is_that_of_integration(goal: float):
    """From a goal that no limit keeps from, to one far beyond what they allow."""
    plan = drifting().plan(
        {"a": [None] * HORIZON + [[goal]]}, prior=Belief([0.0], [[0.0]]), control_limits=(-1, 1)
    )
    assert float(plan.free_energy) == pytest.approx(integrated(goal), rel=5e-3, abs=5e-3)


def test_plans_have_derivatives_where_limits_bind_and_where_not():
    dynamics = KnownLinear(0.9 * np.eye(2), 0.1 * np.eye(2), np.ones((2, 1)))
    model = JointModel([Block("a", dynamics, FixedSensor(np.eye(2), 0.1 * np.eye(2)))])

    def told(goal):
        plan = model.plan({"a": [None] * 5 + [goal]}, control_limits=(-0.3, 0.3))
        return jnp.stack([plan.free_energy, plan.actions[1, 0], plan.actions[4, 0]])

    goal, width = jnp.array([1.0, 0.7]), 1e-4
    slope = jax.jit(jax.jacobian(told))(goal)
    of = jax.jit(told)
    for axis, turn in enumerate(width * np.eye(2)):
        change = (of(goal + turn) - of(goal - turn)) / (2 * width)
        np.testing.assert_allclose(slope[:, axis], change, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("low", [-np.inf, -4.0, -0.5, 0.0, 3.0, 12.0, 40.0])
@pytest.mark.parametrize("width", [0.1, 2.0, np.inf])
def test_moments_within_bounds(low: float, width: float):
    high = low + width if np.isfinite(low) else width
    for bounds in ((low, high), (-high, -low)):
        share, mean, variance = (float(x) for x in _within(*map(jnp.asarray, bounds)))
        oracle = truncnorm(*bounds)
        assert mean == pytest.approx(oracle.mean(), rel=2e-3, abs=1e-6)
        assert variance == pytest.approx(oracle.var(), rel=0.02, abs=1e-6)
        tails = norm.logcdf([bounds[1], bounds[0]]) if bounds[0] < 0 else norm.logsf(bounds)
        exact = tails[0] + np.log1p(-np.exp(tails[1] - tails[0]))
        assert share == pytest.approx(exact, rel=1e-9, abs=1e-12)
