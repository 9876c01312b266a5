"""Filtering by a joint model, against the dense Gaussian of every prefix and against cuthbert."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cuthbert.filtering import filter as cuthbert_filter
from cuthbert.gaussian import kalman
from cuthbert.smoothing import smoother as cuthbert_smoother
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent import Belief, Block, FixedSensor, Inference, JointModel, KnownLinear

from . import dense
from .cases import everything, spd, stable

pytestmark = pytest.mark.usefixtures("float64")

EXACT = 1e-10


def same(found, exact: dense.Filtered) -> None:
    assert np.asarray(found.joint.mean) == pytest.approx(exact.mean, abs=EXACT)
    assert np.asarray(found.joint.cov) == pytest.approx(exact.cov, abs=EXACT)
    assert np.asarray(found.evidence) == pytest.approx(exact.log_evidence, abs=EXACT)


@pytest.mark.parametrize(("seed", "rank"), [(0, 2), (1, 1), (3, 0)])
def test_filtering_is_the_dense_posterior_of_every_prefix(seed: int, rank: int):
    case = everything(seed, rank=rank)
    found = case.model.filter(case.observations, case.controls)
    same(found, dense.filtered(case.chain, case.factors))
    assert np.asarray(found.free_energy) == pytest.approx(-np.asarray(found.evidence), abs=0)


@settings(max_examples=10, derandomize=True)
@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=17, max_size=17))
def test_the_filter_ends_where_the_smoother_does(missing: list[list[bool]]):
    """The last belief, and the evidence of all steps together."""
    case = everything(4, missing=np.array(missing))
    filtered = case.model.filter(case.observations, case.controls)
    smoothed = case.model.smooth(case.observations, case.controls)
    assert filtered.joint.mean[-1] == pytest.approx(smoothed.joint.mean[-1], abs=EXACT)
    assert filtered.joint.cov[-1] == pytest.approx(smoothed.joint.cov[-1], abs=EXACT)
    assert filtered.evidence.sum() == pytest.approx(float(smoothed.evidence), abs=EXACT)


def test_nothing_observed_is_prediction():
    rng = np.random.default_rng(5)
    along, noise, cov = stable(rng, 2), spd(rng, 2), spd(rng, 2)
    model = JointModel([Block("a", KnownLinear(along, noise), prior=Belief([1.0, 2.0], cov))])
    found = model.filter({"a": [None] * 6})
    same(found, dense.filtered(dense.chain([1.0, 2.0], cov, along, noise, 6), []))
    assert np.asarray(found.evidence) == pytest.approx(np.zeros(6), abs=0)


def test_filter_smoother_and_evidence_are_those_of_cuthbert():
    """Its first state is not observed; later, single coordinates of readings are missing."""
    rng = np.random.default_rng(7)
    n, m, p, steps = 4, 3, 2, 30
    along, control, offset = stable(rng, n, 1.0), rng.normal(size=(n, p)), rng.normal(size=n)
    noise, matrix, cov, prior = spd(rng, n), rng.normal(size=(m, n)), spd(rng, m), spd(rng, n)
    readings, controls = rng.normal(size=(steps, m)), rng.normal(size=(steps - 1, p))
    readings[rng.random((steps, m)) < 0.2] = np.nan
    readings[0] = np.nan
    root = [np.linalg.cholesky(x) for x in (noise, cov, prior)]

    def dynamics(model_inputs):
        return jnp.asarray(along), control @ model_inputs[0] + offset, jnp.asarray(root[0])

    def sensor(model_inputs):
        return jnp.asarray(matrix), jnp.zeros(m), jnp.asarray(root[1]), model_inputs[1]

    theirs = kalman.build_filter(np.zeros(n), root[2], dynamics, sensor)
    inputs = (jnp.asarray(controls), jnp.asarray(readings[1:]))
    forward = jax.jit(lambda x: cuthbert_filter(theirs, x, theirs.init_prepare()))(inputs)
    backward = jax.jit(lambda x: cuthbert_smoother(kalman.build_smoother(dynamics), x))(forward)

    block = Block(
        "a", KnownLinear(along, noise, control, offset), FixedSensor(matrix, cov),
        Belief(np.zeros(n), prior),
    )  # fmt: skip
    found = JointModel([block]).filter({"a": readings}, controls)
    assert found.joint.mean == pytest.approx(np.asarray(forward.mean), abs=EXACT)
    assert found.joint.cov == pytest.approx(covariance(forward.chol_cov), abs=EXACT)
    evidence = np.asarray(forward.log_normalizing_constant)
    assert np.cumsum(found.evidence) == pytest.approx(evidence, abs=EXACT)
    found = JointModel([block]).smooth({"a": readings}, controls)
    assert found.joint.mean == pytest.approx(np.asarray(backward.mean), abs=EXACT)
    assert found.joint.cov == pytest.approx(covariance(backward.chol_cov), abs=EXACT)
    assert float(found.evidence) == pytest.approx(evidence[-1], abs=EXACT)


def covariance(root: jax.Array) -> np.ndarray:
    return np.asarray(root @ root.mT)


def test_the_associative_scan_is_the_sequential_one():
    case = everything(6, rank=1).under(Inference(scan="associative"))
    found = case.model.filter(case.observations, case.controls)
    same(found, dense.filtered(case.chain, case.factors))
