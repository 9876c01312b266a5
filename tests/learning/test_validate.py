"""Validation: the shipped model passes; models that were broken on purpose are refused."""

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.learning.checkpoint import load_model
from jopa_agent.agent.learning.collect import collect
from jopa_agent.agent.learning.dataset import Dataset
from jopa_agent.agent.learning.foretell import foretell
from jopa_agent.agent.learning.validate import Verdict, read_verdict, validate
from jopa_agent.agent.model import Model
from jopa_agent.configs.sections import Body, Collect, Planner
from jopa_agent.configs.settings import shipped_model
from jopa_agent.envs import make_body
from jopa_agent.envs.camera import Camera


@pytest.fixture(scope="module")
def recorded() -> Dataset:
    return collect(make_body("pendulum", Camera(256, 32)), Collect(frames=200), seed=999)


@pytest.fixture(scope="module")
def shipped() -> Model:
    return load_model(shipped_model("pendulum"), Body())


def with_weights(model: Model, change: Callable) -> Model:
    """The model whose last layer's mean is changed."""
    layer = model.transition.layer
    layer = layer._replace(mean=jnp.asarray(change(layer.mean), jnp.float32))
    transition = jax.tree_util.tree_map(lambda x: x, model.transition)
    object.__setattr__(transition, "layer", layer)
    return replace(model, transition=transition)


def test_the_shipped_model_passes(shipped: Model, recorded: Dataset):
    verdict = validate(shipped, recorded, Planner())
    assert verdict.passed, verdict.faults
    assert verdict.error_1 < verdict.error_20 < 0.03
    assert verdict.rehearsed > 0.9
    again = read_verdict(verdict.as_dict())
    assert again == verdict
    assert verdict.words().startswith("passed")


BROKEN = {
    "dynamics too strong": lambda m: with_weights(m, lambda w: 1.5 * np.asarray(w)),
    "poses of noise": lambda m: replace(
        m, encoder=replace(m.encoder, projection=jnp.flip(m.encoder.projection, axis=1))
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_model_is_refused_with_reasons(case: str, shipped: Model, recorded: Dataset):
    verdict = validate(BROKEN[case](shipped), recorded, Planner())
    assert not verdict.passed
    assert all("(" in fault for fault in verdict.faults)  # each names its bound
    assert verdict.words().startswith("failed: ")
    assert verdict.as_dict()["verdict"] == "fail"


def test_predictions_err_more_the_farther_they_go(shipped: Model, recorded: Dataset):
    told = foretell(shipped, recorded, 20)
    segments, length = recorded.frames.shape[:2]
    assert told.errors.shape == told.scores.shape == (segments * (length - 5 - 20), 20, 2)
    spread = np.median(np.abs(told.errors / told.scores), axis=0)
    assert (spread[19] > 1.3 * spread[0]).all()
    assert np.median(np.abs(told.errors[:, 19])) > np.median(np.abs(told.errors[:, 0]))


def test_a_prediction_is_as_wide_as_the_noise_where_it_leads_to_at_least(
    shipped: Model, recorded: Dataset
):
    """The noise differs by place, several times over: that of another step would be narrower
    somewhere. To the rounding of float32."""
    told = foretell(shipped, recorded, 2)
    T = recorded.frames.shape[1]
    poses = shipped.poses(jnp.asarray(recorded.frames))
    noise = jax.vmap(jax.vmap(lambda pose: jnp.diag(shipped.sensor_noise.at(pose))))(poses)
    for ahead in (1, 2):
        variance = (told.errors[:, ahead - 1] / told.scores[:, ahead - 1]) ** 2
        there = np.asarray(noise[:, 5 + ahead : T - 2 + ahead]).reshape(variance.shape)
        assert (variance > 0.999 * there).all()


def test_a_model_too_sure_of_itself_is_far_off_in_sigmas(shipped: Model, recorded: Dataset):
    """A sensor called a hundred times finer: hardly a pose lies within its band."""
    honest = foretell(shipped, recorded, 1)
    sure = foretell(replace(shipped, sensor_noise=shipped.sensor_noise.scaled(1e-4)), recorded, 1)
    assert np.median(np.abs(sure.scores)) > 1.2 * np.median(np.abs(honest.scores))


def test_what_passes_goes_before_what_does_not():
    good = Verdict(0.0, 0.0, 0.4, (1.0,) * 3, (1.0,) * 3, 0.0, 0.0, 1.0, None, ())
    bad, worse = replace(good, faults=("x",)), replace(good, error_20_rms=2.0, faults=("x",))
    assert good.better_than(bad)
    assert not good.better_than(replace(good, error_20_rms=0.1))
    assert not bad.better_than(good)
    assert bad.better_than(worse)
    assert not worse.better_than(bad)
    nothing = replace(bad, error_20_rms=float("nan"))
    assert bad.better_than(nothing)
    assert not nothing.better_than(bad)


def test_a_trial_with_the_body_itself_decides():
    good = Verdict(0.0, 0.0, 0.4, (1.0,) * 3, (1.0,) * 3, 0.0, 0.0, 1.0, None, ())
    assert "tried" not in good.as_dict()
    assert good.after_trial(1.0).passed
    assert "held 100% of those tried" in good.after_trial(1.0).words()
    failed = good.after_trial(2 / 3)
    assert not failed.passed
    assert failed.words() == (
        "failed: of the goals tried with the body itself 67% were held (all must be)"
    )
    assert read_verdict(failed.as_dict()) == failed
