"""Calibration: the shipped model's predictions are honest, and a spoilt one becomes so again."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.filter import filter_step
from jopa_agent.agent.graph.motion import inflated, widened
from jopa_agent.agent.learning.calibrate import NOMINAL, Widths, calibrate, coverage
from jopa_agent.agent.learning.checkpoint import load_model
from jopa_agent.agent.learning.dataset import EXPERIENCE, Dataset, load_dataset
from jopa_agent.agent.learning.foretell import foretell
from jopa_agent.agent.learning.life import split
from jopa_agent.agent.model import INFERENCE, Model
from jopa_agent.configs.sections import Body
from jopa_agent.configs.settings import shipped_model
from jopa_agent.envs.camera import Camera
from jopa_agent.envs.pendulum import Pendulum


@pytest.fixture(scope="module")
def shipped() -> Model:
    return load_model(shipped_model("pendulum"), Body())


@pytest.fixture(scope="module")
def recorded() -> tuple[Dataset, Dataset]:
    return split(load_dataset(shipped_model("pendulum") / EXPERIENCE))


def covered(model: Model, recorded: Dataset) -> np.ndarray:
    scores = foretell(model, recorded, 20).scores
    return np.array([coverage(scores[:, ahead - 1]) for ahead in (1, 20)])


def test_shares_of_normal_numbers():
    found = coverage(np.random.default_rng(0).normal(size=(100_000, 2)))
    assert found == pytest.approx(NOMINAL, abs=0.005)


def test_a_model_that_is_too_sure_becomes_honest(shipped: Model, recorded):
    """Ten times too small noises, the weights' doubts as a hundredth: all is found again."""
    spoilt = replace(
        shipped,
        sensor_noise=shipped.sensor_noise.scaled(0.1),
        transition=widened(shipped.transition, 0.1, 0.01),
    )
    before = np.abs(covered(spoilt, recorded[1]) - NOMINAL).max()
    model, widths = calibrate(spoilt, *recorded)
    after = np.abs(covered(model, recorded[1]) - NOMINAL).max()
    assert before > 0.3
    assert after < 0.2
    assert widths.sensor > 1
    assert float(model.inflation) * widths.process == pytest.approx(max(0.3, widths.process))
    again, same = calibrate(spoilt, *recorded)
    assert same == widths
    assert np.array_equal(again.sensor_noise.covs, model.sensor_noise.covs)


def test_inflation_widens_the_noise_and_nothing_else(shipped: Model):
    state, control = np.array([0.7, -1.1, 0.2, 0.1, 0, 0], np.float32), np.array([1.3], np.float32)
    one, wide = shipped.transition, inflated(shipped.transition, np.float32(7.0))
    before, after = (each.local(state, control, "predictive") for each in (one, wide))
    bare = one.skeleton.entry @ one.layer.predictive_root
    more = after.noise @ after.noise.T - before.noise @ before.noise.T
    np.testing.assert_allclose(more, 6 * bare @ bare.T, rtol=1e-4, atol=1e-12)
    np.testing.assert_array_equal(after.mean, before.mean)
    np.testing.assert_array_equal(after.along_state, before.along_state)


def test_an_inflated_filter_is_where_the_frames_are_sooner(shipped: Model):
    """Frames of a body at rest where the model has it fall."""
    frame = Pendulum(Camera(Body().camera_crop_px, Body().camera_size_px)).picture(0.4)
    away = {}
    for inflation in (1.0, 50.0):
        model = replace(shipped, inflation=jnp.float32(inflation))
        system, still = model.watchful(), jnp.zeros(1)
        step, belief = jax.jit(filter_step, static_argnames="inference"), system.prior
        for tick in range(6):
            first = jnp.asarray(tick == 0)
            told = step(system, INFERENCE, belief, still, model.seen(jnp.asarray(frame)), first)
            belief = told.belief
        velocity = np.asarray(belief.mean[2:4])
        away[inflation] = float(np.linalg.norm(velocity))
    assert away[50.0] < 0.9 * away[1.0]


def test_widening_changes_these_covariances_alone(shipped: Model):
    one, wide = shipped.transition, widened(shipped.transition, 4.0, 9.0)
    np.testing.assert_array_equal(one.layer.mean, wide.layer.mean)
    np.testing.assert_allclose(2 * one.layer.noise_root, wide.layer.noise_root, rtol=1e-5)
    np.testing.assert_allclose(
        3 * np.abs(one.layer.doubt_root), np.abs(wide.layer.doubt_root), rtol=1e-3, atol=1e-5
    )
    np.testing.assert_array_equal(one.skeleton.along, wide.skeleton.along)
    np.testing.assert_allclose(one.skeleton.extra, wide.skeleton.extra, rtol=1e-6)
    assert Widths(1.0, 2.0, 3.0)._asdict() == {"sensor": 1.0, "process": 2.0, "weights": 3.0}
