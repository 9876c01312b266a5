"""The smoother against one dense joint Gaussian of all states, for transitions that are linear."""

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent.graph.chain import Chain, Smoothed, pair_roots
from jopa_agent.agent.graph.check import replaced
from jopa_agent.agent.graph.filter import filter_along
from jopa_agent.agent.graph.gaussian import Belief, Gaussian
from jopa_agent.agent.graph.inference import Inference
from jopa_agent.agent.graph.pairs import Pairs, pairs_of
from jopa_agent.agent.graph.rows import Rows, embed_rows, message_rows, no_rows
from jopa_agent.agent.graph.smooth import smooth
from jopa_agent.agent.graph.smooth_query import smooth_data
from jopa_agent.agent.graph.system import Data, JointTransition, System
from scipy.stats import multivariate_normal

from .transitions import PlainMotion, jacobians, make_transition

D, P, STEPS = 2, 1, 12
N = 3 * D
INFERENCE = Inference(parameters="predictive", scan="sequential")


class Segment(NamedTuple):
    mean: np.ndarray
    root: np.ndarray
    seen: np.ndarray
    precisions: np.ndarray
    controls: np.ndarray


class Joint(NamedTuple):
    """Of all states stacked, ``(STEPS n,)``: prior and posterior."""

    prior_mean: np.ndarray
    prior_cov: np.ndarray
    mean: np.ndarray
    cov: np.ndarray


class Found(NamedTuple):
    """What smoothing gave: of states, and of pairs of them."""

    smoothed: Smoothed
    pairs: Pairs
    pair_roots: jax.Array


@pytest.fixture(scope="module")
def segment() -> Segment:
    """A sensor that changes from step to step, and fails at the first, two inner, and the last."""
    rng = np.random.default_rng(11)
    factors = rng.normal(size=(STEPS, D, D))
    precisions = 400 * (factors @ factors.transpose(0, 2, 1) + 0.1 * np.eye(D))
    precisions[[0, 5, 6, STEPS - 1]] = 0
    seen = np.cumsum(0.1 * rng.normal(size=(STEPS, D)), axis=0)
    root = np.diag(rng.uniform(0.1, 0.5, N)) + 0.05 * np.tril(rng.normal(size=(N, N)))
    controls = rng.uniform(-1, 1, (STEPS - 1, P))
    return Segment(0.2 * rng.normal(size=N), root, seen, precisions, controls)


def linear() -> Any:
    """Affine in state and control; only the constant's weight is uncertain, so that the noise is
    widened by the same factor everywhere."""
    transition = make_transition(D, P, degree=1, control_degree=0, seed=2)
    precision = transition.posterior.precision.at[0, 0].set(1 / 0.7**2)
    return transition.believing(replaced(transition.posterior, precision=precision))


def graph(transition: Any, segment: Segment) -> tuple[System, Data]:
    """The segment as messages about the pose, that no sensor had to make."""
    steps = len(segment.seen)
    precisions = jnp.asarray(segment.precisions)
    rows = message_rows(jax.vmap(Gaussian.at)(jnp.asarray(segment.seen), precisions))
    prior = Belief.of(jnp.asarray(segment.mean), jnp.asarray(segment.root))
    system = System(JointTransition((transition,)), (), no_rows(N), prior, ())
    live = jnp.ones(steps, precisions.dtype)
    return system, Data((), embed_rows(rows, 0, N), jnp.asarray(segment.controls), live, live)


@jax.jit
def smoothed(system: System, data: Data) -> Found:
    found, chain = smooth_data(system, data, INFERENCE, system.prior)
    return Found(found, pairs_of(chain, found), pair_roots(chain, found))


filtered = jax.jit(lambda system, data: filter_along(system, INFERENCE, data, system.prior).belief)


def query(transition: Any, segment: Segment) -> Found:
    return smoothed(*graph(transition, segment))


