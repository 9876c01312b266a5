"""Random transition factors of every kind, each twice: for the library, and in numpy float64."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax.numpy as jnp
import numpy as np
from jopa_agent.agent.graph.check import replaced
from jopa_agent.agent.graph.features import PolynomialFeatures, polynomial_powers
from jopa_agent.agent.graph.known import CallableProcessNoise, KnownLinear, KnownPhysics
from jopa_agent.agent.graph.learned_features import LearnedFeatures
from jopa_agent.agent.graph.learned_linear import LearnedLinear
from jopa_agent.agent.graph.matrix_normal_wishart import MatrixNormalWishart
from jopa_agent.agent.graph.skeleton import second_order

MakeTransition = Callable[..., LearnedFeatures]
DRIFT = 0.9
CERTAIN = 1e30  # a precision at which weights count as known


class Plain(Protocol):
    """What a transition factor says, as it is written in the model: in numpy, by loops."""

    def mean(self, state: np.ndarray, control: np.ndarray) -> np.ndarray: ...

    def doubt(self, state: np.ndarray, control: np.ndarray) -> np.ndarray:
        """Half of its square is what uncertain weights add to the expected energy."""
        ...

    def noise(
        self, state: np.ndarray, control: np.ndarray, parameters: str = "predictive"
    ) -> np.ndarray:
        """Covariance of the next state given this one."""
        ...


def make_transition(
    poses: int = 1,
    controls: int = 1,
    degree: int = 1,
    control_degree: int = 0,
    seed: int = 0,
    ignorance: float = 0.0,
) -> LearnedFeatures:
    """Motion with random parameters, of the precision that jax is set to.

    With ``degree`` 1 and ``control_degree`` 0 its mean is affine in state and control.
    ``ignorance`` scales the root of the last layer's covariance.
    """
    rng = np.random.default_rng(seed)
    powers = polynomial_powers(2 * poses, controls, degree, control_degree)
    scale = jnp.asarray(rng.uniform(0.5, 2.0, 2 * poses + controls))
    blank = LearnedFeatures(
        3 * poses,
        PolynomialFeatures(scale, powers),
        controls,
        skeleton=second_order(DRIFT, jnp.asarray(rng.uniform(0.01, 0.02, poses))),
        seen=2 * poses,
    )
    posterior = weights_posterior(rng, poses, len(powers), ignorance)
    return blank.believing(posterior)


def weights_posterior(
    rng: np.random.Generator, outputs: int, features: int, ignorance: float
) -> MatrixNormalWishart:
    """Of small weights, a noise of some hundredths, and a number of data that shows."""
    mixing, spread = rng.normal(size=(outputs, outputs)), rng.normal(size=(features, features))
    precision = CERTAIN * np.eye(features)
    if ignorance:
        precision = np.linalg.inv(ignorance**2 * (spread @ spread.T + np.eye(features)))
    dof = outputs + 12.5
    return MatrixNormalWishart.of(
        jnp.asarray(0.1 * rng.normal(size=(outputs, features))),
        jnp.asarray(0.5 * (precision + precision.T)),
        jnp.asarray(dof * 0.05**2 * (np.eye(outputs) + mixing @ mixing.T)),
        jnp.asarray(dof),
    )


def with_mean(model: Any, mean: Any) -> Any:
    """The same learned factor with another mean of its weights, ``(d, k)``."""
    return model.believing(replaced(model.posterior, mean=jnp.asarray(mean)))


@dataclass(frozen=True)
class PlainPosterior:
    """What a matrix-normal-Wishart posterior says of ``y = M φ + ε``."""

    posterior: MatrixNormalWishart

    def mean(self, phi: np.ndarray) -> np.ndarray:
        return np.asarray(self.posterior.mean, float) @ phi

    def doubt(self, phi: np.ndarray) -> np.ndarray:
        """Its square is ``d φᵀ V φ``, with ``V`` the weights' covariance in units of the noise."""
        d = self.posterior.mean.shape[0]
        lower = np.linalg.cholesky(np.asarray(self.posterior.precision, float))
        return np.sqrt(d) * np.linalg.solve(lower, phi)

    def noise(self, phi: np.ndarray, parameters: str) -> np.ndarray:
        """Covariance of y: expected, widened by the weights' own, or that of the expected
        precision."""
        scatter, dof = np.asarray(self.posterior.inverse_scale, float), float(self.posterior.dof)
        if parameters != "predictive":
            return scatter / dof
        precision, d = np.asarray(self.posterior.precision, float), len(scatter)
        return scatter / (dof - d - 1) * (1 + phi @ np.linalg.solve(precision, phi))


