"""Smoothing and prediction by a joint model, against one dense Gaussian of all its states."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent import (
    Belief,
    Block,
    FixedSensor,
    Gaussian,
    Inference,
    JointModel,
    KnownLinear,
)

from . import dense
from .cases import SLICES, everything, spd

pytestmark = pytest.mark.usefixtures("float64")

EXACT = 1e-10


def same(found, exact: dense.Posterior) -> None:
    assert np.asarray(found.joint.mean) == pytest.approx(exact.mean, abs=EXACT)
    assert np.asarray(found.joint.cov) == pytest.approx(exact.cov, abs=EXACT)
    assert float(found.evidence) == pytest.approx(exact.log_evidence, abs=EXACT)


@pytest.mark.parametrize(("seed", "rank"), [(0, 2), (1, 1), (2, 1), (3, 0)])
def test_smoothing_is_the_dense_posterior(seed: int, rank: int):
    """Three blocks with controls, couplings, several sensors, missing readings and messages, on a
    trajectory that is padded; process noise and prior of any rank."""
    case = everything(seed, rank=rank)
    found, exact = case.model.smooth(case.observations, case.controls), case.exact()
    same(found, exact)
    assert float(found.free_energy) == -float(found.evidence)
    for name, where in SLICES.items():
        assert found.beliefs[name].mean == pytest.approx(exact.mean[:, where], abs=EXACT)
        assert found.beliefs[name].cov == pytest.approx(exact.cov[:, where, where], abs=EXACT)


@settings(max_examples=15, derandomize=True)
@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=17, max_size=17))
def test_whatever_is_missing_says_nothing(missing: list[list[bool]]):
    """Of the leg's readings, any coordinates at any steps."""
    case = everything(4, missing=np.array(missing))
    same(case.model.smooth(case.observations, case.controls), case.exact())


def test_prediction_goes_on_under_the_controls_that_are_given():
    """Couplings hold beyond the data, too."""
    case = everything(5, steps=18).until(13)
    given_, ahead = case.controls[:12], case.controls[12:]
    found = case.model.smooth(case.observations, given_, 5, ahead)
    same(found, case.exact())
    under_zero = replace(case.chain, action=np.concatenate([given_, np.zeros((5, 2))]))
    still = case.model.smooth(case.observations, given_, n_predict=5)
    same(still, dense.posterior(under_zero, case.factors))


def test_predicted_readings_are_those_of_the_expected_states():
    case = everything(6)
    found = case.model.smooth(case.observations, case.controls)
    leg, arm = (case.model.block(name).sensors for name in ("leg", "arm"))
    expected = found.beliefs["leg"].mean @ leg[""].C.T + leg[""].offset
    assert found.predictions["leg"] == pytest.approx(np.asarray(expected), abs=EXACT)
    near = found.beliefs["arm"].mean @ arm["near"].C.T + arm["near"].offset
    assert found.predictions["arm"]["near"] == pytest.approx(np.asarray(near), abs=EXACT)
    assert "face" not in found.predictions


def test_a_prior_takes_the_place_of_the_blocks_own():
    """Given jointly, or by block: what is not named keeps its own."""
    case, rng = everything(7), np.random.default_rng(8)
    mean, cov = rng.normal(size=5), spd(rng, 5)
    chain = replace(case.chain, mean=mean, cov=cov)
    found = case.model.smooth(case.observations, case.controls, prior=Belief(mean, cov))
    same(found, dense.posterior(chain, case.factors))
    leg = slice(2, 4)
    mean, cov = case.chain.mean.copy(), case.chain.cov.copy()
    mean[leg], cov[leg, leg] = rng.normal(size=2), spd(rng, 2)
    precision = np.linalg.inv(cov[leg, leg])
    for prior in (Belief(mean[leg], cov[leg, leg]), Gaussian(precision @ mean[leg], precision)):
        found = case.model.smooth(case.observations, case.controls, prior={"leg": prior})
        same(found, dense.posterior(replace(case.chain, mean=mean, cov=cov), case.factors))


def test_the_associative_scan_is_the_sequential_one():
    case = everything(9, rank=1).under(Inference(scan="associative"))
    same(case.model.smooth(case.observations, case.controls), case.exact())


@pytest.mark.parametrize("steps", [1, 2])
def test_short_trajectories(steps: int):
    rng = np.random.default_rng(10)
    along, noise, matrix, cov = rng.normal(size=(2, 2)), spd(rng, 2), np.eye(2)[:1], spd(rng, 1)
    readings = rng.normal(size=(steps, 1))
    model = JointModel([Block("a", KnownLinear(along, noise), FixedSensor(matrix, cov))])
    chain = dense.chain(np.zeros(2), 100 * np.eye(2), along, noise, steps)
    told = [dense.seen(t, matrix, value, cov) for t, value in enumerate(readings)]
    same(model.smooth({"a": readings}), dense.posterior(chain, told))


def test_the_order_of_sensors_and_of_messages_changes_nothing():
    """Three sensors by any names, and the factors of a product of messages in any order."""
    rng = np.random.default_rng(11)
    sensors = [FixedSensor(rng.normal(size=(1, 2)), spd(rng, 1)) for _ in range(3)]
    readings = rng.normal(size=(3, 6, 1))
    messages = [Gaussian(rng.normal(size=2), spd(rng, 2)) for _ in range(3)]
    transition = KnownLinear(rng.normal(size=(2, 2)), spd(rng, 2))
    found = []
    for order in permutations(range(3)):
        one, two, three = (messages[i] for i in order)
        model = JointModel([Block("x", transition, {k: sensors[i] for k, i in named(order)})])
        values = {k: [*readings[i, :5], None] for k, i in named(order)}
        values["a"][5] = one * two * three
        found.append(model.smooth({"x": values}))
    for other in found[1:]:
        assert other.joint.mean == pytest.approx(found[0].joint.mean, abs=EXACT)
        assert other.joint.cov == pytest.approx(found[0].joint.cov, abs=EXACT)
        assert float(other.evidence) == pytest.approx(float(found[0].evidence), abs=EXACT)


def named(order: tuple[int, ...]) -> list[tuple[str, int]]:
    return list(zip("abc", order, strict=True))