def dense(oracle: PlainMotion, segment: Segment) -> Joint:
    """Every state as a linear map of the first state and of all noises; then conditioned."""
    nowhere, still = np.zeros(N), np.zeros(P)
    along, turn = jacobians(oracle, nowhere, still)
    offset, noise = oracle.mean(nowhere, still), oracle.noise(nowhere, still)
    means, cov = [segment.mean], np.zeros((STEPS * N, STEPS * N))
    cov[:N, :N] = segment.root @ segment.root.T
    for t in range(1, STEPS):
        means.append(along @ means[-1] + turn @ segment.controls[t - 1] + offset)
        before, here = slice((t - 1) * N, t * N), slice(t * N, (t + 1) * N)
        cov[here, : t * N] = along @ cov[before, : t * N]
        cov[: t * N, here] = cov[here, : t * N].T
        cov[here, here] = along @ cov[before, before] @ along.T + noise
    mean = np.concatenate(means)
    told = [t for t in range(STEPS) if segment.precisions[t].any()]
    rows = np.concatenate([np.arange(t * N, t * N + D) for t in told])
    sensor = np.zeros((len(rows), len(rows)))
    for i, t in enumerate(told):
        sensor[i * D : (i + 1) * D, i * D : (i + 1) * D] = np.linalg.inv(segment.precisions[t])
    gain = np.linalg.solve(cov[np.ix_(rows, rows)] + sensor, cov[rows]).T
    away = segment.seen[told].reshape(-1) - mean[rows]
    return Joint(mean, cov, mean + gain @ away, cov - gain @ cov[rows])


def evidence_of(joint: Joint, segment: Segment) -> float:
    """Log density of all that was observed."""
    told = [t for t in range(STEPS) if segment.precisions[t].any()]
    rows = np.concatenate([np.arange(t * N, t * N + D) for t in told])
    cov = joint.prior_cov[np.ix_(rows, rows)].copy()
    for i, t in enumerate(told):
        here = slice(i * D, (i + 1) * D)
        cov[here, here] += np.linalg.inv(segment.precisions[t])
    return multivariate_normal(joint.prior_mean[rows], cov).logpdf(segment.seen[told].reshape(-1))  # pyright: ignore[reportArgumentType]


def of_pairs(joint: Joint) -> tuple[np.ndarray, np.ndarray]:
    spans = [slice(t * N, (t + 2) * N) for t in range(STEPS - 1)]
    return np.stack([joint.mean[s] for s in spans]), np.stack([joint.cov[s, s] for s in spans])


