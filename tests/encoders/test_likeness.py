"""Neighbours look a little different, and unevenness is what it says it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.encoders.likeness import (
    drawn_neighbours,
    neighbours,
    squared_distances,
    unevenness,
    usual_change,
)

SEGMENTS, LENGTH = 6, 50


def walk(seed: int = 0) -> np.ndarray:
    """A closed curve in five dimensions, at steps of 0.2 rad, begun anywhere."""
    start = np.random.default_rng(seed).uniform(0, 2 * np.pi, (SEGMENTS, 1))
    angle = start + 0.2 * np.arange(LENGTH)
    waves = [np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle), 0 * angle]
    return np.stack(waves, axis=-1)


def test_distances_are_those_of_all_pairs():
    places = walk()[0]
    written = ((places[:, None] - places) ** 2).sum(-1)
    np.testing.assert_allclose(squared_distances(places), written, rtol=0, atol=1e-12)


def test_neighbours_are_much_nearer_than_one_frame_to_the_next():
    places = walk()
    near, flat = neighbours(places), places.reshape(-1, 5)
    usual = 0.75 * (np.diff(places, axis=1) ** 2).sum(-1).mean()
    assert usual_change(places) == pytest.approx(usual)
    apart = ((flat[:, None] - flat[np.asarray(near.others)]) ** 2).sum(-1)
    np.testing.assert_allclose(np.exp(near.apart), apart, rtol=1e-5)
    assert 0.1 * usual < np.median(apart) < 0.4 * usual
    assert (np.asarray(near.others) != np.arange(len(flat))[:, None]).all()


def test_neighbours_of_a_body_that_never_moved_are_there_all_the_same():
    near = neighbours(np.zeros((1, 4, 3)))
    assert near.others.shape == (4, 4)
    assert np.isfinite(near.apart).all()


def test_an_isometry_up_to_scale_is_even_and_a_stretch_is_not():
    places = walk()
    near, flat = neighbours(places), jnp.asarray(places.reshape(-1, 5), jnp.float32)
    frames = jnp.arange(len(flat))
    others, apart = drawn_neighbours(near, frames, jax.random.key(1))
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(5, 5)))[0]
    turned = 3 * flat @ jnp.asarray(turn, jnp.float32)
    assert unevenness(turned, turned[others], apart) < 1e-4
    # of a one-dimensional stretch by one of two factors, half of the frames each
    factors = jnp.where(frames % 2 == 0, 1.0, 2.0)[:, None]
    there = flat + factors * (flat[others] - flat)
    written = np.var(np.log(np.asarray(factors) ** 2))
    assert unevenness(flat, there, apart) == pytest.approx(written, rel=1e-3)
