"""Oracle: conjugate regression in closed form, and variational learning of a chain over it.

Plain float64. The expectation step is one dense joint Gaussian (``dense.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, pi

import numpy as np
from scipy.special import digamma, gammaln

from .dense import Chain, Observation, Posterior, chain, message, posterior


@dataclass(frozen=True)
class Regression:
    """``y = M z + N(0, W⁻¹)``: ``W ~ Wishart(dof, inverse_scale⁻¹)`` ``(n, n)``, and given W the
    rows of M have covariance ``W⁻¹`` and its columns ``precision⁻¹`` around ``mean`` ``(n, k)``."""

    mean: np.ndarray
    precision: np.ndarray
    inverse_scale: np.ndarray
    dof: float

    @property
    def expected_precision(self) -> np.ndarray:
        """``E[W]``."""
        return self.dof * np.linalg.inv(self.inverse_scale)

    @property
    def expected_logdet(self) -> float:
        """``E[log |W|]``."""
        n = len(self.mean)
        return float(digamma((self.dof - np.arange(n)) / 2).sum() + n * log(2) - self._logdet)

    @property
    def _logdet(self) -> float:
        return np.linalg.slogdet(self.inverse_scale)[1]


@dataclass(frozen=True)
class Sums:
    """Of ``E[z zᵀ]`` ``(k, k)``, ``E[y zᵀ]`` ``(n, k)``, ``E[y yᵀ]`` ``(n, n)``, and the count."""

    inputs: np.ndarray
    cross: np.ndarray
    outputs: np.ndarray
    count: float

    def __add__(self, other: "Sums") -> "Sums":
        mine, others = vars(self).values(), vars(other).values()
        return Sums(*(a + b for a, b in zip(mine, others, strict=True)))


def sums(inputs: np.ndarray, outputs: np.ndarray) -> Sums:
    """Of observed pairs, inputs ``(N, k)`` and outputs ``(N, n)``."""
    return Sums(inputs.T @ inputs, outputs.T @ inputs, outputs.T @ outputs, len(inputs))


def regressed(prior: Regression, data: Sums) -> Regression:
    """Posterior (Bishop, Pattern Recognition and Machine Learning, 2006, section 3.3; Minka,
    Bayesian linear regression, 2000)."""
    precision = prior.precision + data.inputs
    mean = np.linalg.solve(precision, (prior.mean @ prior.precision + data.cross).T).T
    left = prior.inverse_scale + data.outputs + prior.mean @ prior.precision @ prior.mean.T
    inverse_scale = left - mean @ precision @ mean.T
    return Regression(
        mean, precision, 0.5 * (inverse_scale + inverse_scale.T), prior.dof + data.count
    )


def log_evidence(prior: Regression, data: Sums) -> float:
    """Log density of the observed outputs: a ratio of the normalisers of posterior and prior."""

    def normaliser(which: Regression) -> float:
        n = len(which.mean)
        gamma = gammaln((which.dof - np.arange(n)) / 2).sum()
        columns = np.linalg.slogdet(which.precision)[1]
        return gamma - 0.5 * which.dof * which._logdet - 0.5 * n * columns

    n = len(prior.mean)
    both = normaliser(regressed(prior, data)) - normaliser(prior)
    return float(both - 0.5 * data.count * n * log(pi))


def divergence(q: Regression, p: Regression) -> float:
    """``KL(q || p)``, of matrix and precision together."""
    (n, k), apart = q.mean.shape, q.mean - p.mean
    ratio = np.linalg.solve(q.precision, p.precision)
    matrix = n * (np.trace(ratio) - k - np.linalg.slogdet(ratio)[1])
    matrix += np.trace(q.expected_precision @ apart @ p.precision @ apart.T)
    wishart = (q.dof - p.dof) * q.expected_logdet - q.dof * n
    wishart += np.trace(q.expected_precision @ p.inverse_scale)
    wishart += q.dof * q._logdet - p.dof * p._logdet + n * log(2) * (p.dof - q.dof)
    gammas = (gammaln((p.dof - np.arange(n)) / 2) - gammaln((q.dof - np.arange(n)) / 2)).sum()
    return float(0.5 * matrix + 0.5 * wishart + gammas)


@dataclass(frozen=True)
class Segment:
    """What was seen of one trajectory, and its controls ``(T - 1, p)``."""

    observations: Sequence[Observation]
    controls: np.ndarray


@dataclass(frozen=True)
class Learned:
    """Posterior of ``[A B]`` and W, the beliefs of each segment, free energy per iteration."""

    dynamics: Regression
    beliefs: Sequence[Posterior]
    free_energy: np.ndarray


def learned(
    prior: Regression,
    mean: np.ndarray,
    cov: np.ndarray,
    segments: Sequence[Segment],
    iterations: int,
) -> Learned:
    """``x_{t+1} = A x_t + B u_t + N(0, W⁻¹)`` under ``q(states) q([A B], W)``, from the prior on.

    Each iteration takes the beliefs under the expected transition and then the posterior of its
    parameters (Beal, Variational algorithms for approximate Bayesian inference, 2003, chapter 5).
    The free energy of an iteration is that of its beliefs and of the parameters they came from.
    """
    dynamics, energies, beliefs = prior, [], []
    for _ in range(iterations):
        beliefs, energy, data = [], divergence(dynamics, prior), []
        for segment in segments:
            model, doubts, constant = _expected(dynamics, mean, cov, segment.controls)
            beliefs.append(posterior(model, [*segment.observations, *doubts]))
            energy -= beliefs[-1].log_evidence + constant
            data.append(_expected_sums(beliefs[-1], segment.controls))
        energies.append(energy)
        dynamics = regressed(prior, sum(data[1:], data[0]))
    return Learned(dynamics, beliefs, np.array(energies))


def _expected(
    dynamics: Regression, mean: np.ndarray, cov: np.ndarray, controls: np.ndarray
) -> tuple[Chain, list[Observation], float]:
    """The chain of expected parameters; what their uncertainty adds to it, as messages; and a
    constant of the log density. ``E |x' - M z|²_W = |x' - E[M] z|²_E[W] + n zᵀ precision⁻¹ z``."""
    n = len(mean)
    doubt = n * np.linalg.inv(dynamics.precision)
    doubts = [
        message(t, -doubt[:n, n:] @ u, doubt[:n, :n], normalised=False)
        for t, u in enumerate(controls)
    ]
    along, control = dynamics.mean[:, :n], dynamics.mean[:, n:]
    noise = np.linalg.inv(dynamics.expected_precision)
    model = chain(
        mean, cov, along, noise, len(controls) + 1, control=control, action=controls
    )  # fmt: skip
    logdet = dynamics.expected_logdet + np.linalg.slogdet(noise)[1]
    constant = len(controls) * logdet - sum(u @ doubt[n:, n:] @ u for u in controls)
    return model, doubts, float(0.5 * constant)


def _expected_sums(belief: Posterior, controls: np.ndarray) -> Sums:
    n = belief.mean.shape[1]
    total = Sums(*(np.zeros(()) for _ in range(3)), count=0.0)
    for t, (cov, u) in enumerate(zip(belief.pair_cov, controls, strict=True)):
        z, y = np.concatenate([belief.mean[t], u]), belief.mean[t + 1]
        inputs, cross = np.outer(z, z), np.outer(y, z)
        inputs[:n, :n] += cov[:n, :n]
        cross[:, :n] += cov[n:, :n]
        total += Sums(inputs, cross, np.outer(y, y) + cov[n:, n:], 1.0)
    return total
