"""Strengths of forces, learned while acting, against filters written out in float64."""

import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.features import PolynomialFeatures, polynomial_powers
from jopa_agent.agent.graph.filter import predict, update
from jopa_agent.agent.graph.gaussian import Belief
from jopa_agent.agent.graph.learned_features import LearnedFeatures
from jopa_agent.agent.graph.lessons import (
    Lessons,
    anew,
    faded,
    kinds_of_force,
    no_lessons,
    taught,
    with_lesson,
)
from jopa_agent.agent.graph.motion import motion
from jopa_agent.agent.graph.regression import LastLayer
from jopa_agent.agent.graph.rows import Rows
from jopa_agent.agent.graph.square_root import free_root

D, P, N, STD, SEEN = 2, 2, 6, 0.3, 0.02
POWERS = polynomial_powers(2 * D, P, 2, 1)
KINDS = 2 + P
POSE_COV = SEEN**2 * np.array([[1.0, 0.3], [0.3, 0.5]])


def trained_with(weights: np.ndarray) -> LearnedFeatures:
    """A motion whose layer has the ``weights`` ``(k, d)``."""
    layer = LastLayer(weights, 1e-6 * np.eye(len(POWERS)), 0.03**2 * np.eye(D))
    return motion(
        PolynomialFeatures(jnp.ones(2 * D + P), POWERS), layer, 5e3, 0.9, 0.01 * np.ones(D)
    )


def weights_of(*powers: tuple[int, ...], size: float, seed: int = 0) -> np.ndarray:
    """Random weights of the features ``powers``; the others are zero."""
    rng = np.random.default_rng(seed)
    found = size * rng.normal(size=(len(POWERS), D))
    return found * np.array([power in powers for power in POWERS])[:, None]


def begin() -> Belief:
    return Belief.of(jnp.zeros(N), 0.1 * jnp.eye(N))


def filtered(now: LearnedFeatures, belief: Belief, control, pose, seen: bool) -> Belief:
    """What the agent's own filter makes of a tick, with the strengths that it holds."""
    ahead = predict(belief, now.local(belief.mean, control, "predictive"), control).belief
    if seen:
        root = np.linalg.inv(np.linalg.cholesky(POSE_COV))
        matrix = np.concatenate([root, np.zeros((D, N - D))], axis=1)
        rows = Rows(*(jnp.asarray(x, jnp.float32) for x in (matrix, root @ pose)), jnp.zeros(()))
        ahead = update(ahead, rows).belief
    return Belief.of(ahead.mean, free_root(ahead.root))


def learned(trained, controls, poses, seen) -> tuple[Lessons, Belief]:
    lessons, belief = faded(no_lessons(trained), STD, 0.0), begin()
    for control, pose, here in zip(controls, poses, seen, strict=True):
        u, told = jnp.asarray(control, jnp.float32), jnp.asarray(float(here))
        now = taught(trained, lessons)
        given = (trained, belief, u, jnp.asarray(pose, jnp.float32), jnp.asarray(POSE_COV), told)
        belief = filtered(now, belief, u, pose, here)
        lessons, change = with_lesson(lessons, *given)
        belief = Belief.of(belief.mean + change, belief.root)
    return lessons, belief


def test_the_two_filters_are_the_one_of_states_and_strengths_together():
    """Exactly, where forces do not depend on the state: the Kalman filter of both side by side."""
    trained = trained_with(weights_of((), (4,), (5,), size=0.1))
    rng = np.random.default_rng(1)
    controls, poses = rng.normal(size=(25, P)), rng.normal(size=(25, D))
    seen = rng.random(25) < 0.7
    lessons, belief = learned(trained, controls, poses, seen)

    along = np.asarray(trained.skeleton.along, np.float64)
    entry = np.asarray(trained.skeleton.entry, np.float64)
    layer = np.asarray(trained.layer.mean, np.float64)
    mean = np.concatenate([np.zeros(N), np.ones(KINDS)])
    cov = np.diag([0.1**2] * N + [STD**2] * KINDS)
    for control, pose, here in zip(controls, poses, seen, strict=True):
        phi = np.asarray(trained.phi(jnp.zeros(N), jnp.asarray(control)), np.float64)
        local = trained.local(jnp.zeros(N), jnp.asarray(control, jnp.float32), "predictive")
        noise = np.asarray(local.noise, np.float64)
        both = np.eye(N + KINDS)
        both[:N, :N], both[:N, N:] = along, entry @ (layer * phi @ kinds_of_force(trained))
        mean, cov = both @ mean, both @ cov @ both.T
        cov[:N, :N] += noise @ noise.T
        if here:
            gain = cov[:, :D] @ np.linalg.inv(cov[:D, :D] + POSE_COV)
            mean, cov = mean + gain @ (pose - mean[:D]), cov - gain @ cov[:D]
    np.testing.assert_allclose(lessons.mean, mean[N:], atol=2e-4)
    np.testing.assert_allclose(lessons.cov, cov[N:, N:], atol=1e-5)
    np.testing.assert_allclose(belief.mean, mean[:N], atol=2e-3)
    assert np.abs(mean[N:] - 1).max() > 0.1
    assert np.diag(cov)[N:].min() < 0.5 * STD**2


