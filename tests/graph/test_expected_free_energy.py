"""Expected free energy against cpomdp's figures, and against entropies of dense joints."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent.graph.expected_free_energy import (
    ExpectedFreeEnergy,
    Trials,
    anticipated_roots,
    expected_free_energy,
    parameter_information_gain,
    state_information_gain,
)

CASES = json.loads(
    (Path(__file__).parent / "data" / "expected_free_energy.json").read_text(encoding="utf-8")
)["cases"]


def plain_rollout(case: dict[str, np.ndarray]) -> list[tuple[np.ndarray, ...]]:
    """``(mean, cov, H, R)`` before the reading of each step, by the textbook's covariances."""

    def noise(name: str, x: np.ndarray) -> np.ndarray:
        if f"{name}_slope" not in case:
            return case[name]
        away = x - case[f"{name}_centre"]
        return case[name] + away @ away * case[f"{name}_slope"]

    along, sensor = case["dynamics"], case["sensor_model"]
    mean, cov = case["prior_mean"], case["prior_cov"]
    steps = []
    for action in case["actions"]:
        mean = along @ mean + case["control"] @ action
        cov = along @ cov @ along.T + noise("dynamics_noise", mean)
        read = noise("sensor_noise", mean)
        steps.append((mean, cov, sensor, read))
        gain = cov @ sensor.T @ np.linalg.inv(sensor @ cov @ sensor.T + read)
        cov = cov - gain @ sensor @ cov
        cov = (cov + cov.T) / 2
    return steps


def rollout_arrays(case: dict[str, np.ndarray]) -> Any:
    """Arguments of :func:`expected_free_energy`; eigenvalues make roots of singular covariances."""

    def root(cov: np.ndarray) -> np.ndarray:
        values, vectors = np.linalg.eigh(cov)
        return vectors * np.sqrt(np.maximum(values, 0))

    means, covs, sensors, reads = (np.stack(a) for a in zip(*plain_rollout(case), strict=True))
    stacked = (means, np.stack([*map(root, covs)]), sensors, np.linalg.cholesky(reads))
    preference = (case["preference_mean"], case["preference_precision"])
    return tuple(jnp.asarray(a) for a in (*stacked, *preference))


def numbers(given: dict) -> dict[str, np.ndarray]:
    return {name: np.asarray(value, float) for name, value in given.items()}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("float64")
def test_parts_are_those_of_cpomdp(name: str) -> None:
    case, found = CASES[name]["given"], CASES[name]["cpomdp"]
    ours = jax.jit(expected_free_energy)(*rollout_arrays(numbers(case)))
    np.testing.assert_allclose(ours.pragmatic, found["pragmatic_of_steps"], rtol=1e-10)
    np.testing.assert_allclose(ours.state_information_gain, found["epistemic_of_steps"], rtol=1e-9)
    np.testing.assert_allclose(ours.of_steps, found["g_of_steps"], rtol=1e-8)
    np.testing.assert_allclose(ours.total, found["total"], rtol=1e-9)
    assert not ours.parameter_information_gain.any()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("float64")
def test_anticipated_roots_are_those_of_the_filter(name: str) -> None:
    case = numbers(CASES[name]["given"])
    steps = plain_rollout(case)
    along = jnp.stack([jnp.asarray(case["dynamics"])] * len(steps))
    before = case["prior_cov"]
    columns = []
    for _, cov, sensor, read in steps:
        added = cov - case["dynamics"] @ before @ case["dynamics"].T
        values, vectors = np.linalg.eigh((added + added.T) / 2)
        columns.append(vectors * np.sqrt(np.maximum(values, 0)))
        gain = cov @ sensor.T @ np.linalg.inv(sensor @ cov @ sensor.T + read)
        before = cov - gain @ sensor @ cov
    prior_root = np.diag(np.sqrt(np.diag(case["prior_cov"])))
    if np.count_nonzero(case["prior_cov"] - np.diag(np.diag(case["prior_cov"]))):
        prior_root = np.linalg.cholesky(case["prior_cov"])
    _, _, sensors, read_roots, *_ = rollout_arrays(case)
    roots = jax.jit(anticipated_roots)(
        jnp.asarray(prior_root), along, jnp.asarray(np.stack(columns)), sensors, read_roots
    )
    expected = np.stack([cov for _, cov, _, _ in steps])
    scale = np.abs(expected).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose((roots @ roots.mT) / scale, expected / scale, atol=1e-9)
    np.testing.assert_allclose(roots, jnp.tril(roots), atol=1e-12 * scale.max())


