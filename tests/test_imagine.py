"""Pictures of beliefs."""

import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.gaussian import Belief
from jopa_agent.agent.imagine import imagine, moments_ahead
from jopa_agent.agent.learning.checkpoint import load_model
from jopa_agent.agent.model import Model
from jopa_agent.configs.settings import read_preset, settings_from, shipped_model


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(shipped_model("pendulum"), settings_from(read_preset("pendulum")).body)


def at(model: Model, angle: float) -> jnp.ndarray:
    """A state at rest, its pose ``angle`` around the middle."""
    state = np.zeros(model.transition.dim, np.float32)
    state[:2] = np.cos(angle), np.sin(angle)
    return jnp.asarray(state)


def test_the_frame_is_the_decoders_and_what_is_sure_has_no_spread(model: Model) -> None:
    state = at(model, 0.4)
    n = model.transition.dim
    belief = Belief.of(state, jnp.zeros((n, n)))
    ahead = jnp.stack([at(model, 0.4), at(model, 2.0)])
    believed, spread, future = imagine(model, belief, ahead)
    picture = np.round(255 * np.asarray(model.picture(state[:2])))
    np.testing.assert_array_equal(believed, picture.astype(np.uint8))
    np.testing.assert_array_equal(future[0], believed)
    assert int(spread.max()) == 0
    assert np.abs(np.asarray(future[1], float) - picture).max() > 50


def test_the_spread_is_what_two_standard_deviations_change(model: Model) -> None:
    state, n = at(model, 0.4), model.transition.dim
    root = jnp.zeros((n, n)).at[0, 0].set(0.05)
    believed, spread, _ = imagine(model, Belief.of(state, root), state[None])
    either = [np.asarray(model.picture(state[:2] + jnp.array([s, 0.0]))) for s in (-0.1, 0.1)]
    middle = np.asarray(model.picture(state[:2]))
    expected = 255 * np.max([np.abs(each - middle) for each in either], axis=0)
    np.testing.assert_allclose(np.asarray(spread, float), expected, atol=1)
    assert believed.shape == spread.shape == (32, 32, 1)


@pytest.mark.parametrize(
    ("horizon", "expected"), [(40, [5, 10, 15, 20, 25, 30, 35, 40]), (3, [1, 2, 3]), (1, [1])]
)
def test_the_moments_ahead_are_spread_over_the_horizon(horizon: int, expected: list[int]) -> None:
    assert moments_ahead(horizon).tolist() == expected