def joint_of(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of each state and its successor, that share their normals."""
    root = np.concatenate([pairs.before.root, pairs.after.root], axis=1)
    means = np.concatenate([pairs.before.mean, pairs.after.mean], axis=1)
    return means, root @ root.transpose(0, 2, 1)


@pytest.mark.usefixtures("float64")
def test_states_and_pairs_are_the_marginals_of_the_joint(segment: Segment):
    transition = linear()
    found, expected = query(transition, segment), dense(PlainMotion(transition), segment)
    means, covs = of_pairs(expected)
    size = expected.cov.max()
    states = found.smoothed.states
    np.testing.assert_allclose(states.mean.reshape(-1), expected.mean, rtol=0, atol=1e-10)
    pair_means, pair_covs = joint_of(found.pairs)
    np.testing.assert_allclose(pair_means, means, rtol=0, atol=1e-10)
    np.testing.assert_allclose(pair_covs, covs, rtol=0, atol=1e-10 * size)
    other = found.pair_roots @ found.pair_roots.mT
    np.testing.assert_allclose(other, covs, rtol=0, atol=1e-10 * size)
    for t in range(STEPS):
        here = slice(t * N, (t + 1) * N)
        np.testing.assert_allclose(
            states.cov[t], expected.cov[here, here], rtol=0, atol=1e-10 * size
        )


@pytest.mark.usefixtures("float64")
def test_the_push_is_what_is_left_of_the_successor(segment: Segment):
    """``x' - A x - B u - offset``: its mean, and its covariance with both states."""
    transition = linear()
    found, oracle = query(transition, segment).pairs, PlainMotion(transition)
    joint = dense(oracle, segment)
    along, turn = jacobians(oracle, np.zeros(N), np.zeros(P))
    offset = oracle.mean(np.zeros(N), np.zeros(P))
    means, covs = of_pairs(joint)
    left = np.concatenate([-along, np.eye(N)], axis=1)
    expected = means @ left.T - segment.controls @ turn.T - offset
    np.testing.assert_allclose(found.push.mean, expected, rtol=0, atol=1e-10)
    root = np.concatenate([found.before.root, found.after.root], axis=1)
    across = found.push.root @ root.transpose(0, 2, 1)
    np.testing.assert_allclose(across, left @ covs, rtol=0, atol=1e-10 * covs.max())
    own = found.push.root @ found.push.root.mT
    np.testing.assert_allclose(own, left @ covs @ left.T, rtol=0, atol=1e-10 * covs.max())


@pytest.mark.usefixtures("float64")
def test_evidence_is_that_of_the_joint(segment: Segment):
    transition = linear()
    segment = segment._replace(precisions=np.roll(segment.precisions, -1, axis=0))  # the first seen
    expected = evidence_of(dense(PlainMotion(transition), segment), segment)
    evidence = query(transition, segment).smoothed.evidence
    assert float(evidence) == pytest.approx(expected, abs=1e-9)


def test_float32_is_near_the_joint(segment: Segment):
    transition = linear()
    found, expected = query(transition, segment), dense(PlainMotion(transition), segment)
    means, covs = of_pairs(expected)
    std = np.sqrt(np.stack([np.diag(cov) for cov in covs]))
    assert found.pairs.before.mean.dtype == jnp.float32
    # a hundredth of a sigma in the mean, a thousandth in the correlations
    pair_means, pair_covs = joint_of(found.pairs)
    assert np.abs((pair_means - means) / std).max() < 1e-2
    assert np.abs((pair_covs - covs) / (std[:, :, None] * std[:, None])).max() < 1e-3


@pytest.mark.usefixtures("float64")
def test_the_last_state_is_the_filters_and_no_state_is_known_worse(segment: Segment):
    """On a curved transition, where there is no joint Gaussian to compare with."""
    transition = make_transition(D, P, degree=2, control_degree=1, seed=4, ignorance=0.1)
    found = query(transition, segment).smoothed
    beliefs = filtered(*graph(transition, segment))
    less = np.asarray(beliefs.cov - found.states.cov)
    assert np.linalg.eigvalsh(less).min() > -1e-12
    np.testing.assert_allclose(found.states.mean[-1], beliefs.mean[-1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.states.cov[-1], beliefs.cov[-1], rtol=0, atol=1e-12)
    # the first state was not seen at all: what came later is all that is known
    assert (found.states.std[0, :D] < 0.8 * beliefs.std[0, :D]).all()


def test_a_segment_of_one_frame_has_no_pairs(segment: Segment):
    one = Segment(
        segment.mean, segment.root, segment.seen[1:2], segment.precisions[1:2], np.zeros((0, P))
    )
    found = query(linear(), one)
    assert found.smoothed.states.mean.shape == (1, N)
    assert found.pairs.before.mean.shape == found.pairs.after.mean.shape == (0, N)
    assert np.isfinite(found.smoothed.evidence)


@pytest.mark.usefixtures("float64")
def test_iterated_smoothing_settles_at_the_most_probable_trajectory(segment: Segment):
    """Gauss-Newton: where it settles, no state can be moved without making all less probable."""
    transition = make_transition(D, P, degree=2, control_degree=1, seed=4)
    oracle = PlainMotion(transition)
    system, data = graph(transition, segment)
    inference = Inference(parameters="point", scan="sequential", iterations=40)
    again = jax.jit(partial(smooth_data, inference=inference, prior=system.prior))
    states = np.asarray(again(system, data)[0].states.mean)
    cov = oracle.noise(np.zeros(N), np.zeros(P), "point")
    # noise enters pose and velocity alike: in the orthogonal directions the way is fixed
    weights = np.linalg.pinv(cov, rcond=1e-10)
    first = np.linalg.inv(segment.root @ segment.root.T)

    def slope(t: int) -> np.ndarray:
        gradient = np.zeros(N)
        if t == 0:
            gradient += first @ (states[0] - segment.mean)
        gradient[:D] += segment.precisions[t] @ (states[t, :D] - segment.seen[t])
        if t:
            gradient += weights @ (states[t] - oracle.mean(states[t - 1], segment.controls[t - 1]))
        if t + 1 < STEPS:
            along, _ = jacobians(oracle, states[t], segment.controls[t])
            miss = states[t + 1] - oracle.mean(states[t], segment.controls[t])
            gradient -= along.T @ weights @ miss
        return gradient

    # move along what may be otherwise: the first state, or the push before t; and all that follows
    directions, sizes, _ = np.linalg.svd(cov)
    columns = directions[:, : 2 * D] * np.sqrt(sizes[: 2 * D])
    for t in range(STEPS):
        way, change = columns if t else segment.root, 0.0
        for s in range(t, STEPS):
            change = change + way.T @ slope(s)
            if s + 1 < STEPS:
                way = jacobians(oracle, states[s], segment.controls[s])[0] @ way
        np.testing.assert_allclose(change, 0, atol=1e-7)
    for t in range(STEPS - 1):  # and the way itself is one of the model
        miss = states[t + 1] - oracle.mean(states[t], segment.controls[t])
        np.testing.assert_allclose(miss[:D], miss[D : 2 * D], rtol=0, atol=1e-10)


@pytest.mark.usefixtures("float64")
def test_what_is_merely_predicted_tells_nothing_of_the_past(segment: Segment):
    """Uncertain weights make the past look calmer, but only where something was recorded."""
    transition = make_transition(D, P, degree=1, seed=2, ignorance=0.3)
    inference = Inference(scan="sequential")
    query = jax.jit(partial(smooth_data, inference=inference))
    system, data = graph(transition, segment)
    recorded = 7
    short = replace(
        jax.tree.map(lambda x: x[:recorded], data), controls=data.controls[: recorded - 1]
    )
    past = data.past.at[recorded:].set(0)
    silent = jax.tree.map(lambda x: x.at[recorded:].set(0), data.messages)
    ahead = replace(data, past=past, messages=silent)
    one, two = (query(system, x, prior=system.prior)[0] for x in (short, ahead))
    np.testing.assert_allclose(one.states.mean, two.states.mean[:recorded], rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.states.cov, two.states.cov[:recorded], rtol=0, atol=1e-12)
    assert float(one.evidence) == pytest.approx(float(two.evidence), abs=1e-10)
    told = query(system, replace(ahead, past=data.past), prior=system.prior)[0]
    assert np.abs(told.states.mean[recorded - 1] - one.states.mean[-1]).max() > 1e-6


def random_chain(seed: int, steps: int, n: int, q: int, m: int, k: int, doubts: int) -> Chain:
    """Of any sizes: ``q`` noises, ``m`` rows a step, ``k`` columns of the prior, and rows about
    state and noise."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> jax.Array:
        return jnp.asarray(rng.normal(size=shape))

    return Chain(
        Belief.of(normal(n), normal(n, k)),
        0.7 * normal(steps - 1, n, n),
        normal(steps - 1, n),
        normal(steps - 1, n, q),
        Rows(normal(steps, m, n), normal(steps, m), normal(steps)),
        Rows(normal(steps - 1, doubts, n + q), normal(steps - 1, doubts), normal(steps - 1)),
    )


class Whole(NamedTuple):
    """All unit normals ``z = (ζ, w_0, w_1, ...)`` given all rows, and ``x_t = at_t + by_t z``."""

    mean: np.ndarray
    cov: np.ndarray
    at: list[np.ndarray]
    by: list[np.ndarray]
    evidence: float


def dense_chain(chain: Chain) -> Whole:
    """One Gaussian of all that is random, conditioned once on all rows."""
    n, k = np.shape(chain.prior.root)
    steps, q = chain.rows.value.shape[0], chain.noise.shape[2]
    size = k + (steps - 1) * q
    at, by = [np.asarray(chain.prior.mean)], [np.zeros((n, size))]
    by[0][:, :k] = chain.prior.root
    rows, values = [], []
    for t in range(steps):
        rows.append(np.asarray(chain.rows.matrix[t]) @ by[t])
        values.append(np.asarray(chain.rows.value[t] - chain.rows.matrix[t] @ at[t]))
        if t + 1 == steps:
            break
        push = np.zeros((q, size))
        push[:, k + t * q : k + (t + 1) * q] = np.eye(q)
        doubt = np.asarray(chain.doubts.matrix[t])
        rows.append(doubt[:, :n] @ by[t] + doubt[:, n:] @ push)
        values.append(np.asarray(chain.doubts.value[t]) - doubt[:, :n] @ at[t])
        at.append(np.asarray(chain.along[t] @ at[t] + chain.offset[t]))
        by.append(np.asarray(chain.along[t]) @ by[t] + np.asarray(chain.noise[t]) @ push)
    matrix, value = np.concatenate(rows), np.concatenate(values)
    innovation = matrix @ matrix.T + np.eye(len(value))
    gain = np.linalg.solve(innovation, matrix).T
    scale = float(chain.rows.log_scale.sum() + chain.doubts.log_scale.sum())
    evidence = scale - 0.5 * value @ np.linalg.solve(innovation, value)
    evidence -= 0.5 * np.linalg.slogdet(innovation)[1]
    return Whole(gain @ value, np.eye(size) - gain @ matrix, at, by, float(evidence))


smoothed_chain = jax.jit(smooth)
SHAPES = [(5, 3, 2, 2, 3, 1), (4, 2, 4, 1, 0, 0), (6, 3, 0, 2, 1, 2), (1, 3, 2, 2, 3, 1)]


@given(seed=st.integers(0, 2**31), shape=st.sampled_from([*SHAPES, (3, 2, 1, 0, 5, 2)]))
@settings(max_examples=25)
def test_any_chain_is_smoothed_as_one_dense_gaussian(seed: int, shape: tuple[int, ...]):
    """With more noises than coordinates, none at all, a certain first state, or no rows."""
    with jax.enable_x64(True):
        chain = random_chain(seed, *shape)
        found, whole = smoothed_chain(chain), dense_chain(chain)
        k, q = chain.prior.root.shape[1], chain.noise.shape[2]
        assert float(found.evidence) == pytest.approx(whole.evidence, rel=1e-9, abs=1e-9)
        for t, (at, by) in enumerate(zip(whole.at, whole.by, strict=True)):
            size = 1 + np.abs(by).max() ** 2
            np.testing.assert_allclose(
                found.states.mean[t], at + by @ whole.mean, rtol=0, atol=1e-9 * size
            )
            cov = by @ whole.cov @ by.T
            np.testing.assert_allclose(found.states.cov[t], cov, rtol=0, atol=1e-9 * size)
        for t, by in enumerate(whole.by[:-1]):
            # the noise given the state: gain and root of the rest
            own = slice(k + t * q, k + (t + 1) * q)
            size = 1 + np.abs(by).max() ** 2
            np.testing.assert_allclose(found.noises[t], whole.mean[own], rtol=0, atol=1e-9 * size)
            across = by @ whole.cov[:, own]
            state = by @ whole.cov @ by.T
            explained = np.asarray(found.gains[t]) @ state
            np.testing.assert_allclose(explained, across.T, rtol=0, atol=1e-8 * size)
            rest = np.asarray(found.noise_roots[t] @ found.noise_roots[t].T)
            spread = found.gains[t] @ state @ found.gains[t].T + rest
            np.testing.assert_allclose(spread, whole.cov[own, own], rtol=0, atol=1e-8 * size)