@pytest.mark.usefixtures("float64")
def test_gains_of_steps_add_up_to_the_joint_information() -> None:
    """The readings' joint entropy, less that of their noise, from one dense covariance."""
    case = numbers(CASES["R(x) and Q(x), four steps"]["given"])
    steps = plain_rollout(case)
    along, n, horizon = case["dynamics"], len(case["prior_mean"]), len(steps)
    moved = [np.linalg.matrix_power(along, k) for k in range(horizon + 1)]
    # Process noises, recomputed from the model's own form.
    away = [mean - case["dynamics_noise_centre"] for mean, *_ in steps]
    noises = [case["dynamics_noise"] + a @ a * case["dynamics_noise_slope"] for a in away]
    states = np.zeros((horizon * n, horizon * n))
    for i in range(horizon):
        for j in range(horizon):
            block = moved[i + 1] @ case["prior_cov"] @ moved[j + 1].T
            for k in range(min(i, j) + 1):
                block = block + moved[i - k] @ noises[k] @ moved[j - k].T
            states[i * n : (i + 1) * n, j * n : (j + 1) * n] = block
    sensor = np.kron(np.eye(horizon), case["sensor_model"])
    read = np.zeros((len(sensor), len(sensor)))
    m = len(case["sensor_model"])
    for t, (_, _, _, noise) in enumerate(steps):
        read[t * m : (t + 1) * m, t * m : (t + 1) * m] = noise
    joint = 0.5 * (
        np.linalg.slogdet(sensor @ states @ sensor.T + read)[1] - np.linalg.slogdet(read)[1]
    )
    ours = expected_free_energy(*rollout_arrays(case))
    np.testing.assert_allclose(ours.state_information_gain.sum(), joint, rtol=1e-10)


@pytest.mark.usefixtures("float64")
def test_pragmatic_part_is_the_mean_of_the_log_preference() -> None:
    """By Gauss-Hermite quadrature, exact for a quadratic; over readings and over states."""
    rng = np.random.default_rng(0)
    mean, root = rng.normal(size=2), np.tril(rng.normal(size=(2, 2)))
    goal, precision = rng.normal(size=2), np.diag([2.0, 0.5]) + 0.3
    at, weight = np.polynomial.hermite_e.hermegauss(3)
    weight = weight / weight.sum()

    def quadrature(center, columns):
        return sum(
            weight[i] * weight[j] * 0.5 * (v - goal) @ precision @ (v - goal)
            for i in range(3)
            for j in range(3)
            for v in [center + columns @ np.array([at[i], at[j]])]
        )

    sensor, read_root = rng.normal(size=(2, 2)), np.diag([0.3, 0.7])
    cov = sensor @ root @ root.T @ sensor.T + read_root @ read_root.T
    stacked = [a[None] for a in (mean, root, sensor, read_root)]
    arrays: Any = [jnp.asarray(a) for a in (*stacked, goal, precision)]
    over_readings = expected_free_energy(*arrays)
    expected = quadrature(sensor @ mean, np.linalg.cholesky(cov))
    np.testing.assert_allclose(over_readings.pragmatic[0], expected, rtol=1e-12)
    over_states = expected_free_energy(*arrays, preferred="states")
    np.testing.assert_allclose(over_states.pragmatic[0], quadrature(mean, root), rtol=1e-12)
    np.testing.assert_array_equal(
        over_states.state_information_gain, over_readings.state_information_gain
    )


