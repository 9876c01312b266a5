"""Single against double precision: long, and with noises of very unequal size."""

from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent import (
    Belief,
    Block,
    FixedSensor,
    JointModel,
    KnownLinear,
    LearnedLinear,
    MatrixNormalWishart,
)
from scipy.stats import ortho_group

from .cases import spd, stable

STEPS = 100_000
CONDITION = 1e6


def hard(seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A slowly damped rotation beside a slow decay; noises of sensor and process of condition
    number 10⁶, in directions that are no axes; every tenth reading is missing."""
    rng = np.random.default_rng(seed)
    turn = [[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]]
    along = np.zeros((3, 3))
    along[:2, :2], along[2, 2] = 0.9999 * np.array(turn), 0.999
    turned, scales = ortho_group.rvs(3, random_state=rng), np.geomspace(1.0, 1 / CONDITION, 3)
    noise = turned @ np.diag(scales) @ turned.T
    model = {"along": along, "noise": 0.1 * noise, "sensor": np.eye(3), "reading": noise}
    pushed = rng.normal(size=(STEPS, 3)) @ np.linalg.cholesky(model["noise"]).T
    states, state = np.empty((STEPS, 3)), np.zeros(3)
    for t in range(STEPS):
        state = along @ state + pushed[t]
        states[t] = state
    blur = rng.normal(size=(STEPS, 3)) @ np.linalg.cholesky(model["reading"]).T
    readings = states @ model["sensor"].T + blur
    readings[rng.random(STEPS) < 0.1] = np.nan
    return model, readings


def built(values: dict[str, np.ndarray]) -> JointModel:
    block = Block(
        "a", KnownLinear(values["along"], values["noise"]),
        FixedSensor(values["sensor"], values["reading"]), Belief(np.zeros(3), 100 * np.eye(3)),
    )  # fmt: skip
    return JointModel([block])


def answered(query: str, values: dict[str, np.ndarray], readings: np.ndarray, double: bool) -> Any:
    with jax.enable_x64(double):
        found = getattr(built(values), query)({"a": readings})
        assert found.joint.mean.dtype == (np.float64 if double else np.float32)
        cov = found.joint.cov
        return np.asarray(found.joint.mean), np.asarray(cov), np.asarray(found.evidence)


@pytest.mark.parametrize("query", ["smooth", "filter"])
def test_a_long_hard_chain_in_single_precision(query: str):
    """Means to a thousandth of what they are (of a sigma, where that is more), covariances to a
    thousandth of their sigmas, the evidence to a thousandth; no covariance is indefinite."""
    values, readings = hard(0)
    mean, cov, evidence = answered(query, values, readings, double=False)
    exact_mean, exact_cov, exact_evidence = answered(query, values, readings, double=True)
    assert np.isfinite(mean).all()
    sigma = np.sqrt(np.diagonal(exact_cov, axis1=1, axis2=2))
    scale = sigma[:, :, None] * sigma[:, None, :]
    assert (np.abs(mean - exact_mean) <= 1e-3 * np.maximum(sigma, np.abs(exact_mean))).all()
    assert (np.abs(cov - exact_cov) <= 1e-3 * scale).all()
    assert evidence.sum(dtype=float) == pytest.approx(exact_evidence.sum(), rel=1e-3)
    assert np.linalg.eigvalsh(cov.astype(float))[:, 0].min() > 0


@settings(max_examples=10, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), decades=st.floats(0, 4))
def test_single_precision_comes_close_whatever_the_model(seed: int, decades: float):
    """With sensors and parameters of any scale."""
    rng = np.random.default_rng(seed)
    mean = np.concatenate([stable(rng, 2), rng.normal(size=(2, 1))], axis=1)
    precision, scatter = 10**decades * spd(rng, 3), spd(rng, 2)
    readings, controls = rng.normal(size=(24, 2)), rng.normal(size=(23, 1))
    readings[rng.random((24, 2)) < 0.3] = np.nan
    reading = np.diag(10 ** rng.uniform(-decades, 0, size=2))
    found = {}
    for double in (False, True):
        with jax.enable_x64(double):
            transition = LearnedLinear(2, 1, MatrixNormalWishart(mean, precision, scatter, 5.0))
            model = JointModel([Block("point", transition, FixedSensor(np.eye(2), reading))])
            said = model.smooth({"point": readings}, controls)
            found[double] = said.joint.mean, said.joint.cov, said.evidence
    (means, cov, evidence), (exact_mean, exact_cov, exact_evidence) = found[False], found[True]
    sigma = np.sqrt(np.diagonal(exact_cov, axis1=1, axis2=2))
    assert (np.abs(means - exact_mean) <= 1e-3 * np.maximum(sigma, np.abs(exact_mean))).all()
    assert (np.abs(cov - exact_cov) <= 1e-3 * sigma[:, :, None] * sigma[:, None, :]).all()
    assert float(evidence) == pytest.approx(float(exact_evidence), rel=1e-4, abs=1e-2)
