"""Random transitions and messages, and what they mean in plain numpy float64."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.features import PolynomialFeatures, polynomial_powers
from jopa_agent.agent.graph.transition import LearnedFeatures

MakeTransition = Callable[..., LearnedFeatures]


def make_transition(
    poses: int = 1,
    controls: int = 1,
    degree: int = 1,
    control_degree: int = 0,
    seed: int = 0,
    ignorance: float = 0.0,
) -> LearnedFeatures:
    """A transition with random parameters, of the precision that jax is set to.

    With ``degree`` 1 and ``control_degree`` 0 its mean is affine in state and control.
    ``ignorance`` scales the root of the last layer's covariance.
    """
    rng = np.random.default_rng(seed)
    powers = polynomial_powers(2 * poses, controls, degree, control_degree)
    k = len(powers)
    mixing = rng.normal(size=(poses, poses))
    return LearnedFeatures(
        features=PolynomialFeatures(
            jnp.asarray(rng.uniform(0.5, 2.0, 2 * poses + controls)), powers
        ),
        weights=jnp.asarray(rng.normal(size=(k, poses)) * 0.1),
        weight_root=jnp.asarray(ignorance * np.tril(rng.normal(size=(k, k)))),
        noise_root=jnp.asarray(0.05 * np.linalg.cholesky(np.eye(poses) + mixing @ mixing.T)),
        drift=jnp.asarray(0.9),
        drift_std=jnp.asarray(rng.uniform(0.01, 0.02, poses)),
    )


@dataclass(frozen=True)
class PlainTransition:
    """The written model of :class:`LearnedFeatures` without jax: loops and products, float64."""

    model: LearnedFeatures

    def phi(self, state: np.ndarray, control: np.ndarray) -> np.ndarray:
        d, features = self.model.poses, self.model.features
        inputs = [*np.asarray(state, float)[: 2 * d], *np.asarray(control, float)]
        scaled = [x / float(s) for x, s in zip(inputs, features.scale, strict=True)]
        return np.array([np.prod([scaled[i] for i in power]) for power in features.powers])

    def mean(self, state: np.ndarray, control: np.ndarray) -> np.ndarray:
        pose, velocity, disturbance = np.split(np.asarray(state, float), 3)
        push = np.asarray(self.model.weights, float).T @ self.phi(state, control)
        velocity = velocity + disturbance + push
        return np.concatenate([pose + velocity, velocity, float(self.model.drift) * disturbance])

    def ignorance(self, state: np.ndarray, control: np.ndarray) -> np.ndarray:
        return np.asarray(self.model.weight_root, float).T @ self.phi(state, control)

    def noise(self, state: np.ndarray, control: np.ndarray) -> np.ndarray:
        """Covariance of the next state given this one."""
        d = self.model.poses
        process = np.asarray(self.model.noise_root, float)
        widening = 1 + np.sum(self.ignorance(state, control) ** 2)
        enters = np.concatenate([np.eye(d), np.eye(d), np.zeros((d, d))])
        drifts = np.concatenate([np.zeros((2 * d, d)), np.eye(d)])
        drift = np.diag(np.asarray(self.model.drift_std, float) ** 2)
        return enters @ (widening * process @ process.T) @ enters.T + drifts @ drift @ drifts.T

    def jacobians(self, state: np.ndarray, control: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of the mean, along state and control."""
        n = len(state)
        both = difference_quotient(
            lambda z: self.mean(z[:n], z[n:]), np.concatenate([state, control])
        )
        return both[:, :n], both[:, n:]


def difference_quotient(
    function: Callable[[np.ndarray], np.ndarray], point: np.ndarray
) -> np.ndarray:
    """Jacobian by central differences with Richardson's extrapolation: exact to degree four."""

    def central(width: float) -> np.ndarray:
        columns = [
            (function(point + width * axis) - function(point - width * axis)) / (2 * width)
            for axis in np.eye(len(point))
        ]
        return np.stack(columns, axis=1)

    return (4 * central(0.01) - central(0.02)) / 3


@pytest.fixture(scope="session", name="make_transition")
def make_transition_fixture() -> MakeTransition:
    return make_transition


@pytest.fixture(scope="session")
def plain() -> type[PlainTransition]:
    return PlainTransition


@pytest.fixture(scope="session", name="difference_quotient")
def difference_quotient_fixture() -> Callable[..., np.ndarray]:
    return difference_quotient


@pytest.fixture
def float64() -> Iterator[None]:
    """Double precision in jax, inside one test only."""
    with jax.enable_x64(True):
        yield
