"""Lessons while acting, against regression written out in float64."""

import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.features import PolynomialFeatures, polynomial_powers
from jopa_agent.agent.graph.learned_features import LearnedFeatures
from jopa_agent.agent.graph.lessons import no_lessons, taught, with_lesson
from jopa_agent.agent.graph.motion import motion, widened
from jopa_agent.agent.graph.regression import LastLayer

D, P, STEPS, WEIGHT, FORGETTING = 2, 1, 60, 0.3, 0.95
POWERS = polynomial_powers(2 * D, P, 2, 1)


@pytest.fixture(scope="module")
def trained() -> LearnedFeatures:
    rng, k = np.random.default_rng(0), len(POWERS)
    spread = rng.normal(size=(k, k)) / np.sqrt(k)
    layer = LastLayer(
        rng.normal(size=(k, D)), spread @ spread.T + 0.1 * np.eye(k), 0.01 * np.eye(D)
    )
    features = PolynomialFeatures(jnp.ones(2 * D + P), POWERS)
    return motion(features, layer, 500.0, 0.9, np.ones(D))


def transitions(trained: LearnedFeatures, weights: np.ndarray, steps: int, seed: int = 1):
    """States, controls, and what a layer of ``weights`` ``(d, k)`` puts out there."""
    rng = np.random.default_rng(seed)
    states, controls = rng.normal(size=(steps, 3 * D)), rng.normal(size=(steps, P))
    phi = np.array([trained.phi(jnp.asarray(x), jnp.asarray(u)) for x, u in zip(
        states, controls, strict=True)])  # fmt: skip
    return states, controls, phi, phi @ weights.T


def after(trained: LearnedFeatures, states, controls, outputs, weight: float, forgetting: float):
    lessons = no_lessons(trained)
    for state, control, output in zip(states, controls, outputs, strict=True):
        x, u, y = (jnp.asarray(z, jnp.float32) for z in (state, control, output))
        lessons = with_lesson(lessons, trained, x, u, y, weight, forgetting)
    return taught(trained, lessons)


def test_it_is_regression_on_faded_data_with_the_training_as_its_prior(trained):
    mean = np.asarray(trained.layer.mean, np.float64)
    truth = mean + np.random.default_rng(2).normal(size=mean.shape)
    states, controls, phi, outputs = transitions(trained, truth, STEPS)
    found = after(trained, states, controls, outputs, WEIGHT, FORGETTING)
    column = np.asarray(trained.layer.doubt_root, np.float64) / np.sqrt(D)
    prior = np.linalg.inv(column @ column.T)
    known = np.einsum("ti,ij,tj->t", phi, column @ column.T, phi)
    share = WEIGHT * FORGETTING ** np.arange(STEPS - 1, -1, -1) / known
    precision = prior + (share[:, None] * phi).T @ phi
    expected = np.linalg.solve(precision, prior @ mean.T + (share[:, None] * phi).T @ outputs).T
    assert np.abs(expected - mean).max() > 0.3
    np.testing.assert_allclose(found.layer.mean, expected, atol=1e-3)
    root = np.asarray(found.layer.doubt_root, np.float64)
    np.testing.assert_allclose(root @ root.T / D, np.linalg.inv(precision), atol=1e-4)


def test_how_sure_the_training_is_of_itself_does_not_matter(trained):
    """What is learned is the same where all the weights' covariances are wider."""
    truth = np.asarray(trained.layer.mean) + 0.5
    *given, outputs = transitions(trained, truth, STEPS)
    states, controls, _ = given
    wide = widened(trained, 1.0, 30.0)
    one, two = (
        after(each, states, controls, outputs, WEIGHT, FORGETTING) for each in (trained, wide)
    )
    np.testing.assert_allclose(one.layer.mean, two.layer.mean, atol=1e-3)


def test_what_is_known_already_teaches_nothing_but_certainty(trained):
    states, controls, _, outputs = transitions(trained, np.asarray(trained.layer.mean), STEPS)
    found = after(trained, states, controls, outputs, 1.0, 1.0)
    np.testing.assert_allclose(found.layer.mean, trained.layer.mean, atol=1e-4)
    doubts = [np.sum(np.square(each.layer.doubt_root)) for each in (trained, found)]
    assert doubts[1] < 0.5 * doubts[0]


def test_where_nothing_new_comes_the_training_comes_back(trained):
    """After some lessons elsewhere, the old ones have faded: no drift in what is not visited."""
    mean = np.asarray(trained.layer.mean)
    states, controls, _, outputs = transitions(trained, mean + 1, 10)
    still = np.zeros((200, 3 * D)), np.zeros((200, P)), np.tile(mean[:, 0], (200, 1))
    lessons = [
        np.concatenate(pair) for pair in zip((states, controls, outputs), still, strict=True)
    ]
    found = after(trained, *lessons, 1.0, 0.9)
    assert np.abs(after(trained, states, controls, outputs, 1.0, 0.9).layer.mean - mean).max() > 0.3
    np.testing.assert_allclose(found.layer.mean, mean, atol=1e-4)
