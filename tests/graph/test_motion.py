"""Motion: from what a regression found to a transition factor, and where it starts."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.features import PolynomialFeatures, polynomial_powers
from jopa_agent.agent.graph.layer import layer_of
from jopa_agent.agent.graph.learned_features import LearnedFeatures
from jopa_agent.agent.graph.motion import motion, pose_features, start_belief
from jopa_agent.agent.graph.regression import LastLayer
from jopa_agent.agent.graph.skeleton import direct, second_order

from .transitions import make_transition

D, P = 2, 1
POWERS = polynomial_powers(2 * D, P, 2, 1)
DRIFT_STD = np.array([0.01, 0.03])


def found(seed: int = 0) -> LastLayer:
    """What a regression may have found."""
    rng, k = np.random.default_rng(seed), len(POWERS)
    spread, mixing = rng.normal(size=(k, k)), rng.normal(size=(D, D))
    noise = 0.01 * (mixing @ mixing.T + np.eye(D))
    covariance = 0.01 * (spread @ spread.T + np.eye(k))
    return LastLayer(0.1 * rng.normal(size=(k, D)), covariance, noise)


def moving(layer: LastLayer, transitions: float) -> LearnedFeatures:
    features = PolynomialFeatures(jnp.asarray(np.linspace(0.5, 1.5, 2 * D + P)), POWERS)
    return motion(features, layer, transitions, 0.8, DRIFT_STD)


def state_and_control() -> tuple[Any, Any]:
    rng = np.random.default_rng(9)
    return rng.normal(size=3 * D), rng.normal(size=P)


def test_it_is_the_written_model():
    """``v' = v + δ + Wᵀφ + ε``, ``p' = p + v'``, ``δ' = ρ δ + ζ``; ε with the posterior's own
    width, and wider where the features are larger than the data's."""
    layer, (state, control) = found(), state_and_control()
    model = moving(layer, 1000.0)
    assert (model.dim, model.controls, model.outputs, model.seen) == (3 * D, P, D, 2 * D)
    scaled = np.concatenate([state[: 2 * D], control]) / np.linspace(0.5, 1.5, 2 * D + P)
    phi = np.array([np.prod(scaled[list(power)]) for power in POWERS])
    pose, velocity, disturbance = np.split(state, 3)
    velocity = velocity + disturbance + layer.weights.T @ phi
    expected = np.concatenate([pose + velocity, velocity, 0.8 * disturbance])
    local = model.local(jnp.asarray(state, jnp.float32), jnp.asarray(control), "predictive")
    np.testing.assert_allclose(local.mean, expected, rtol=0, atol=1e-5)
    process = layer.noise * 1000 / (1000 - D - 1) * (1 + phi @ layer.covariance @ phi)
    both = np.concatenate([np.eye(D), np.eye(D), np.zeros((D, D))])
    noise = both @ process @ both.T
    noise[2 * D :, 2 * D :] = np.diag(DRIFT_STD**2)
    np.testing.assert_allclose(local.noise @ local.noise.T, noise, rtol=0, atol=1e-5 * noise.max())


@pytest.mark.parametrize("transitions", [0, 30, 1000])
def test_posterior_and_layer_say_the_same(transitions: float):
    """Below ``d + 2`` transitions, as many are supposed: less have no expected covariance."""
    layer = found()
    model = moving(layer, transitions)
    dof = max(transitions, D + 2)
    assert float(model.posterior.dof) == dof
    np.testing.assert_allclose(model.posterior.mean, layer.weights.T, rtol=1e-6)
    np.testing.assert_allclose(model.posterior.inverse_scale, dof * layer.noise, rtol=1e-5)
    precision = np.linalg.inv(layer.covariance)
    np.testing.assert_allclose(
        model.posterior.precision, precision, rtol=0, atol=1e-5 * precision.max()
    )
    says = layer_of(model.posterior)
    for name in ("mean", "noise_root", "predictive_root", "log_scale"):
        np.testing.assert_allclose(
            getattr(model.layer, name), getattr(says, name), rtol=1e-4, atol=1e-5, err_msg=name
        )
    for doubt in (model.layer.doubt_root, says.doubt_root):
        size = D * np.abs(layer.covariance).max()
        np.testing.assert_allclose(doubt @ doubt.T, D * layer.covariance, rtol=0, atol=1e-3 * size)


