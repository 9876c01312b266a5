"""The filter against a dense Kalman filter in numpy float64, linearised by finite differences."""

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.filter import Filtered, filter_along, filter_step, predict, update
from jopa_agent.agent.graph.gaussian import Belief, Gaussian
from jopa_agent.agent.graph.inference import Inference
from jopa_agent.agent.graph.readings import Readings
from jopa_agent.agent.graph.rows import Rows, embed_rows, message_rows, no_rows
from jopa_agent.agent.graph.sensors import FixedSensor
from jopa_agent.agent.graph.system import Data, JointTransition, System
from scipy.stats import multivariate_normal

from .transitions import KINDS, Kind, Plain, jacobians, known_linear, learned_linear, motion_kind

D = 2
STEPS = 30
SIZES = (D, 1, 2, 1, 3, 0.1)  # motion with curves, and weights that are not known well


def rows_of(message: Gaussian, n: int) -> Rows:
    """What a message about the first coordinates of ``n`` says."""
    rows = message_rows(jax.tree.map(lambda x: x[None], message))
    return embed_rows(jax.tree.map(lambda x: x[0], rows), 0, n)


@jax.jit
def moved(transition: Any, belief: Belief, control: Any) -> Filtered:
    return predict(belief, transition.local(belief.mean, control, "predictive"), control)


@jax.jit
def observed(belief: Belief, message: Gaussian) -> Filtered:
    return update(belief, rows_of(message, belief.mean.shape[0]))


class Record(NamedTuple):
    controls: np.ndarray
    means: np.ndarray
    precisions: np.ndarray


@pytest.fixture
def kind(float64: None) -> Kind:  # noqa: ARG001
    return motion_kind(*SIZES)


@pytest.fixture(scope="module")
def record() -> Record:
    """Controls and messages; the sensor sees all, one direction only, or nothing, in turn."""
    rng = np.random.default_rng(5)
    whole = np.array([[2e4, 5e3], [5e3, 1e4]])
    aslant = 1e4 * np.outer([0.6, 0.8], [0.6, 0.8])
    kinds = np.array([whole, whole, aslant, np.zeros((D, D))])
    walk = np.cumsum(0.02 * rng.normal(size=(STEPS, D)), axis=0)
    return Record(rng.uniform(-1, 1, (STEPS, 1)), walk, kinds[np.arange(STEPS) % 4])


def start(n: int = 3 * D) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    return 0.1 * rng.normal(size=n), 0.05 * np.tril(rng.normal(size=(n, n)))


def filter_all(transition: Any, record: Record) -> list[Filtered]:
    mean, root = start()
    belief, steps = Belief.of(jnp.asarray(mean), jnp.asarray(root)), []
    for control, seen, precision in zip(*record, strict=True):
        message = Gaussian.at(jnp.asarray(seen), jnp.asarray(precision))
        ahead = moved(transition, belief, jnp.asarray(control)).belief
        steps.append(observed(ahead, message))
        belief = steps[-1].belief
    return steps


def test_it_is_the_extended_kalman_filter(kind: Kind, record: Record):
    oracle, select = kind.plain, np.eye(D, 3 * D)
    mean, root = start()
    covariance = root @ root.T
    for told, control, seen, precision in zip(filter_all(kind.model, record), *record, strict=True):
        along, _ = jacobians(oracle, mean, control)
        covariance = along @ covariance @ along.T + oracle.noise(mean, control)
        mean = oracle.mean(mean, control)
        # information form in the observed coordinates needs no inverse of the precision
        gain = (
            covariance
            @ select.T
            @ np.linalg.inv(np.eye(D) + precision @ select @ covariance @ select.T)
        )
        mean = mean + gain @ precision @ (seen - mean[:D])
        covariance = covariance - gain @ precision @ select @ covariance
        size = covariance.max()
        np.testing.assert_allclose(told.belief.mean, mean, rtol=0, atol=1e-9)
        np.testing.assert_allclose(told.belief.cov, covariance, rtol=0, atol=1e-9 * size)