@pytest.mark.usefixtures("float64")
def test_total_is_also_risk_and_ambiguity() -> None:
    """KL(predicted ‖ preferred) + expected entropy of the noise: the other grouping, the same sum.

    It differs by the preference's normaliser only; risk minus gain would count an entropy twice.
    """
    case = numbers(CASES["R(x), six steps"]["given"])
    precision, goal = case["preference_precision"], case["preference_mean"]
    total = 0.0
    for mean, cov, sensor, read in plain_rollout(case):
        seen = sensor @ cov @ sensor.T + read
        miss = sensor @ mean - goal
        logs = np.linalg.slogdet(seen)[1] + np.linalg.slogdet(precision)[1]
        risk = 0.5 * (np.trace(precision @ seen) + miss @ precision @ miss - len(goal) - logs)
        ambiguity = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * read)[1]
        normaliser = 0.5 * np.linalg.slogdet(2 * np.pi * np.linalg.inv(precision))[1]
        total += risk + ambiguity - normaliser
    ours = expected_free_energy(*rollout_arrays(case))
    np.testing.assert_allclose(ours.total, total, rtol=1e-10)


@pytest.mark.usefixtures("float64")
def test_a_preference_may_come_and_go() -> None:
    case = numbers(CASES["random, five steps"]["given"])
    means, roots, sensors, noises, goal, precision = rollout_arrays(case)
    wanted = jnp.asarray([0.0, 0.0, 1.0, 0.0, 2.0])
    goals, precisions = jnp.tile(goal, (5, 1)), wanted[:, None, None] * precision
    ours = expected_free_energy(means, roots, sensors, noises, goals, precisions)
    always = expected_free_energy(means, roots, sensors, noises, goal, precision)
    np.testing.assert_allclose(ours.pragmatic, wanted * always.pragmatic, rtol=1e-12)


@pytest.mark.usefixtures("float64")
def test_expected_readings_can_be_given() -> None:
    case = numbers(CASES["random, five steps"]["given"])
    means, roots, sensors, noises, goal, precision = rollout_arrays(case)
    offset = jnp.asarray([0.7, -0.2])
    readings = jnp.einsum("tmn,tn->tm", sensors, means) + offset
    shifted = expected_free_energy(
        means, roots, sensors, noises, goal + offset, precision, readings=readings
    )
    ours = expected_free_energy(means, roots, sensors, noises, goal, precision)
    np.testing.assert_allclose(shifted.pragmatic, ours.pragmatic, rtol=1e-12)


def test_a_blind_sensor_tells_nothing_and_a_sharp_one_does_not_overflow() -> None:
    blind = state_information_gain(jnp.zeros((1, 2, 3)), jnp.eye(2)[None])
    assert float(blind[0]) == 0
    one = jnp.asarray([[1e6, 1e6], [1e6, 1e6], [2e6, 2e6]])[None]  # rank one
    sharp = state_information_gain(one, jnp.eye(3)[None])
    np.testing.assert_allclose(sharp[0], 0.5 * np.log1p(1.2e13), rtol=1e-4)


@pytest.mark.usefixtures("float64")
def test_parameter_gain_is_the_information_in_the_transitions() -> None:
    """Mutual information of ``vec M`` and all outputs, given W, from the dense joint."""
    rng = np.random.default_rng(3)
    n, k, horizon = 2, 3, 4
    mixing = rng.normal(size=(k, k))
    precision = mixing @ mixing.T + np.eye(k)
    noise = np.array([[0.5, 0.2], [0.2, 0.9]])
    regressors = rng.normal(size=(horizon, k))
    prior = np.kron(np.linalg.inv(precision), noise)  # of M's columns, one below the other
    reads = np.concatenate([np.kron(z[None], np.eye(n)) for z in regressors])
    told = reads @ prior @ reads.T
    read = np.kron(np.eye(horizon), noise)
    joint = 0.5 * (np.linalg.slogdet(told + read)[1] - np.linalg.slogdet(read)[1])
    root = jnp.asarray(np.linalg.cholesky(precision))
    gains = parameter_information_gain(jnp.asarray(regressors), root, n)
    np.testing.assert_allclose(gains.sum(), joint, rtol=1e-12)
    z = regressors[0]
    np.testing.assert_allclose(gains[0], 0.5 * n * np.log1p(z @ np.linalg.solve(precision, z)))