def test_what_is_learned_in_another_basis_is_the_same_motion():
    """The regression may be written in any basis; the weights' covariance goes with it."""
    layer, (state, control) = found(), state_and_control()
    one = moving(layer, 100.0)
    basis = np.eye(len(POWERS)) + 0.1 * np.random.default_rng(2).normal(size=(len(POWERS),) * 2)
    inverse = np.linalg.inv(basis)
    turned = LastLayer(inverse @ layer.weights, inverse @ layer.covariance @ inverse.T, layer.noise)
    back = LastLayer(basis @ turned.weights, basis @ turned.covariance @ basis.T, turned.noise)
    for how in ("variational", "predictive"):
        locals_ = [
            model.local(jnp.asarray(state, jnp.float32), jnp.asarray(control), how)
            for model in (one, moving(back, 100.0))
        ]
        np.testing.assert_allclose(locals_[0].mean, locals_[1].mean, rtol=0, atol=1e-5)
        np.testing.assert_allclose(locals_[0].noise, locals_[1].noise, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("float64")
def test_the_second_orders_reader_undoes_its_entry():
    """What the layer put out is read from the next state, whatever the disturbance did."""
    rng, skeleton = np.random.default_rng(0), second_order(0.8, jnp.asarray(DRIFT_STD))
    state, output, extra = rng.normal(size=3 * D), rng.normal(size=D), rng.normal(size=D)
    after = skeleton.along @ state + skeleton.entry @ output + skeleton.extra @ extra
    read = skeleton.reader @ (after - skeleton.along @ state)
    np.testing.assert_allclose(read, output, rtol=0, atol=1e-14)
    assert not (skeleton.reader @ skeleton.extra).any()
    # pose and velocity of the written model
    velocity = state[D : 2 * D] + state[2 * D :] + output
    np.testing.assert_allclose(after[D : 2 * D], velocity, rtol=1e-13)
    np.testing.assert_allclose(after[:D], state[:D] + velocity, rtol=1e-13)
    np.testing.assert_allclose(after[2 * D :], 0.8 * state[2 * D :] + DRIFT_STD * extra, rtol=1e-13)


def test_the_direct_skeleton_is_the_layer_alone():
    skeleton = direct(3)
    assert not skeleton.along.any()
    assert (skeleton.entry == np.eye(3)).all()
    assert (skeleton.reader == np.eye(3)).all()
    assert skeleton.extra.shape == (3, 0)


def test_features_are_scaled_by_what_was_seen():
    rng = np.random.default_rng(0)
    poses = np.cumsum(rng.normal(size=(3, 20, 2)), axis=1).astype(np.float32)
    controls = np.stack([rng.uniform(-3, 2, (3, 19)), np.zeros((3, 19))], axis=-1)
    scale = np.asarray(pose_features(poses, controls, polynomial_powers(4, 2, 1, 0)).scale)
    assert (scale[:2] == 1).all()
    np.testing.assert_allclose(scale[2:4], np.sqrt(np.mean(np.diff(poses, axis=1) ** 2)), rtol=1e-6)
    np.testing.assert_allclose(scale[4:], [np.abs(controls[..., 0]).max(), 1.0], rtol=1e-6)


def test_the_start_is_wide_and_at_rest():
    transition = make_transition(2, 1, degree=2)
    belief = start_belief(transition, jnp.array([0.3, -0.7]))
    np.testing.assert_allclose(belief.mean, [0.3, -0.7, 0, 0, 0, 0], rtol=1e-6)
    assert isinstance(transition.features, PolynomialFeatures)
    velocity_std = 2 * np.asarray(transition.features.scale[2:4])
    drift_std = np.asarray(transition.skeleton.extra)[4:].diagonal()
    np.testing.assert_allclose(belief.std, [1, 1, *velocity_std, *(2 * drift_std)], rtol=1e-6)
    assert (drift_std > 0).all()
