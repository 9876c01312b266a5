"""Regression of seen outputs against closed forms: posterior, evidence, predictive moments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent.graph.learned_affine import LearnedAffine
from jopa_agent.agent.graph.matrix_normal_wishart import MatrixNormalWishart
from scipy.stats import multivariate_t

from .dense_learning import Regression, log_evidence, regressed, sums

seeds = st.integers(0, 2**32 - 1)


def spd(rng: np.random.Generator, n: int) -> np.ndarray:
    factor = rng.normal(size=(n, n))
    return factor @ factor.T + 0.3 * np.eye(n)


def a_prior(rng: np.random.Generator, n: int, k: int) -> Regression:
    return Regression(rng.normal(size=(n, k)), spd(rng, k), spd(rng, n), n + 3.5)


def built(prior: Regression) -> MatrixNormalWishart:
    return MatrixNormalWishart(prior.mean, prior.precision, prior.inverse_scale, prior.dof)


def agree(found: MatrixNormalWishart, expected: Regression, rtol: float = 1e-10) -> None:
    for name, value in vars(expected).items():
        slack = rtol * np.abs(value).max()
        np.testing.assert_allclose(getattr(found, name), value, rtol=0, atol=slack, err_msg=name)


def batch(rng: np.random.Generator, count: int, inputs: int, outputs: int, controls: int):
    x, u = rng.normal(size=(count, inputs)), rng.normal(size=(count, controls))
    return x, rng.normal(size=(count, outputs)), u if controls else None


def regressors(x: np.ndarray, u: np.ndarray | None, intercept: bool) -> np.ndarray:
    ones = [np.ones((len(x), 1))] if intercept else []
    return np.hstack([x, *([] if u is None else [u]), *ones])


@given(
    seed=seeds,
    inputs=st.integers(1, 3),
    outputs=st.integers(1, 3),
    controls=st.integers(0, 2),
    intercept=st.booleans(),
)
@settings(max_examples=12)
def test_posterior_evidence_and_predictions(
    seed: int, inputs: int, outputs: int, controls: int, intercept: bool
):
    rng = np.random.default_rng(seed)
    prior = a_prior(rng, outputs, inputs + controls + intercept)
    x, y, u = batch(rng, 11, inputs, outputs, controls)
    z = regressors(x, u, intercept)
    expected = regressed(prior, sums(z, y))
    with jax.enable_x64(True):
        start = LearnedAffine(inputs, outputs, built(prior), controls=controls, intercept=intercept)
        found, report = start.learn(x, y, u)
        agree(found.posterior, expected)
        evidence = log_evidence(prior, sums(z, y))
        np.testing.assert_allclose(report.evidence, evidence, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(report.free_energy, -evidence, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(start.evidence(x, y, u), evidence, rtol=1e-9, atol=1e-9)
        first, _ = start.learn(x[:4], y[:4], None if u is None else u[:4])
        both, second = first.learn(x[4:], y[4:], None if u is None else u[4:])
        agree(both.posterior, expected)
        assert report.count == 11
        assert second.count == 7
        found_by_parts = first.evidence(x[4:], y[4:], None if u is None else u[4:])
        np.testing.assert_allclose(second.evidence, found_by_parts, rtol=1e-12)
        belief = found.predict(x, u)
        mean = z @ expected.mean.T
        np.testing.assert_allclose(belief.mean, mean, rtol=0, atol=1e-10)
        freedom = expected.dof - outputs + 1
        for index, row in enumerate(z):
            spread = (1 + row @ np.linalg.inv(expected.precision) @ row) / freedom
            shape = expected.inverse_scale * spread
            student = multivariate_t(mean[index], shape, df=freedom)  # type: ignore[arg-type]
            cov = shape * freedom / (freedom - 2)
            np.testing.assert_allclose(belief.cov[index], cov, rtol=1e-9, atol=1e-12)
            density = found.evidence(
                x[index : index + 1], y[index : index + 1], None if u is None else u[index][None]
            )
            np.testing.assert_allclose(density, student.logpdf(y[index]), rtol=1e-8, atol=1e-8)


@pytest.mark.usefixtures("float64")
def test_rows_with_something_missing_are_left_out():
    rng = np.random.default_rng(0)
    x, y, u = batch(rng, 9, 2, 2, 1)
    assert u is not None
    x[1, 0], y[4, 1], u[6, 0] = np.nan, np.nan, np.nan
    kept = [0, 2, 3, 5, 7, 8]
    start = LearnedAffine(2, 2, controls=1, intercept=True)
    found, report = start.learn(x, y, u)
    other, _ = start.learn(x[kept], y[kept], u[kept])
    assert report.count == 6
    for one, two in zip(jax.tree.leaves(found), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-13)
    same, report = start.learn(x[1:2], y[1:2], u[1:2])
    assert report.count == 0
    assert report.evidence == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(same.posterior.mean, start.posterior.mean)


@pytest.mark.usefixtures("float64")
def test_the_weights_by_name():
    rng = np.random.default_rng(1)
    x, _, u = batch(rng, 4000, 2, 3, 1)
    assert u is not None
    A, B, offset = rng.normal(size=(3, 2)), rng.normal(size=(3, 1)), rng.normal(size=3)
    y = x @ A.T + u @ B.T + offset + 0.1 * rng.normal(size=(4000, 3))
    found, _ = LearnedAffine(2, 3, controls=1, intercept=True).learn(x, y, u)
    for mine, theirs in ((found.A, A), (found.B, B), (found.offset, offset)):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, atol=0.01)
    np.testing.assert_allclose(found.W, 100 * np.eye(3), atol=10)
    assert found.divergence() > 0
    np.testing.assert_array_equal(LearnedAffine(2, 3).offset, np.zeros(3))


@pytest.mark.usefixtures("float64")
def test_forgetting_follows_what_changes():
    """The certainty left of a batch of 100 that was learned k batches ago is 0.5ᵏ of it."""
    rng = np.random.default_rng(2)
    part = LearnedAffine(1, 1)
    for slope in (1.0, 1.0, -1.0, -1.0, -1.0):
        x = rng.normal(size=(100, 1))
        part, _ = part.learn(x, slope * x + 0.1 * rng.normal(size=(100, 1)), forgetting=0.5)
    assert float(part.A[0, 0]) == pytest.approx(-0.8, abs=0.15)
    assert float(part.posterior.dof) == pytest.approx(100 * (2 - 0.5**4), abs=3)


def test_float32_holds_far_from_zero():
    """Inputs around 300 and noise of 0.01, in eighty batches."""
    rng = np.random.default_rng(3)
    x = 300 + 10 * rng.normal(size=(4000, 2))
    y = x @ np.array([[1.0, 0.5]]).T + 7.0 + 0.01 * rng.normal(size=(4000, 1))
    prior = Regression(np.zeros((1, 3)), 1e-2 * np.eye(3), 0.03 * np.eye(1), 3.0)
    expected = regressed(prior, sums(regressors(x, None, True), y))
    part = LearnedAffine(2, 1, built(prior), intercept=True)
    for some in np.split(np.arange(4000), 80):
        part, _ = part.learn(x[some], y[some])
    assert part.posterior.mean.dtype == jnp.float32
    np.testing.assert_allclose(part.posterior.inverse_scale, expected.inverse_scale, rtol=0.01)
    mean = regressors(x[:5], None, True) @ expected.mean.T
    np.testing.assert_allclose(part.predict(x[:5]).mean, mean, rtol=0, atol=1e-3)


def test_it_compiles_differentiates_and_batches():
    rng = np.random.default_rng(4)
    x, y, _ = batch(rng, 10, 2, 1, 0)
    start = LearnedAffine(2, 1, intercept=True)
    expected = start.learn(x, y)[0].predict(x).mean
    found = jax.jit(lambda part, x, y: part.learn(x, y)[0].predict(x).mean)(start, x, y)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    slope = jax.grad(lambda y: start.evidence(x, y))(jnp.asarray(y, jnp.float32))
    assert np.isfinite(slope).all()
    two = jax.vmap(lambda y: start.learn(x, y)[0].A)(jnp.stack([y, 2 * y]))
    np.testing.assert_allclose(two[1], 2 * two[0], rtol=1e-4)


def test_one_column_may_be_flat():
    part, report = LearnedAffine(1, 1).learn(np.arange(6.0), 2 * np.arange(6.0))
    assert report.count == 6
    assert part.predict([1.0, 2.0]).mean.shape == (2, 1)


def test_what_does_not_fit_is_refused():
    part = LearnedAffine(2, 1, controls=1)
    x, y, u = np.ones((3, 2)), np.ones((3, 1)), np.ones((3, 1))
    for arguments, text in (
        ((x[:, :1], y, u), r"x has the shape \(3, 1\).* 2 numbers"),
        ((x, y[:2], u), "x has 3 rows, but y 2"),
        ((x, y, u[:2]), "x has 3 rows, but u 2"),
        ((x, y), "u is missing, but controls=1"),
        ((x * np.inf, y, u), "x is infinite in row 0"),
        (([[1, 2], [3]], y, u), "x is no array"),
        ((x.astype(complex), y, u), "x has the type complex128"),
        ((x, [None, 1, 2], u), "y has the type object"),
    ):
        with pytest.raises(ValueError, match=text) as error:
            part.learn(*arguments)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="u is given, but controls=0"):
        LearnedAffine(2, 1).evidence(x, y, u)
    with pytest.raises(ValueError, match="x or u has NaN in row 0"):
        part.predict(np.nan * x, u)
    with pytest.raises(ValueError, match=r"1 outputs of 4 regressors need \(1, 4\)"):
        LearnedAffine(2, 1, part.prior, intercept=True, controls=1)
    with pytest.raises(ValueError, match="forgetting is 0"):
        part.learn(x, y, u, forgetting=0)
    with pytest.raises(ValueError, match="inputs is 0"):
        LearnedAffine(0, 1)