@pytest.mark.usefixtures("float64")
def test_evidence_and_surprise_are_those_of_the_predicted_observation():
    rng = np.random.default_rng(0)
    mean, root = start()
    precision, seen = np.array([[200.0, 50.0], [50.0, 100.0]]), rng.normal(size=D)
    belief = Belief.of(jnp.asarray(mean), jnp.asarray(root))
    told = observed(belief, Gaussian.at(jnp.asarray(seen), jnp.asarray(precision)))
    innovation = (root @ root.T)[:D, :D] + np.linalg.inv(precision)
    expected = multivariate_normal(mean[:D], innovation).logpdf(seen)  # pyright: ignore[reportArgumentType]
    assert float(told.evidence) == pytest.approx(expected, abs=1e-11)
    away = seen - mean[:D]
    squared = away @ np.linalg.solve(innovation, away)
    assert float(told.surprise @ told.surprise) == pytest.approx(squared, rel=1e-11)


@pytest.mark.usefixtures("float64")
def test_evidence_of_a_message_on_one_direction_is_that_of_a_scalar():
    mean, root = start()
    along, precision, seen = np.array([0.6, 0.8]), 300.0, np.array([0.4, -0.1])
    belief = Belief.of(jnp.asarray(mean), jnp.asarray(root))
    message = Gaussian.at(jnp.asarray(seen), jnp.asarray(precision * np.outer(along, along)))
    variance = along @ (root @ root.T)[:D, :D] @ along + 1 / precision
    expected = multivariate_normal(along @ mean[:D], variance).logpdf(along @ seen)  # pyright: ignore[reportArgumentType]
    assert float(observed(belief, message).evidence) == pytest.approx(expected, abs=1e-10)


def test_a_missing_observation_changes_nothing():
    mean, root = start()
    belief = Belief.of(jnp.asarray(mean, jnp.float32), jnp.asarray(root, jnp.float32))
    told = observed(belief, Gaussian(jnp.zeros(D), jnp.zeros((D, D))))
    assert (told.belief.mean == belief.mean).all()
    assert not told.surprise.any()
    assert told.evidence == 0
    # the root is triangularised anew: some roundings of float32
    np.testing.assert_allclose(
        told.belief.cov, belief.cov, rtol=0, atol=1e-6 * float(belief.cov.max())
    )


def test_a_certain_message_does_not_break_float32():
    """Sensor of 1e-4 on a belief of width one: 1e8 between the two, past float32's digits."""
    belief = Belief.of(jnp.zeros(3 * D), jnp.eye(3 * D))
    seen = jnp.array([0.5, -0.25])
    posterior = observed(belief, Gaussian.at(seen, 1e8 * jnp.eye(D))).belief
    np.testing.assert_allclose(posterior.mean[:D], seen, rtol=0, atol=1e-6)
    np.testing.assert_allclose(posterior.std[:D], 1e-4, rtol=1e-3)
    np.testing.assert_allclose(posterior.std[D:], 1.0, rtol=1e-6)


def test_float32_follows_float64(record: Record):
    single = filter_all(motion_kind(*SIZES).model, record)
    with jax.enable_x64(True):
        double = filter_all(motion_kind(*SIZES).model, record)
        for (one, _, _), (two, _, _) in zip(single, double, strict=True):
            assert one.mean.dtype == jnp.float32
            # no drift over the steps: a hundredth of a sigma, and a thousandth of its size
            assert np.abs((one.mean - two.mean) / two.std).max() < 1e-2
            np.testing.assert_allclose(one.std, two.std, rtol=1e-3)


class Case(NamedTuple):
    """A system of one transition and one sensor, and what it means: ``C``, ``R``, ``offset``."""

    system: System
    data: Data
    oracle: Plain
    sensor: tuple[np.ndarray, np.ndarray, np.ndarray]
    seen: np.ndarray
    controls: np.ndarray