@pytest.fixture(scope="module")
def swinging() -> LearnedFeatures:
    """Drawn to the middle, and slowed, by forces that grow with the squares, too."""
    weights = np.zeros((len(POWERS), D))
    for coordinate in range(D):
        for power, weight in {(coordinate,): -0.05, (D + coordinate,): -0.05}.items():
            weights[POWERS.index(power), coordinate] = weight
        weights[POWERS.index((0, 1)), coordinate] = 0.005
        weights[POWERS.index((2 * D + coordinate,)), coordinate] = 0.05
        weights[POWERS.index((2 * D + coordinate, 1)), coordinate] = 0.005
    return trained_with(weights)


def simulated(trained: LearnedFeatures, strengths: np.ndarray, steps: int, seed: int):
    """Controls, and the poses seen of a body whose forces have these ``strengths``."""
    rng = np.random.default_rng(seed)
    lessons = no_lessons(trained)._replace(mean=jnp.asarray(strengths, jnp.float32))
    truth, state = taught(trained, lessons), np.zeros(N)
    controls = np.repeat(rng.choice([-1.0, 1.0], (steps // 5, P)), 5, axis=0)
    poses = []
    for control in controls:
        state = np.array(truth.mean(jnp.asarray(state), jnp.asarray(control)), np.float64)
        state[: 2 * D] += np.tile(0.03 * rng.normal(size=D), 2)
        poses.append(state[:D] + rng.multivariate_normal(np.zeros(D), POSE_COV))
    return controls, np.array(poses)


@pytest.mark.parametrize("seed", range(3))
def test_strengths_are_found_as_surely_as_is_said(swinging, seed):
    strengths = np.array([0.7, 1.0, 1.4, 0.6])
    controls, poses = simulated(swinging, strengths, 400, seed)
    lessons, _ = learned(swinging, controls, poses, np.ones(400, bool))
    std = np.sqrt(np.diag(np.asarray(lessons.cov)))
    assert std[0] < 0.1
    assert (std[2:] < 0.1).all()
    assert (np.abs(np.asarray(lessons.mean) - strengths) < 3.5 * std).all()


def test_a_body_as_it_was_trained_teaches_certainty_alone(swinging):
    controls, poses = simulated(swinging, np.ones(KINDS), 400, 4)
    lessons, _ = learned(swinging, controls, poses, np.ones(400, bool))
    np.testing.assert_allclose(lessons.mean, 1.0, atol=0.2)
    assert (np.diag(np.asarray(lessons.cov)) < 0.2 * STD**2)[[0, 2, 3]].all()


def test_each_feature_is_of_one_kind(swinging):
    kinds = dict(zip(POWERS, kinds_of_force(swinging).argmax(1), strict=True))
    assert kinds_of_force(swinging).sum(1).tolist() == [1.0] * len(POWERS)
    expected = {(): 0, (0, 1): 0, (0, 2): 1, (3, 3): 1, (4,): 2, (4, 0): 2, (4, 3): 2, (5, 1): 3}
    assert {power: kinds[power] for power in expected} == expected


def test_strengths_scale_the_forces_of_their_kind(swinging):
    lessons = no_lessons(swinging)
    same = taught(swinging, lessons)
    np.testing.assert_array_equal(same.layer.mean, swinging.layer.mean)
    doubled = taught(swinging, lessons._replace(mean=jnp.array([1.0, 1.0, 2.0, 1.0])))
    state, control = jnp.array([0.3, -0.2, 0.1, 0.2, 0.0, 0.0]), jnp.array([0.5, 0.0])
    still = jnp.zeros(P)
    push = [each.mean(state, control) - each.mean(state, still) for each in (swinging, doubled)]
    np.testing.assert_allclose(push[1], 2 * push[0], atol=1e-6)
    np.testing.assert_array_equal(doubled.mean(state, still), swinging.mean(state, still))


def test_what_was_learned_fades_and_the_doubt_comes_back(swinging):
    once = no_lessons(swinging)._replace(
        mean=jnp.array([0.5, 1.0, 1.5, 1.0]), cov=1e-4 * jnp.eye(KINDS)
    )
    after = faded(once, STD, 0.9)
    np.testing.assert_allclose(after.mean, [0.55, 1.0, 1.45, 1.0], atol=1e-6)
    np.testing.assert_allclose(np.diag(after.cov), STD**2 + 0.81 * (1e-4 - STD**2), atol=1e-6)
    for _ in range(300):
        after = faded(after, STD, 0.9)
    np.testing.assert_allclose(after.mean, 1.0, atol=1e-5)
    np.testing.assert_allclose(after.cov, STD**2 * np.eye(KINDS), atol=1e-6)


def test_where_the_state_begins_anew_strengths_stay(swinging):
    controls, poses = simulated(swinging, np.full(KINDS, 1.3), 50, 5)
    lessons, _ = learned(swinging, controls, poses, np.ones(50, bool))
    assert np.abs(lessons.along).max() > 0.01
    after = anew(lessons)
    np.testing.assert_array_equal(after.mean, lessons.mean)
    np.testing.assert_array_equal(after.cov, lessons.cov)
    assert not after.along.any()
