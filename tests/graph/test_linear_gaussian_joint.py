"""LinearGaussianModel to and from a JointModel, against a textbook's Kalman filter."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.block import Block
from jopa_agent.agent.graph.coupling import LinearCoupling
from jopa_agent.agent.graph.encoder_sensor import Frozen
from jopa_agent.agent.graph.gaussian import Belief, Gaussian
from jopa_agent.agent.graph.joint import JointModel
from jopa_agent.agent.graph.known import CallableProcessNoise, KnownLinear, KnownPhysics
from jopa_agent.agent.graph.linear_gaussian_model import LinearGaussianModel
from jopa_agent.agent.graph.sensors import CallableSensor, FixedSensor

STEPS = 7


def make_model(**changed: Any) -> LinearGaussianModel:
    rng = np.random.default_rng(1)
    parts: dict[str, Any] = {
        "dynamics": 0.4 * rng.normal(size=(3, 3)),
        "sensor_model": rng.normal(size=(2, 3)),
        "dynamics_noise": np.diag([0.1, 0.0, 0.3]),
        "sensor_noise": [[0.3, 0.1], [0.1, 0.2]],
        "prior": Belief(rng.normal(size=3), np.eye(3) + 0.3),
        "control": rng.normal(size=(3, 2)),
    }
    return LinearGaussianModel(**(parts | changed))


def sensing(C: np.ndarray) -> CallableSensor:
    return CallableSensor(lambda x: C @ x, lambda x: (0.2 + x @ x) * jnp.eye(2), 2)


def diffusing() -> CallableProcessNoise:
    return CallableProcessNoise(lambda x: jnp.diag(0.1 + x**2))


def plain_filter(model: LinearGaussianModel, readings: np.ndarray, controls: np.ndarray):
    """Means, covariances and log evidence; noise of the expected state, NaN for no reading."""
    A, C = np.asarray(model.A), np.asarray(model.C)
    mean, cov = np.asarray(model.prior.mean), np.asarray(model.prior.cov)
    means, covs, evidence = [], [], 0.0
    for t, reading in enumerate(readings):
        if t:
            mean = A @ mean + (np.asarray(model.B) @ controls[t - 1] if model.n_controls else 0)
            noise = model.process_noise
            cov = A @ cov @ A.T + np.asarray(
                noise.covariance(jnp.asarray(mean)) if noise else model.Q
            )
        if not np.isnan(reading).any():
            sensor = model.observation
            R = np.asarray(sensor.covariance(jnp.asarray(mean)) if sensor else model.R)
            S = C @ cov @ C.T + R
            miss = reading - C @ mean
            quadratic = miss @ np.linalg.solve(S, miss) + np.linalg.slogdet(2 * np.pi * S)[1]
            evidence -= 0.5 * quadratic
            gain = np.linalg.solve(S, C @ cov).T
            mean, cov = mean + gain @ miss, cov - gain @ C @ cov
        means.append(mean)
        covs.append(cov)
    return np.stack(means), np.stack(covs), evidence


@pytest.mark.parametrize("controlled", [True, False])
@pytest.mark.parametrize("noise", ["constant", "R(x)", "Q(x)", "both"])
@pytest.mark.usefixtures("float64")
def test_the_joint_model_filters_as_the_textbook(noise: str, controlled: bool) -> None:
    changed: dict[str, Any] = {} if controlled else {"control": None}
    if noise in ("R(x)", "both"):
        changed["observation"] = sensing(np.asarray(make_model().C))
    if noise in ("Q(x)", "both"):
        changed["process_noise"] = diffusing()
    model = make_model(**changed)
    rng = np.random.default_rng(2)
    readings, controls = rng.normal(size=(STEPS, 2)), rng.normal(size=(STEPS - 1, 2))
    readings[3] = np.nan
    joint = model.joint("body")
    found = joint.filter({"body": readings}, controls if controlled else None)
    means, covs, evidence = plain_filter(model, readings, controls)
    np.testing.assert_allclose(found.beliefs["body"].mean, means, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.beliefs["body"].cov, covs, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(np.sum(found.evidence), evidence, rtol=1e-9)
    if noise == "constant":
        smoothed = joint.smooth({"body": readings}, controls if controlled else None)
        np.testing.assert_allclose(smoothed.beliefs["body"].mean[-1], means[-1], rtol=1e-9)
        np.testing.assert_allclose(smoothed.evidence, evidence, rtol=1e-9)


@pytest.mark.parametrize("noise", ["constant", "R(x) and Q(x)"])
@pytest.mark.usefixtures("float64")
def test_there_and_back(noise: str) -> None:
    changed: dict[str, Any] = {}
    if noise != "constant":
        at, C = make_model().prior.mean, np.asarray(make_model().C)
        changed = {"observation": sensing(C), "process_noise": diffusing()}
        changed["sensor_noise"] = changed["observation"].covariance(at)
        changed["dynamics_noise"] = changed["process_noise"].covariance(at)
    for model in (make_model(**changed), make_model(control=None, **changed)):
        again = LinearGaussianModel.from_joint(model.joint())
        assert jax.tree.structure(again) == jax.tree.structure(model)
        for one, other in zip(jax.tree.leaves(again), jax.tree.leaves(model), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)


def make_blocks() -> list[Block]:
    """An arm that is driven and read twice, and a ball that neither drives nor is driven."""
    arm = KnownLinear([[1.0, 0.1], [0.0, 0.9]], 0.1 * np.eye(2), [[0.0], [1.0]])
    ball = KnownLinear([[0.8]], [[0.2]])
    eyes = {
        "eye": FixedSensor([[1.0, 0.0]], [[0.1]]),
        "gyro": FixedSensor([[0.0, 2.0], [0.0, 1.0]], [[0.2, 0.1], [0.1, 0.3]]),
    }
    prior = Belief([0.5, 0.0], np.eye(2))
    return [Block("arm", arm, eyes, prior), Block("ball", ball, FixedSensor([[1.0]], [[0.5]]))]


@pytest.mark.usefixtures("float64")
def test_blocks_and_sensors_become_factors_and_channels() -> None:
    joint = JointModel(make_blocks())
    model = LinearGaussianModel.from_joint(joint)
    assert model.structure is not None
    model.structure.validate(model)
    assert model.structure.factors == (("arm", (0, 1)), ("ball", (2,)))
    names = ("arm.eye", "arm.gyro", "ball")
    assert model.structure.channels == tuple(zip(names, ((0,), (1, 2), (3,)), strict=True))
    assert (model.n_states, model.n_observations, model.n_controls) == (3, 4, 1)
    np.testing.assert_array_equal(model.B, [[0.0], [1.0], [0.0]])
    rng = np.random.default_rng(4)
    readings, controls = rng.normal(size=(STEPS, 4)), rng.normal(size=(STEPS - 1, 1))
    arm = {"eye": readings[:, :1], "gyro": readings[:, 1:3]}
    found = joint.filter({"arm": arm, "ball": readings[:, 3:]}, controls)
    means, covs, evidence = plain_filter(model, readings, controls)
    np.testing.assert_allclose(found.joint.mean, means, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.joint.cov, covs, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.sum(found.evidence), evidence, rtol=1e-9)


def test_it_converts_under_a_trace() -> None:
    def evidence(model):
        return model.joint().smooth({"state": jnp.ones((STEPS, 2))}, jnp.ones((STEPS - 1, 2)))

    slopes = jax.jit(jax.grad(lambda model: evidence(model).evidence))(make_model())
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    assert float(jnp.abs(slopes.dynamics).max()) > 0


LINEAR = KnownLinear([[1.0]], [[1.0]])
FIXED = FixedSensor([[1.0]], [[1.0]])
ENCODED: Any = Frozen(lambda y: Gaussian.at(y, jnp.eye(1)))


@pytest.mark.parametrize(
    ("blocks", "couplings", "said"),
    [
        (
            [Block("a", LINEAR, FIXED), Block("b", LINEAR)],
            [LinearCoupling("a", "b", [[1.0]], [[1.0]])],
            "the model has 1 couplings",
        ),
        ([Block("a", LINEAR)], [], "no block is observed"),
        (
            [
                Block(
                    "a",
                    KnownPhysics(1, function=lambda x, u: x + 0 * u.sum(), noise=[[1.0]]),
                    FIXED,
                )
            ],
            [],
            "the transition of block 'a' is KnownPhysics",
        ),
        (
            [Block("a", KnownLinear([[1.0]], [[1.0]], offset=[0.5]), FIXED)],
            [],
            "the transition of block 'a' has an offset",
        ),
        (
            [Block("a", LINEAR, FixedSensor([[1.0]], [[1.0]], [0.5]))],
            [],
            "the sensor 'a' has an offset",
        ),
        (
            [Block("a", LINEAR, ENCODED)],
            [],
            "the sensor 'a' is Frozen",
        ),
        (
            [Block("a", LINEAR, {"u": FIXED, "v": CallableSensor(jnp.sin, [[1.0]], 1)})],
            [],
            "the sensor 'a.v' is CallableSensor",
        ),
    ],
)
def test_what_would_be_lost_is_refused(blocks: Any, couplings: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}[^\n]*$"):
        LinearGaussianModel.from_joint(JointModel(blocks, couplings))