def make_case(kind: Kind, steps: int = 7, live: int | None = None) -> Case:
    """Of the observations one is missing, and of another one coordinate; only the first ``live``
    steps count."""
    rng, n, p = np.random.default_rng(4), kind.model.dim, kind.model.controls
    mean, root = start(n)
    factor = rng.normal(size=(2, 2))
    C, R, offset = rng.normal(size=(2, n)), factor @ factor.T + 0.1 * np.eye(2), rng.normal(size=2)
    seen = 0.5 * rng.normal(size=(steps, 2))
    seen[1] = np.nan
    seen[2, 0] = np.nan
    controls = rng.uniform(-1, 1, (steps - 1, p))
    counts = np.arange(steps) < (steps if live is None else live)
    system = System(
        JointTransition((kind.model,)),
        (FixedSensor(C, R, offset),),
        no_rows(n),
        Belief.of(jnp.asarray(mean), jnp.asarray(root)),
        ((0, n),),
    )
    readings = Readings(jnp.asarray(seen), jnp.asarray(~np.isnan(seen).all(1)))
    weights = jnp.asarray(counts, root.dtype)
    data = Data((readings,), no_rows(n, steps), jnp.asarray(controls), weights, weights)
    return Case(system, data, kind.plain, (C, R, offset), seen, controls)


class Told(NamedTuple):
    mean: np.ndarray
    cov: np.ndarray
    evidence: float


def take_in(
    mean: np.ndarray, cov: np.ndarray, matrix: np.ndarray, value: np.ndarray, noise: np.ndarray
) -> Told:
    """Bayes' rule for ``value = matrix x + N(0, noise)``; NaN is not seen."""
    here = ~np.isnan(value)
    if not here.any():
        return Told(mean, cov, 0.0)
    matrix, value, noise = matrix[here], value[here], noise[np.ix_(here, here)]
    innovation = matrix @ cov @ matrix.T + noise
    gain = np.linalg.solve(innovation, matrix @ cov).T
    density = multivariate_normal(matrix @ mean, innovation)  # pyright: ignore[reportArgumentType]
    miss = value - matrix @ mean
    return Told(mean + gain @ miss, cov - gain @ matrix @ cov, float(density.logpdf(value)))


def doubted(case: Case, mean: np.ndarray, cov: np.ndarray, control: np.ndarray) -> Told:
    """The belief times ``exp(log_scale - |doubt(x, u)|² / 2)``, its doubt linearised."""
    rest = case.oracle.doubt(mean, control)
    if not len(rest):
        return Told(mean, cov, 0.0)
    n = len(mean)
    both = np.concatenate([mean, control])
    slope = np.zeros((len(rest), len(both)))
    for i, axis in enumerate(np.eye(len(both))):
        away = [case.oracle.doubt(*np.split(both + s * 0.004 * axis, [n])) for s in (1, -1)]
        near = [case.oracle.doubt(*np.split(both + s * 0.002 * axis, [n])) for s in (1, -1)]
        slope[:, i] = (4 * (near[0] - near[1]) / 0.004 - (away[0] - away[1]) / 0.008) / 3
    slope = slope[:, :n]
    told = take_in(mean, cov, slope, slope @ mean - rest, np.eye(len(rest)))
    scale = float(case.system.transition.parts[0].layer.log_scale)  # type: ignore[attr-defined]
    return told._replace(evidence=told.evidence + scale + 0.5 * len(rest) * np.log(2 * np.pi))


def dense(case: Case, parameters: str, last: int | None = None) -> list[Told]:
    """The Kalman filter in covariances, each step's evidence with it."""
    (C, R, offset), steps = case.sensor, []
    told = Told(np.asarray(case.system.prior.mean), np.asarray(case.system.prior.cov), 0.0)
    for t, value in enumerate(case.seen[:last]):
        if t:
            control, evidence = case.controls[t - 1], 0.0
            mean, cov = told.mean, told.cov
            local_mean = case.oracle.mean(mean, control)
            along, _ = jacobians(case.oracle, mean, control)
            noise = case.oracle.noise(mean, control, parameters)
            if parameters == "variational":
                surer = doubted(case, mean, cov, control)
                local_mean = local_mean + along @ (surer.mean - mean)
                cov, evidence = surer.cov, surer.evidence
            ahead = local_mean, along @ cov @ along.T + noise
            told = take_in(*ahead, C, value - offset, R)
            told = told._replace(evidence=told.evidence + evidence)
        else:
            told = take_in(told.mean, told.cov, C, value - offset, R)
        steps.append(told)
    return steps


