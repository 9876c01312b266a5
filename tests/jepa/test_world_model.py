"""The world model: its frames, parts, losses and training."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.jepa.branches import convolutions
from jopa_agent.agent.jepa.files import load_world, save_world
from jopa_agent.agent.jepa.frames import drawn_dots, drawn_walls
from jopa_agent.agent.jepa.layers import through
from jopa_agent.agent.jepa.learn import experience_of, learn
from jopa_agent.agent.jepa.losses import terms_of
from jopa_agent.agent.jepa.model import (
    ARCHITECTURES,
    encode,
    imagine,
    new_model,
    parameter_count,
)
from jopa_agent.agent.jepa.training import Schedule, draw
from jopa_agent.agent.learning.errors import ModelError
from jopa_agent.envs.two_rooms import (
    DOOR_RANGE,
    WALL_RANGE,
    Layout,
    drawn_layouts,
    fixed_layout,
    frames_of,
    wall_pictures,
)

TINY = replace(ARCHITECTURES["small"], hidden=(16,), projection=(16,))


@pytest.fixture(scope="module")
def experience():
    return experience_of(91 * 40, seed=3)


def test_frames_drawn_in_compiled_code_are_those_of_the_camera():
    rng = np.random.default_rng(0)
    positions = rng.uniform(4, 60, size=(500, 2)).astype(np.float32)
    layout = drawn_layouts(rng, 500, np.arange(*WALL_RANGE))
    frames = frames_of(positions, layout)
    dots = np.asarray(jax.jit(drawn_dots)(positions)) * 255
    away = np.abs(dots - frames[..., 0])
    assert away.max() < 1.01  # an exponential that differs in its last digit, before the cut
    assert (away > 0.01).mean() < 1e-4
    walls = drawn_walls(jnp.asarray(layout.wall_x), jnp.asarray(layout.door_y))
    np.testing.assert_array_equal(np.asarray(walls) * 255, wall_pictures(layout))
    assert DOOR_RANGE[0] <= layout.door_y.min()


def test_the_models_are_as_small_as_they_should_be():
    counts = {
        name: parameter_count(jax.eval_shape(partial(new_model, each), jax.random.key(0)))
        for name, each in ARCHITECTURES.items()
    }
    assert counts["default"] <= 477_664
    assert counts["predecessor"] <= 477_664
    assert counts["small"] <= 26_946


def test_what_moves_is_told_by_the_dot_and_the_scene_by_the_walls():
    model = new_model(TINY, jax.random.key(0))
    places = np.array([[10.0, 20.0], [50.0, 20.0], [10.0, 20.0]])
    layout = Layout(np.array([30, 30, 40]), np.array([20, 20, 20]))
    latents = np.asarray(encode(model, jnp.asarray(frames_of(places, layout))))
    moving, scene = latents[:, : TINY.moving], latents[:, TINY.moving :]
    np.testing.assert_array_equal(moving[0], moving[2])
    np.testing.assert_array_equal(scene[0], scene[1])
    assert np.abs(moving[0] - moving[1]).max() > 1e-3
    assert np.abs(scene[0] - scene[2]).max() > 1e-3


def test_convolutions_are_those_of_the_library():
    branch = convolutions(jax.random.key(1), (4, 6), 5)
    pictures = jax.random.uniform(jax.random.key(2), (3, 65, 65))
    maps = pictures[..., None]
    for kernel, bias in zip(branch.kernels, branch.biases, strict=True):
        maps = jax.lax.conv_general_dilated(
            maps, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        maps = jax.nn.relu(maps + bias)
    expected = through(branch.head, maps.reshape(3, -1))
    np.testing.assert_allclose(branch(pictures), expected, rtol=1e-4, atol=1e-5)


def test_the_terms_of_the_loss_are_as_written():
    model = new_model(TINY, jax.random.key(0))
    rng = np.random.default_rng(0)
    moving = rng.normal(size=(6, 4, TINY.moving)).astype(np.float32)
    scene = rng.normal(size=(6, TINY.scene)).astype(np.float32)
    actions = rng.normal(size=(6, 9, 2)).astype(np.float32)
    times = np.array([2, 5, 9])
    terms = terms_of(model, *map(jnp.asarray, (moving, scene, actions, times)))
    guess = np.asarray(imagine(model, moving[:, 0], scene, actions))[:, times - 1]
    seen = moving[:, 1:]
    assert terms.raw == pytest.approx(((guess - seen) ** 2).mean(), rel=1e-5)
    latent = np.concatenate([seen, np.repeat(scene[:, None], 3, axis=1)], axis=-1)
    target = np.asarray(through(model.head, seen), np.float64)
    told = np.asarray(through(model.head, guess))
    assert terms.prediction == pytest.approx(((told - target) ** 2).mean(), rel=1e-4)
    rows = target.reshape(18, -1)
    expected = 0.0
    for each in (rows, scene):
        covariance = np.cov(each.T)
        expected += np.sum((covariance - np.diag(np.diag(covariance))) ** 2) / each.shape[1]
    assert terms.covariance == pytest.approx(expected, rel=1e-3)
    lacks = [
        np.maximum(0, 1 - np.sqrt(each.reshape(18, -1).var(0) + 1e-4)).mean()
        for each in (target, latent)
    ]
    assert terms.variance == pytest.approx(sum(lacks), rel=1e-3)


def test_a_batch_is_of_whole_windows(experience):
    schedule = Schedule(steps=1, batch=32, window=20, looks=5)
    batch = draw(experience, jax.random.key(5), schedule)
    times = np.asarray(batch.times)
    assert (np.diff(times) > 0).all()
    assert times[0] >= 1
    assert times[-1] <= 19
    walls = np.asarray(experience.wall_x)
    for row in range(32):
        candidates = np.flatnonzero(walls == np.asarray(batch.wall_x)[row])
        found = [
            (which, first)
            for which in candidates
            for first in range(91 - 19)
            if np.array_equal(experience.positions[which, first], batch.positions[row, 0])
        ]
        which, first = found[0]
        np.testing.assert_array_equal(
            experience.controls[which, first : first + 19], batch.controls[row]
        )
        np.testing.assert_array_equal(
            np.asarray(experience.positions)[which, first + times], batch.positions[row, 1:]
        )


def test_a_training_that_was_cut_off_goes_on_as_one_that_was_not(experience, tmp_path, monkeypatch):
    schedule = Schedule(steps=100, batch=8, window=9, looks=4)

    def nothing(*_):
        pass

    whole = learn(TINY, schedule, experience, 0, tmp_path / "whole", nothing)

    class CutError(Exception):
        pass

    def cut(done, _):
        if done == 100:
            raise CutError

    monkeypatch.setattr("jopa_agent.agent.jepa.learn._SAVE_EVERY_S", -1.0)
    with pytest.raises(CutError):  # before the end is kept: what is on disk is the step before
        learn(TINY, schedule, experience, 0, tmp_path / "cut", cut)
    again = learn(TINY, schedule, experience, 0, tmp_path / "cut", nothing)
    for one, other in zip(jax.tree.leaves(whole.model), jax.tree.leaves(again.model), strict=True):
        np.testing.assert_array_equal(one, other)
    assert whole.history[-1]["variance"] < whole.history[0]["variance"]
    assert [each["step"] for each in again.history] == [50, 100]
    with pytest.raises(ModelError, match="holds a training with other settings"):
        learn(TINY, schedule, experience, 1, tmp_path / "cut", nothing)


def test_a_model_is_read_as_it_was_written_and_damage_is_told(tmp_path):
    model = new_model(TINY, jax.random.key(4))
    save_world(model, TINY, {"seed": 4}, tmp_path)
    again, architecture = load_world(tmp_path)
    assert architecture == TINY
    frame = jnp.asarray(frames_of(np.array([[9.0, 9.0]]), fixed_layout()))
    np.testing.assert_array_equal(encode(model, frame), encode(again, frame))
    page = tmp_path / "model.toml"
    page.write_text(page.read_text().replace("moving = 16", "moving = 17"))
    with pytest.raises(ModelError, match="it is of another model"):
        load_world(tmp_path)
    page.unlink()
    with pytest.raises(ModelError, match="no model in folder"):
        load_world(tmp_path)