@pytest.mark.usefixtures("float64")
def test_trying_the_same_again_tells_less() -> None:
    z = jnp.tile(jnp.asarray([1.0, -2.0]), (5, 1))
    gains = np.asarray(parameter_information_gain(z, 0.1 * jnp.eye(2), 1))
    assert (np.diff(gains) < 0).all()
    tried = 5 * 500 / 1  # five trials of |z|² / precision = 5 / 0.01
    np.testing.assert_allclose(gains.sum(), 0.5 * np.log1p(tried), rtol=1e-12)


@pytest.mark.usefixtures("float64")
def test_trials_of_several_blocks_add_up() -> None:
    case = numbers(CASES["random, five steps"]["given"])
    arrays = rollout_arrays(case)
    rng = np.random.default_rng(5)
    first = Trials(jnp.asarray(rng.normal(size=(5, 2))), jnp.eye(2), 3)
    second = Trials(jnp.asarray(rng.normal(size=(5, 4))), 2 * jnp.eye(4), 1)
    both = expected_free_energy(*arrays, trials=[first, second])
    expected = parameter_information_gain(*first) + parameter_information_gain(*second)
    np.testing.assert_allclose(both.parameter_information_gain, expected)
    without = expected_free_energy(*arrays)
    np.testing.assert_allclose(both.total, without.total - expected.sum(), rtol=1e-12)
    np.testing.assert_allclose(both.of_steps, without.of_steps - expected, rtol=1e-12)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), sizes=st.sampled_from([(1, 1), (4, 2), (2, 3)]))
def test_gains_are_never_negative_and_do_not_see_units(seed: int, sizes: tuple[int, int]) -> None:
    """Information is the same for readings in any units and mixtures."""
    n, m = sizes
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        spread, root = rng.normal(size=(1, m, n)), np.eye(m) + 0.3 * rng.normal(size=(1, m, m))
        mixed = np.diag(10.0 ** rng.uniform(-3, 3, m)) @ np.linalg.qr(rng.normal(size=(m, m)))[0]
        gain = state_information_gain(jnp.asarray(spread), jnp.asarray(root))
        again = state_information_gain(jnp.asarray(mixed @ spread), jnp.asarray(mixed @ root))
        assert gain[0] >= 0
        np.testing.assert_allclose(again, gain, rtol=1e-7, atol=1e-9)


@pytest.mark.usefixtures("float64")
def test_plans_can_be_batched_and_differentiated() -> None:
    case = numbers(CASES["R(x), six steps"]["given"])
    means, *rest = rollout_arrays(case)
    plans = jnp.stack([means, means + 0.1, means - 0.3])
    batch = jax.vmap(lambda m: expected_free_energy(m, *rest))(plans)
    assert isinstance(batch, ExpectedFreeEnergy)
    assert batch.pragmatic.shape == (3, 6)
    assert batch.total.shape == (3,)
    each = [expected_free_energy(m, *rest).total for m in plans]
    np.testing.assert_allclose(batch.total, jnp.stack(each), rtol=1e-12)
    slope = jax.grad(lambda m: expected_free_energy(m, *rest).total)(means)
    up = expected_free_energy(means.at[2, 1].add(1e-5), *rest).total
    down = expected_free_energy(means.at[2, 1].add(-1e-5), *rest).total
    np.testing.assert_allclose(slope[2, 1], (up - down) / 2e-5, rtol=1e-6)
