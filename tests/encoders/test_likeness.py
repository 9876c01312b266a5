"""Distances are those of pairs, and unevenness is what it says it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.encoders.likeness import (
    drawn_ways,
    evenness,
    rareness,
    squared_distances,
    unevenness,
    usual_change,
)
from jopa_agent.agent.encoders.surface import surface_of, ways_on

SEGMENTS, LENGTH, STEP = 6, 50, 0.2
RATE = np.sqrt(1 + 4)  # length of the curve for a radian


def angles(seed: int = 0) -> np.ndarray:
    """Of a body that turns by 0.2 rad a step, from anywhere."""
    start = np.random.default_rng(seed).uniform(0, 2 * np.pi, (SEGMENTS, 1))
    return start + STEP * np.arange(LENGTH)


def walk(seed: int = 0) -> np.ndarray:
    """Pictures of it: a closed curve in five dimensions, at constant pace."""
    angle = angles(seed)
    waves = [np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle), 0 * angle]
    return np.stack(waves, axis=-1)


def test_distances_are_those_of_all_pairs():
    places, others = walk()[0], walk()[1, :7]
    written = ((places[:, None] - others) ** 2).sum(-1)
    np.testing.assert_allclose(squared_distances(places, others), written, rtol=0, atol=1e-12)


def test_rareness_is_the_inverse_of_the_density_around():
    """Of more places than are taken at once."""
    places = np.random.default_rng(0).normal(size=(1500, 2))
    apart = ((places[:, None] - places) ** 2).sum(-1)
    written = 1 / np.exp(-apart / (2 * 0.1**2)).sum(1)
    np.testing.assert_allclose(rareness(places, 0.1**2), written, rtol=1e-9)


def test_what_is_dwelt_on_counts_as_much_as_what_is_passed():
    """Ninety frames at one place and ten at another; what is all but never seen counts little."""
    places = np.repeat([[0.0, 0.0], [1.0, 0.0]], [90, 10], axis=0)
    weights = evenness(places, 0.1**2)
    assert weights.mean() == pytest.approx(1)
    assert weights[:90].sum() == pytest.approx(weights[90:].sum())
    alone = evenness(np.concatenate([np.zeros((99, 2)), np.ones((1, 2))]), 0.1**2)
    assert alone[-1] == pytest.approx(20 * alone[0])


def test_the_usual_change_is_that_of_the_steps():
    places = walk()
    usual = 0.75 * (np.diff(places, axis=1) ** 2).sum(-1).mean()
    assert usual_change(places) == pytest.approx(usual)


def test_an_isometry_up_to_scale_is_even_and_what_is_not_is_not():
    ways = ways_on(surface_of(walk()))
    assert ways is not None
    ends, lengths = drawn_ways(ways, 256, jax.random.key(1))
    angle = angles().reshape(-1)
    circle = jnp.asarray(np.stack([np.cos(angle), np.sin(angle)], axis=1), jnp.float32)
    folded = circle * jnp.where(circle[:, :1] > 0.5, jnp.array([-1.0, 1.0]), 1.0)
    dented = (
        circle
        * jnp.asarray(1 - 0.4 * np.exp(-((np.cos(angle) - 1) ** 2) * 20), jnp.float32)[:, None]
    )
    found = [
        float(unevenness(*poses[ends].swapaxes(0, 1), lengths))
        for poses in (circle, 3 * circle, dented, folded)
    ]
    assert found[0] < 0.02
    assert found[1] == pytest.approx(found[0], rel=1e-2)
    assert found[2] > 3 * found[0]
    assert found[3] > 10 * found[0]


def test_unevenness_is_the_variance_of_the_stretch():
    rng = np.random.default_rng(2)
    poses, others = rng.normal(size=(2, 64, 3))
    lengths = rng.normal(size=64)
    written = np.var(np.log(((poses - others) ** 2).sum(1)) - lengths)
    assert unevenness(*map(jnp.asarray, (poses, others, lengths))) == pytest.approx(
        written, rel=1e-3
    )