def same(found: Filtered, expected: list[Told]) -> None:
    for t, told in enumerate(expected):
        np.testing.assert_allclose(found.belief.mean[t], told.mean, rtol=0, atol=1e-9)
        np.testing.assert_allclose(found.belief.cov[t], told.cov, rtol=0, atol=1e-9)
        assert float(found.evidence[t]) == pytest.approx(told.evidence, abs=1e-9)


filtered = jax.jit(filter_along, static_argnames="inference")
stepped = jax.jit(filter_step, static_argnames="inference")


UNCERTAIN = ("learned linear", "motion", "features")
TREATMENTS = [
    *((name, "variational") for name in KINDS),
    *((name, how) for name in UNCERTAIN for how in ("predictive", "point")),
]


@pytest.mark.parametrize(("name", "parameters"), TREATMENTS)
@pytest.mark.usefixtures("float64")
def test_any_transition_is_filtered_as_it_is_written(name: str, parameters: str):
    case = make_case(KINDS[name]())
    inference = Inference(parameters=parameters)  # type: ignore[arg-type]
    found = filtered(case.system, inference, case.data, case.system.prior)
    same(found, dense(case, parameters))


@pytest.mark.parametrize("name", ["learned linear", "motion"])
@pytest.mark.usefixtures("float64")
def test_a_stream_takes_the_same_steps(name: str):
    """One call a step, the first of which predicts nothing; the root may be of any width."""
    case = make_case(KINDS[name]())
    for parameters in ("variational", "predictive"):
        inference = Inference(parameters=parameters)  # type: ignore[arg-type]
        belief, steps = case.system.prior, []
        for t in range(len(case.seen)):
            one = jax.tree.map(lambda x, t=t: x[t : t + 1], case.data)
            one = replace(one, controls=jnp.zeros((0, 2)))
            control = jnp.asarray(case.controls[max(t - 1, 0)])
            first = jnp.asarray(t == 0)
            steps.append(stepped(case.system, inference, belief, control, one, first))
            belief = steps[-1].belief
        stacked = jax.tree.map(lambda *x: jnp.stack(x), *steps)
        same(stacked, dense(case, parameters))


@pytest.mark.usefixtures("float64")
def test_padding_says_nothing():
    """Steps that do not count add no evidence, and leave those before them alone."""
    for kind in (learned_linear(), known_linear(rank=1)):
        case = make_case(kind, steps=9, live=5)
        found = filtered(case.system, Inference(), case.data, case.system.prior)
        same(found, dense(case, "variational", last=5))
        assert not found.evidence[5:].any()


@pytest.mark.usefixtures("float64")
def test_several_transitions_side_by_side_are_filtered_each_by_itself():
    """Blocks that share nothing: the beliefs of each, and the sum of the evidence."""
    kinds = [learned_linear(2, 2, seed=1), known_linear(3, 2, seed=2), known_linear(2, 0, seed=3)]
    cases = [make_case(kind) for kind in kinds]
    controls = cases[0].controls
    cases[1] = cases[1]._replace(controls=controls)
    starts = ((0, 2), (2, 3), (5, 2))
    prior = Belief.of(
        jnp.concatenate([case.system.prior.mean for case in cases]),
        jax.scipy.linalg.block_diag(*(case.system.prior.root for case in cases)),
    )
    system = System(
        JointTransition(tuple(kind.model for kind in kinds)),
        tuple(case.system.sensors[0] for case in cases),
        no_rows(7),
        prior,
        starts,
    )
    data = Data(
        tuple(case.data.readings[0] for case in cases),
        no_rows(7, 7),
        jnp.asarray(controls),
        cases[0].data.live,
        cases[0].data.live,
    )
    found = filtered(system, Inference(), data, prior)
    separate = [dense(case, "variational") for case in cases]
    for t in range(7):
        for told, (at, size) in zip([steps[t] for steps in separate], starts, strict=True):
            own = slice(at, at + size)
            np.testing.assert_allclose(found.belief.mean[t, own], told.mean, rtol=0, atol=1e-9)
            cov = found.belief.cov[t, own, own]
            np.testing.assert_allclose(cov, told.cov, rtol=0, atol=1e-9)
        total = sum(steps[t].evidence for steps in separate)
        assert float(found.evidence[t]) == pytest.approx(total, abs=1e-9)