@dataclass(frozen=True)
class PlainMotion:
    """The written model of motion, without jax: loops and products, float64."""

    model: LearnedFeatures

    def phi(self, state: np.ndarray, control: np.ndarray) -> np.ndarray:
        d, features = self.model.outputs, self.model.features
        assert isinstance(features, PolynomialFeatures)
        inputs = [*np.asarray(state, float)[: 2 * d], *np.asarray(control, float)]
        scaled = [x / float(s) for x, s in zip(inputs, features.scale, strict=True)]
        return np.array([np.prod([scaled[i] for i in power]) for power in features.powers])

    def mean(self, state: np.ndarray, control: np.ndarray) -> np.ndarray:
        pose, velocity, disturbance = np.split(np.asarray(state, float), 3)
        drift = float(self.model.skeleton.along[-1, -1])
        push = PlainPosterior(self.model.posterior).mean(self.phi(state, control))
        velocity = velocity + disturbance + push
        return np.concatenate([pose + velocity, velocity, drift * disturbance])

    def doubt(self, state: np.ndarray, control: np.ndarray) -> np.ndarray:
        return PlainPosterior(self.model.posterior).doubt(self.phi(state, control))

    def noise(
        self, state: np.ndarray, control: np.ndarray, parameters: str = "predictive"
    ) -> np.ndarray:
        """The layer's noise enters velocity and pose alike; the disturbance has its own."""
        d = self.model.outputs
        process = PlainPosterior(self.model.posterior).noise(self.phi(state, control), parameters)
        enters = np.concatenate([np.eye(d), np.eye(d), np.zeros((d, d))])
        drifts = np.concatenate([np.zeros((2 * d, d)), np.eye(d)])
        drift = np.diag(np.asarray(self.model.skeleton.extra, float)[2 * d :].diagonal() ** 2)
        return enters @ process @ enters.T + drifts @ drift @ drifts.T

    def jacobians(self, state: np.ndarray, control: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of the mean, along state and control."""
        return jacobians(self, state, control)


class Affine(NamedTuple):
    """``x' = A x + B u + offset + N(0, Q)``."""

    A: np.ndarray
    B: np.ndarray
    offset: np.ndarray
    Q: np.ndarray

    def mean(self, state: np.ndarray, control: np.ndarray) -> np.ndarray:
        return self.A @ state + self.B @ control + self.offset

    def doubt(self, state: np.ndarray, control: np.ndarray) -> np.ndarray:
        del state, control
        return np.zeros(0)

    def noise(
        self, state: np.ndarray, control: np.ndarray, parameters: str = "predictive"
    ) -> np.ndarray:
        del state, control, parameters
        return self.Q


@dataclass(frozen=True)
class PlainRegression:
    """``x' = M φ(x, u) + ε`` with an uncertain ``M``."""

    posterior: MatrixNormalWishart
    phi: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def mean(self, state: np.ndarray, control: np.ndarray) -> np.ndarray:
        return PlainPosterior(self.posterior).mean(self.phi(state, control))

    def doubt(self, state: np.ndarray, control: np.ndarray) -> np.ndarray:
        return PlainPosterior(self.posterior).doubt(self.phi(state, control))

    def noise(
        self, state: np.ndarray, control: np.ndarray, parameters: str = "predictive"
    ) -> np.ndarray:
        return PlainPosterior(self.posterior).noise(self.phi(state, control), parameters)


@dataclass(frozen=True)
class PlainFunction:
    """``x' = function(x, u) + N(0, covariance(x))``, of numpy functions."""

    function: Callable[[np.ndarray, np.ndarray], np.ndarray]
    covariance: Callable[[np.ndarray], np.ndarray]

    def mean(self, state: np.ndarray, control: np.ndarray) -> np.ndarray:
        return self.function(state, control)

    def doubt(self, state: np.ndarray, control: np.ndarray) -> np.ndarray:
        del state, control
        return np.zeros(0)

    def noise(
        self, state: np.ndarray, control: np.ndarray, parameters: str = "predictive"
    ) -> np.ndarray:
        del control, parameters
        return self.covariance(state)


class Kind(NamedTuple):
    """A transition of the library, and what it says."""

    model: Any
    plain: Plain


def known_linear(n: int = 3, p: int = 2, seed: int = 0, rank: int | None = None) -> Kind:
    """``rank`` is that of the noise."""
    rng = np.random.default_rng(seed)
    A, B, offset = rng.normal(size=(n, n)), rng.normal(size=(n, p)), rng.normal(size=n)
    A *= 0.9 / np.abs(np.linalg.eigvals(A)).max()
    columns = 0.3 * rng.normal(size=(n, n if rank is None else rank))
    oracle = Affine(A, B, offset, columns @ columns.T)
    return Kind(KnownLinear(A, oracle.Q, B, offset), oracle)


def learned_linear(n: int = 3, p: int = 2, seed: int = 0, ignorance: float = 0.1) -> Kind:
    rng = np.random.default_rng(seed)
    posterior = weights_posterior(rng, n, n + p, ignorance)
    mean = rng.normal(size=(n, n + p))
    mean[:, :n] *= 0.9 / np.abs(np.linalg.eigvals(mean[:, :n])).max()
    model = with_mean(LearnedLinear(n, p).believing(posterior), mean)
    return Kind(model, PlainRegression(model.posterior, lambda x, u: np.concatenate([x, u])))


def physics(seed: int = 0, linearize: bool = False, varying: bool = False) -> Kind:
    """A swing of two coordinates and two controls, whose noise may grow with its speed.

    ``linearize`` gives the library the Jacobians, that were worked out by hand.
    """
    rng = np.random.default_rng(seed)
    pull, drag, columns = rng.uniform(0.1, 0.3), rng.uniform(0.02, 0.1), rng.normal(size=(2, 2))
    Q = 0.02 * (columns @ columns.T + 0.1 * np.eye(2))

    def function(x: Any, u: Any, lib: Any = np) -> Any:
        speed = x[1] - pull * lib.sin(x[0]) - drag * x[1] * lib.sqrt(1 + x[1] ** 2)
        speed = speed + 0.3 * u[0] + 0.2 * u[1] * lib.cos(x[0])
        return lib.stack([x[0] + 0.5 * speed, speed])

    def expanded(x: Any, u: Any) -> Any:
        along = -pull * jnp.cos(x[0]) - 0.2 * u[1] * jnp.sin(x[0])
        root = jnp.sqrt(1 + x[1] ** 2)
        slower = 1 - drag * (root + x[1] ** 2 / root)
        A = jnp.stack([jnp.stack([1 + 0.5 * along, 0.5 * slower]), jnp.stack([along, slower])])
        turn = jnp.stack([0.3 * jnp.ones_like(x[0]), 0.2 * jnp.cos(x[0])])
        B = jnp.stack([0.5 * turn, turn])
        return A, B, function(x, u, jnp) - A @ x - B @ u

    def covariance(x: Any) -> Any:
        return (1 + x[1] ** 2) * Q if varying else Q

    model = KnownPhysics(
        2,
        2,
        noise=CallableProcessNoise(covariance) if varying else Q,
        function=None if linearize else lambda x, u: function(x, u, jnp),
        linearize=expanded if linearize else None,
    )
    return Kind(model, PlainFunction(function, covariance))


def motion_kind(*sizes: Any) -> Kind:
    model = make_transition(*sizes)
    return Kind(model, PlainMotion(model))


def features_kind(seed: int = 0, ignorance: float = 0.1) -> Kind:
    """Sines of mixed inputs, whose layer puts out the next state itself."""
    rng = np.random.default_rng(seed)
    mixing = 0.5 * rng.normal(size=(5, 4))
    blank = LearnedFeatures(2, lambda z: jnp.sin(jnp.asarray(mixing) @ z), controls=2)
    model = blank.believing(weights_posterior(rng, 2, 5, ignorance))
    model = with_mean(model, 5 * model.posterior.mean)
    return Kind(
        model,
        PlainRegression(model.posterior, lambda x, u: np.sin(mixing @ np.concatenate([x, u]))),
    )


KINDS: dict[str, Callable[[], Kind]] = {
    "known linear": known_linear,
    "known linear, singular noise": lambda: known_linear(rank=1),
    "no control": lambda: known_linear(p=0),
    "learned linear": learned_linear,
    "physics by a function": physics,
    "physics by its Jacobians": lambda: physics(linearize=True),
    "physics with a noise of its own": lambda: physics(varying=True),
    "motion": lambda: motion_kind(2, 2, 2, 1, 3, 0.1),
    "features": features_kind,
}


def jacobians(
    oracle: Plain, state: np.ndarray, control: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of the mean, along state and control."""
    n = len(state)
    both = difference_quotient(
        lambda z: oracle.mean(z[:n], z[n:]), np.concatenate([state, control])
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

    return (4 * central(0.002) - central(0.004)) / 3
