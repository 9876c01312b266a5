"""Other libraries' filters and smoothers of a linear-Gaussian chain, for benchmark_graph.py.

Imported by name, so that nothing is needed where the libraries are not installed.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

LIBRARIES = ("dynamax", "cuthbert")
MODES = ("sequential", "parallel")
Kind = Literal["filter", "smooth"]


class Parameters(NamedTuple):
    """``x_0 ~ N(mean, cov)``, ``x' = A x + N(0, Q)``, ``y = C x + N(0, R)``; y_0 reads x_0."""

    mean: Array
    cov: Array
    A: Array
    Q: Array
    C: Array
    R: Array


class Found(NamedTuple):
    """Means ``(T, n)``; covariances or roots of them ``(T, n, n)``, whichever the library works
    with; the log evidence."""

    mean: Array
    spread: Array
    evidence: Array


Query = Callable[[Parameters, Array], Found]


def missing() -> list[str]:
    """The libraries that are not installed."""
    return [name for name in LIBRARIES if find_spec(name) is None]


def query(kind: Kind, library: str, mode: str) -> tuple[Query, bool]:
    """A query, to be jitted, and whether its spread is of roots."""
    if library == "dynamax":
        return _dynamax(kind, mode), False
    return _cuthbert(kind, mode), True


def stream(parameters: Parameters) -> tuple[Any, Callable[[Any, Array], Any]]:
    """cuthbert's filter one reading at a time: its first state, and the jitted step to the next."""
    kalman = import_module("cuthbert.gaussian.kalman")
    zero, none = jnp.zeros(len(parameters.mean)), jnp.zeros(len(parameters.R))
    q, r, p = map(jnp.linalg.cholesky, (parameters.Q, parameters.R, parameters.cov))
    filtering = kalman.build_filter(
        parameters.mean, p, lambda _: (parameters.A, zero, q), lambda y: (parameters.C, none, r, y)
    )

    @jax.jit
    def step(state, reading):
        return filtering.filter_combine(state, filtering.filter_prepare(reading))

    return filtering.init_prepare()._replace(model_inputs=none), step


def _dynamax(kind: Kind, mode: str) -> Query:
    sequential = import_module("dynamax.linear_gaussian_ssm.inference")
    parallel = import_module("dynamax.linear_gaussian_ssm.parallel_inference")
    module = parallel if mode == "parallel" else sequential

    def run(parameters: Parameters, readings: Array) -> Found:
        model = sequential.make_lgssm_params(*parameters)
        if kind == "filter":
            found = module.lgssm_filter(model, readings)
            return Found(found.filtered_means, found.filtered_covariances, found.marginal_loglik)
        found = module.lgssm_smoother(model, readings)
        return Found(found.smoothed_means, found.smoothed_covariances, found.marginal_loglik)

    return run


def _cuthbert(kind: Kind, mode: str) -> Query:
    cuthbert = import_module("cuthbert")
    kalman = import_module("cuthbert.gaussian.kalman")

    def run(parameters: Parameters, readings: Array) -> Found:
        n, m = len(parameters.mean), len(parameters.R)
        q, r, p = map(jnp.linalg.cholesky, (parameters.Q, parameters.R, parameters.cov))

        def dynamics(inputs):
            # Its chain starts one step before the first reading: nothing moves in that step.
            still, _ = inputs
            along = jnp.where(still, jnp.eye(n), parameters.A)
            return along, jnp.zeros(n), jnp.where(still, 0.0, q)

        def observation(inputs):
            return parameters.C, jnp.zeros(m), r, inputs[1]

        inputs = (jnp.arange(len(readings)) == 0, readings)
        filtering = kalman.build_filter(parameters.mean, p, dynamics, observation)
        start, parallel = filtering.init_prepare(), mode == "parallel"
        found = cuthbert.filter(filtering, inputs, start, parallel=parallel)
        evidence = found.log_normalizing_constant[-1]
        if kind == "smooth":
            smoother = kalman.build_smoother(dynamics)
            found = cuthbert.smoother(smoother, found, inputs, parallel=parallel)
        return Found(found.mean[1:], found.chol_cov[1:], evidence)

    return run
