"""Transition factors against their written models, and their derivatives against differences."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.check import replaced
from jopa_agent.agent.graph.learn_motion import InBasis
from jopa_agent.agent.graph.learned_features import LearnedFeatures, small_weights
from scipy.stats import wishart

from .transitions import KINDS, Kind, difference_quotient, make_transition, motion_kind

D, P = 2, 2
NUMPY: Any = np.sin
PARAMETERS = ["variational", "predictive", "point"]

locals_of = jax.jit(lambda model, x, u: {how: model.local(x, u, how) for how in PARAMETERS})


class Case(NamedTuple):
    """A transition, its oracle, and a point to look at."""

    model: Any
    plain: Any
    state: np.ndarray
    control: np.ndarray

    def locals_(self) -> dict[str, Any]:
        """The expansion here, however the parameters are treated."""
        return locals_of(self.model, jnp.asarray(self.state), jnp.asarray(self.control))


def at_random(kind: Kind, seed: int) -> Case:
    rng, (n, p) = np.random.default_rng(seed), (kind.model.dim, kind.model.controls)
    return Case(*kind, rng.normal(size=n), rng.normal(size=p))


@pytest.fixture(params=KINDS)
def case(request: pytest.FixtureRequest, float64: None) -> Case:  # noqa: ARG001
    return at_random(KINDS[request.param](), 100)


@pytest.fixture(params=[0, 1])
def motion(request: pytest.FixtureRequest, float64: None) -> Case:  # noqa: ARG001
    """Of degree three in the state, on which the differences are exact."""
    return at_random(motion_kind(D, P, 3, 2, request.param, 0.3), 100 + request.param)


def test_the_next_state_is_that_of_the_written_model(case: Case):
    expected = case.plain.mean(case.state, case.control)
    found = case.model.mean(jnp.asarray(case.state), jnp.asarray(case.control))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


def test_the_linearisation_is_the_derivative(case: Case):
    for parameters, local in case.locals_().items():
        is_derivative(case, parameters, local, 1e-10)  # Richardson's differences of sines


def test_the_linearisation_of_motion_is_the_derivative(motion: Case):
    # Richardson's differences are exact on cubics but for rounding: 1e-16 over a width of 0.002
    for parameters, local in motion.locals_().items():
        is_derivative(motion, parameters, local, 1e-11)


def is_derivative(case: Case, parameters: str, local: Any, tolerance: float) -> None:
    _, oracle, state, control = case
    n = len(state)
    both = np.concatenate([state, control])
    jacobian = difference_quotient(lambda z: oracle.mean(z[:n], z[n:]), both)
    np.testing.assert_allclose(local.along_state, jacobian[:, :n], rtol=0, atol=tolerance)
    np.testing.assert_allclose(local.along_control, jacobian[:, n:], rtol=0, atol=tolerance)
    np.testing.assert_allclose(local.mean, oracle.mean(state, control), rtol=0, atol=1e-13)
    noise = local.noise @ local.noise.T
    expected = oracle.noise(state, control, parameters)
    np.testing.assert_allclose(noise, expected, rtol=0, atol=1e-13)
    rows = local.doubt
    if parameters != "variational":
        assert rows.value.shape == (0,)
        assert rows.log_scale == 0
        return
    # rows about (x, u): what uncertain weights add to the energy, to first order
    doubt = oracle.doubt(state, control)
    slope = difference_quotient(lambda z: oracle.doubt(z[:n], z[n:]), both)
    size = tolerance * max(1.0, np.abs(slope.T @ slope).max(initial=0.0))
    np.testing.assert_allclose(rows.matrix.T @ rows.matrix, slope.T @ slope, rtol=0, atol=size)
    residue = rows.matrix @ both - rows.value
    found = case.model.doubt(jnp.asarray(state), jnp.asarray(control))
    np.testing.assert_allclose(residue, found, rtol=0, atol=1e-12)
    np.testing.assert_allclose(rows.matrix.T @ residue, slope.T @ doubt, rtol=0, atol=size)
    assert float(residue @ residue) == pytest.approx(float(doubt @ doubt), rel=1e-12)


def test_doubt_is_the_variance_of_the_uncertain_weights(motion: Case):
    """``d φᵀ V φ``: each of the ``d`` outputs has weights of covariance ``V`` in units of noise."""
    model, _, state, control = motion
    phi = np.asarray(model.phi(jnp.asarray(state), jnp.asarray(control)))
    cov = np.linalg.inv(np.asarray(model.posterior.precision))
    squared = np.sum(np.square(model.doubt(jnp.asarray(state), jnp.asarray(control))))
    assert squared == pytest.approx(D * phi @ cov @ phi, rel=1e-12)


def test_the_noise_is_that_of_sampled_weights(motion: Case):
    """Sampled from the posterior itself: ``W``, then ``M`` given ``W``, then ``ε``."""
    model, _, state, control = motion
    model = replaced(model, posterior=replaced(model.posterior, dof=jnp.asarray(9.0)))
    model = model.believing(model.posterior)
    rng, samples = np.random.default_rng(0), 100_000
    phi = np.asarray(model.phi(jnp.asarray(state), jnp.asarray(control)))
    scale = np.linalg.inv(np.asarray(model.posterior.inverse_scale))
    precisions = wishart(9.0, scale).rvs(samples, random_state=1)  # pyright: ignore[reportArgumentType]
    roots = np.linalg.cholesky(np.linalg.inv(np.asarray(precisions)))
    spread = np.sqrt(phi @ np.linalg.inv(np.asarray(model.posterior.precision)) @ phi)
    white = rng.normal(size=(samples, D)) * spread + rng.normal(size=(samples, D))
    pushed = np.einsum("sij,sj->si", roots, white)
    local = motion._replace(model=model).locals_()["predictive"]
    expected = np.asarray(local.noise @ local.noise.T)[D : 2 * D, D : 2 * D]
    # a covariance of a Student t with 8 degrees: sqrt((3 * 6 / 4 - 1) / samples), 0.6 %; times four
    np.testing.assert_allclose(np.cov(pushed.T), expected, rtol=0, atol=0.024 * expected.max())


def test_variational_rows_are_the_expected_energy_of_sampled_weights(motion: Case):
    """``E (y - M φ)ᵀ W (y - M φ)`` and ``E log|W|``, by samples: what the two factors say."""
    model, oracle, state, control = motion
    rng, samples, posterior = np.random.default_rng(0), 50_000, model.posterior
    y = oracle.mean(state, control) + 0.1
    phi = np.asarray(model.phi(jnp.asarray(state), jnp.asarray(control)))
    target = (y - np.asarray(model.skeleton.along) @ state)[D : 2 * D]
    miss = target - np.asarray(posterior.mean) @ phi
    scale = np.linalg.inv(np.asarray(posterior.inverse_scale))
    precisions = wishart(float(posterior.dof), scale).rvs(samples, random_state=1)  # pyright: ignore[reportArgumentType]
    roots = np.linalg.cholesky(np.linalg.inv(precisions))
    spread = np.sqrt(phi @ np.linalg.inv(np.asarray(posterior.precision)) @ phi)
    away = miss - spread * np.einsum("sij,sj->si", roots, rng.normal(size=(samples, D)))
    energies = 0.5 * np.einsum("si,sij,sj->s", away, precisions, away)
    energies -= 0.5 * np.linalg.slogdet(precisions)[1] - 0.5 * D * np.log(2 * np.pi)
    local = motion.locals_()["variational"]
    noise = np.asarray(model.layer.noise_root)
    white, doubt = np.linalg.solve(noise, miss), oracle.doubt(state, control)
    found = 0.5 * (white @ white + doubt @ doubt) + np.linalg.slogdet(noise)[1]
    found += 0.5 * D * np.log(2 * np.pi) - local.doubt.log_scale
    assert found == pytest.approx(energies.mean(), abs=4 * energies.std() / np.sqrt(samples))


def test_another_basis_is_the_same_factor(motion: Case):
    """``φ basis`` with the weights ``basis⁻¹ M`` of the same density."""
    model = motion.model
    k = model.posterior.mean.shape[1]
    basis = np.eye(k) + 0.1 * np.random.default_rng(5).normal(size=(k, k))
    posterior = replaced(
        model.posterior,
        mean=jnp.asarray(np.linalg.solve(basis, np.asarray(model.posterior.mean).T).T),
        precision=jnp.asarray(basis.T @ np.asarray(model.posterior.precision) @ basis),
    )
    features = InBasis(model.features, jnp.asarray(basis), model.features.scale)
    turned = LearnedFeatures(3 * D, features, P, skeleton=model.skeleton, seen=2 * D)
    turned = turned.believing(posterior)
    pairs = motion.locals_(), motion._replace(model=turned).locals_()
    size = {"rtol": 0, "atol": 1e-10}
    for one, two in zip(*(pair.values() for pair in pairs), strict=True):
        for name in ("mean", "along_state", "along_control"):
            np.testing.assert_allclose(getattr(one, name), getattr(two, name), **size)
        np.testing.assert_allclose(one.noise @ one.noise.T, two.noise @ two.noise.T, **size)
        for name in ("matrix", "value"):
            products = [x.doubt.matrix.T @ getattr(x.doubt, name) for x in (one, two)]
            np.testing.assert_allclose(*products, **size)


def test_coordinates_that_are_not_seen_move_no_features(motion: Case):
    model, _, state, control = motion
    moved = state + np.concatenate([np.zeros(2 * D), np.ones(D)])
    one, two = (model.phi(jnp.asarray(x), jnp.asarray(control)) for x in (state, moved))
    assert (one == two).all()
    assert not motion.locals_()["variational"].doubt.matrix[:, 2 * D : 3 * D].any()


def test_a_network_may_be_the_features():
    """A pytree that can be called: its numbers are leaves of the factor, and differentiate."""

    @jax.tree_util.register_pytree_node_class
    class Network:
        def __init__(self, weights: Any) -> None:
            self.weights = weights

        def __call__(self, inputs: jax.Array) -> jax.Array:
            return jnp.tanh(self.weights @ inputs)

        def tree_flatten(self) -> tuple[tuple, None]:
            return (self.weights,), None

        @classmethod
        def tree_unflatten(cls, _: None, children: tuple) -> "Network":
            return cls(*children)

    weights = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)), jnp.float32)
    model = LearnedFeatures(2, Network(weights), controls=1, prior=small_weights(2, 4))
    mean = jnp.asarray(np.random.default_rng(1).normal(size=(2, 4)), jnp.float32)
    model = model.believing(replaced(model.posterior, mean=mean))
    assert any(leaf is weights for leaf in jax.tree.leaves(model))

    def next_state(model: LearnedFeatures) -> jax.Array:
        return model.mean(jnp.array([0.3, -0.2]), jnp.array([0.5]))[0]

    slope = jax.tree.leaves(jax.grad(next_state)(model).features)[0]
    inputs = np.array([0.3, -0.2, 0.5])
    hidden = np.tanh(np.asarray(weights) @ inputs)
    expected = np.outer(np.asarray(mean)[0] * (1 - hidden**2), inputs)
    np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-6)


def test_what_it_starts_from_is_a_layer_that_says_zero():
    model = LearnedFeatures(2, jnp.sin, controls=1)
    assert not model.mean(jnp.ones(2), jnp.ones(1)).any()
    assert model.outputs == 2
    assert model.divergence() == pytest.approx(0, abs=1e-4)


def test_it_is_a_pytree_whose_numbers_alone_are_leaves():
    model = make_transition(1, 1, degree=2)
    leaves, tree = jax.tree.flatten(model)
    again = jax.tree.unflatten(tree, leaves)
    assert (again.dim, again.controls, again.seen) == (3, 1, 2)
    assert all(isinstance(leaf, jax.Array) for leaf in leaves)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: LearnedFeatures(0, jnp.sin), ["dim", "0"]),
        (lambda: LearnedFeatures(2, jnp.sin, controls=-1), ["controls", "-1"]),
        (lambda: LearnedFeatures(2, jnp.sin, seen=0), ["seen", "0"]),
        (lambda: LearnedFeatures(2, jnp.sin, prior=small_weights(2, 3)), ["prior", "(2, 2)"]),
        (lambda: LearnedFeatures(2, lambda x: jnp.outer(x, x)), ["features", "(2, 2)", "flatten"]),
        (lambda: LearnedFeatures(2, jnp.sum), ["features", "()"]),
        (lambda: LearnedFeatures(2, lambda x: x @ jnp.ones(3)), ["features", "2"]),
        (lambda: LearnedFeatures(2, NUMPY), ["features", "jax"]),
        (lambda: small_weights(2, 3, strength=0.0), ["strength", "0"]),
        (lambda: small_weights(2, 3, noise=-1.0), ["noise", "-1"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line(build: Callable[[], object], words: list[str]):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        build()
    line = str(caught.value)
    assert "\n" not in line
    assert all(word in line for word in words), line
