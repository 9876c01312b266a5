"""Slow features find what moves slowly, however it was mixed."""

from typing import NamedTuple

import numpy as np
import pytest
from jopa_agent.agent.encoders.slow_features import (
    even_weights,
    principal_components,
    slow_directions,
)

SEGMENTS, LENGTH, HIDDEN, PIXELS = 20, 60, 6, 30


class Mixture(NamedTuple):
    """``slow`` (S, T, 2) are the first two of the hidden signals that ``pixels`` mix linearly."""

    slow: np.ndarray
    hidden: np.ndarray
    pixels: np.ndarray


@pytest.fixture(scope="module")
def mixture() -> Mixture:
    rng = np.random.default_rng(0)
    start = rng.uniform(0, 2 * np.pi, (SEGMENTS, 1))
    angle = start + 0.1 * np.arange(LENGTH)
    slow = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    fast = rng.normal(size=(SEGMENTS, LENGTH, HIDDEN - 2))
    hidden = np.concatenate([slow, fast], axis=-1)
    pixels = hidden @ rng.normal(size=(HIDDEN, PIXELS)) + rng.normal(size=PIXELS)
    return Mixture(slow, hidden, pixels)


def features(pixels: np.ndarray, components: int = HIDDEN, count: int = 2) -> np.ndarray:
    mean, projection = principal_components(pixels.reshape(-1, pixels.shape[-1]), components)
    whitened = (pixels - mean) @ projection.T
    return whitened @ slow_directions(whitened, count).T


def unexplained(target: np.ndarray, by: np.ndarray) -> float:
    """Share of the variance of ``target`` that is not linear in ``by``."""
    target, by = target.reshape(-1, target.shape[-1]), by.reshape(-1, by.shape[-1])
    by = np.concatenate([by, np.ones((len(by), 1))], axis=1)
    residual = target - by @ np.linalg.lstsq(by, target, rcond=None)[0]
    return float((residual.var(0) / target.var(0)).max())


def test_components_are_centred_and_white(mixture: Mixture):
    pixels = mixture.pixels.reshape(-1, PIXELS)
    mean, projection = principal_components(pixels, HIDDEN)
    components = (pixels - mean) @ projection.T
    np.testing.assert_allclose(components.mean(0), 0, atol=1e-12)
    covariance = components.T @ components / len(components)
    np.testing.assert_allclose(covariance, np.eye(HIDDEN), atol=1e-9)


def test_the_leading_components_come_first_and_keep_all_there_is(mixture: Mixture):
    pixels = mixture.pixels.reshape(-1, PIXELS)
    mean, projection = principal_components(pixels, HIDDEN)
    values = np.linalg.svd(pixels - mean, compute_uv=False)[:HIDDEN] / np.sqrt(len(pixels))
    np.testing.assert_allclose(1 / np.linalg.norm(projection, axis=1), values, rtol=1e-9)
    few = principal_components(pixels, 3)[1]
    np.testing.assert_allclose(few, projection[:3], rtol=0, atol=1e-12)
    assert unexplained(mixture.pixels, (mixture.pixels - mean) @ projection.T) < 1e-18


def test_the_slow_signals_are_found(mixture: Mixture):
    """Chance correlations of 1,200 frames with the noise, 1/1200 each, are all that is left."""
    found = features(mixture.pixels)
    assert unexplained(mixture.slow, found) < 2e-3
    assert unexplained(found, mixture.slow) < 1e-2


def test_directions_are_orthonormal_and_slowest_first(mixture: Mixture):
    pixels = mixture.pixels.reshape(-1, PIXELS)
    mean, projection = principal_components(pixels, HIDDEN)
    whitened = (mixture.pixels - mean) @ projection.T
    directions = slow_directions(whitened, HIDDEN)
    np.testing.assert_allclose(directions @ directions.T, np.eye(HIDDEN), atol=1e-12)
    speed = np.mean(np.diff(whitened @ directions.T, axis=1) ** 2, axis=(0, 1))
    assert (np.diff(speed) > 0).all()
    # no other unit direction is slower than the slowest
    others = np.random.default_rng(1).normal(size=(1000, HIDDEN))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    assert np.mean(np.diff(whitened @ others.T, axis=1) ** 2, axis=(0, 1)).min() >= speed[0]


def test_the_mixing_does_not_matter(mixture: Mixture):
    rng = np.random.default_rng(2)
    other = mixture.hidden @ rng.normal(size=(HIDDEN, 2 * PIXELS)) - 3
    one, two = features(mixture.pixels), features(other)
    signs = np.sign(np.sum(one * two, axis=(0, 1)))
    np.testing.assert_allclose(one, signs * two, rtol=0, atol=1e-8)


def test_neither_the_order_of_segments_nor_the_sense_of_time_matters(mixture: Mixture):
    one = features(mixture.pixels)
    two = features(mixture.pixels[::-1, ::-1])[::-1, ::-1]
    signs = np.sign(np.sum(one * two, axis=(0, 1)))
    np.testing.assert_allclose(one, signs * two, rtol=0, atol=1e-9)


def test_jumps_between_segments_are_not_changes(mixture: Mixture):
    """Two constants that differ by segment are the slowest of all, though they jump between."""
    rng = np.random.default_rng(3)
    constant = np.broadcast_to(rng.normal(size=(SEGMENTS, 1, 2)), (SEGMENTS, LENGTH, 2))
    hidden = np.concatenate([constant, mixture.hidden], axis=-1)
    found = features(hidden @ rng.normal(size=(HIDDEN + 2, PIXELS)), HIDDEN + 2)
    assert unexplained(constant, found) < 1e-12


def turning(rng: np.random.Generator, dwelling: int) -> np.ndarray:
    """Pictures of a bump on a ring that turns, and rests in the end for ``dwelling`` frames."""
    angle = np.cumsum(rng.uniform(0.2, 0.4, (8, 60)), axis=1)
    angle = angle - angle[:, -1:] + 1  # all come to rest at the same place
    rest = 1 + 1e-3 * rng.normal(size=(8, dwelling))
    angle = np.concatenate([angle, rest], axis=1)
    places = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return np.exp(2 * (np.cos(angle[..., None] - places) - 1))


@pytest.mark.parametrize("dwelling", [0, 60, 240])
def test_even_weights_draw_a_ring_round_wherever_the_body_dwells(dwelling: int):
    """The slow features of a turn are a circle; where it rests for long they were far out."""
    pixels = turning(np.random.default_rng(0), dwelling)
    mean, projection = principal_components(pixels.reshape(-1, 40), 6)
    whitened = (pixels - mean) @ projection.T
    weights = even_weights(whitened / np.linalg.norm(projection, axis=1))
    assert weights.frames.sum() == pytest.approx(1)
    moving = pixels[:, :60].reshape(-1, 40)

    def roundness(directions: np.ndarray, centre: np.ndarray) -> float:
        pose = ((moving - mean) @ projection.T - centre) @ directions.T
        radius = np.linalg.norm(pose, axis=1)
        return radius.max() / radius.min()

    centre = np.einsum("st,sti->i", weights.frames, whitened)
    even = roundness(slow_directions(whitened, 2, weights), centre)
    assert even < 1.7
    if dwelling:
        assert roundness(slow_directions(whitened, 2), np.zeros(6)) > 1.5 * even
