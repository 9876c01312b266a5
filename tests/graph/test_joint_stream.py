"""A stream of single steps, against the filter of the whole trajectory."""

import numpy as np
import pytest
from jopa_agent.agent import Belief

from . import dense
from .cases import SLICES, Case, at, everything, spd

pytestmark = pytest.mark.usefixtures("float64")

EXACT = 1e-10


def streamed(case: Case, prior=None):
    """The states of a stream after every step of the case's trajectory."""
    state, states = case.model.start(prior), []
    for step in range(case.chain.steps):
        control = None if step == 0 else case.controls[step - 1]
        state = case.model.step(state, at(case.observations, step), control)
        states.append(state)
    return states


def test_a_stream_is_the_filter():
    case = everything(0, rank=1)
    exact = dense.filtered(case.chain, case.factors)
    for step, state in enumerate(streamed(case)):
        assert np.asarray(state.joint.mean) == pytest.approx(exact.mean[step], abs=EXACT)
        assert np.asarray(state.joint.cov) == pytest.approx(exact.cov[step], abs=EXACT)
        assert float(state.evidence) == pytest.approx(exact.log_evidence[step], abs=EXACT)
        assert float(state.free_energy) == -float(state.evidence)
        beliefs = state.beliefs(case.model.blocks)
        for name, where in SLICES.items():
            assert np.asarray(beliefs[name].mean) == pytest.approx(exact.mean[step, where])


def test_a_stream_starts_from_the_prior_that_is_given():
    case, rng = everything(1), np.random.default_rng(2)
    prior = Belief(rng.normal(size=5), spd(rng, 5))
    found = case.model.filter(case.observations, case.controls, prior=prior)
    last = streamed(case, prior)[-1]
    assert np.asarray(last.joint.mean) == pytest.approx(found.joint.mean[-1], abs=EXACT)
    assert np.asarray(last.joint.cov) == pytest.approx(found.joint.cov[-1], abs=EXACT)


def test_the_surprise_is_the_innovation_in_sigmas():
    """Its square is what the evidence loses: ``-2 log N`` less the volume."""
    case = everything(3)
    for step, state in enumerate(streamed(case)[:3]):
        predicted = dense.filtered(case.chain, case.factors)
        here = [each for each in case.factors if each.step == step]
        matrix = np.concatenate([each.terms["x", step] for each in here])
        value = np.concatenate([each.value for each in here])
        before = predicted.predicted_cov[step]
        cov = matrix @ before @ matrix.T
        start = 0
        for each in here:
            end = start + len(each.value)
            cov[start:end, start:end] += each.cov
            start = end
        miss = value - matrix @ predicted.predicted_mean[step]
        assert float(state.surprise @ state.surprise) == pytest.approx(
            miss @ np.linalg.solve(cov, miss), rel=1e-9
        )


def test_steps_without_observation_only_predict():
    """Nothing, an empty dict and missing readings are the same."""
    case = everything(4)
    first = case.model.step(case.model.start(), at(case.observations, 0))
    control = np.array([0.5, -1.0])
    ways = [None, {}, {"leg": None}, {"leg": np.full(3, np.nan), "arm": {"wide": None}}]
    states = [case.model.step(first, way, control) for way in ways]
    ties = [each for each in case.ties if each.step < 2]
    told = [each for each in case.told if each.step < 1]
    chain = dense.chain(
        case.chain.mean, case.chain.cov, case.chain.along[0], case.chain.noise[0], 2,
        case.chain.offset[0], case.chain.control[0], control,
    )  # fmt: skip
    exact = dense.filtered(chain, [*told, *ties])
    for state in states:
        assert np.asarray(state.joint.mean) == pytest.approx(exact.mean[1], abs=EXACT)
        assert np.asarray(state.joint.cov) == pytest.approx(exact.cov[1], abs=EXACT)


def test_a_missing_control_is_named():
    case = everything(5)
    first = case.model.step(case.model.start(), at(case.observations, 0))
    with pytest.raises(ValueError, match="control is missing"):
        case.model.step(first, at(case.observations, 1))
    with pytest.raises(ValueError, match="'nose'"):
        case.model.step(first, {"nose": 1.0}, np.zeros(2))
