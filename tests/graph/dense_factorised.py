"""Oracle: regression under independent densities of all parameters, pair by pair in float64."""

from typing import NamedTuple

import numpy as np
from scipy.special import digamma, gammaln


def spd(rng: np.random.Generator, n: int) -> np.ndarray:
    factor = rng.normal(size=(n, n))
    return factor @ factor.T + 0.3 * np.eye(n)


class Plain(NamedTuple):
    """vec(A), vec(B) row after row and W, float64."""

    a: np.ndarray
    a_precision: np.ndarray
    b: np.ndarray
    b_precision: np.ndarray
    inverse_scale: np.ndarray
    dof: float

    @property
    def noise(self) -> np.ndarray:
        return self.dof * np.linalg.inv(self.inverse_scale)


def some(rng: np.random.Generator, n: int, p: int) -> Plain:
    a, b = rng.normal(size=n * n), rng.normal(size=n * p)
    return Plain(a, spd(rng, n * n), b, spd(rng, n * p), spd(rng, n), n + rng.uniform(0, 5))


def swept(prior: Plain, now: Plain, x: np.ndarray, u: np.ndarray, y: np.ndarray) -> Plain:
    """Each of q(A), q(B), q(W) once, pair by pair: ``A x`` is a matrix of x times vec(A)."""
    n = y.shape[1]

    def regress(start, precision, inputs, targets):
        eta = precision @ start
        for z, target in zip(inputs, targets, strict=True):
            design = np.kron(np.eye(n), z)
            precision = precision + design.T @ now.noise @ design
            eta = eta + design.T @ now.noise @ target
        return np.linalg.solve(precision, eta), precision

    a, a_precision = regress(prior.a, prior.a_precision, x, y - u @ now.b.reshape(n, -1).T)
    b, b_precision = regress(prior.b, prior.b_precision, u, y - x @ a.reshape(n, n).T)
    left = y - x @ a.reshape(n, n).T - u @ b.reshape(n, -1).T
    scale = prior.inverse_scale + left.T @ left
    for inputs, precision in ((x, a_precision), (u, b_precision)):
        for z in inputs:
            design = np.kron(np.eye(n), z)
            scale = scale + design @ np.linalg.inv(precision) @ design.T
    return Plain(a, a_precision, b, b_precision, scale, prior.dof + len(x))


def divergence(q: Plain, p: Plain) -> float:
    """Gaussians and Wishart by their textbook forms."""
    total = 0.0
    for mean, precision, other, theirs in (
        (q.a, q.a_precision, p.a, p.a_precision),
        (q.b, q.b_precision, p.b, p.b_precision),
    ):
        gap, ratio = mean - other, np.linalg.inv(precision) @ theirs
        total += 0.5 * (np.trace(ratio) - len(gap) - np.linalg.slogdet(ratio)[1])
        total += 0.5 * gap @ theirs @ gap
    n, ratio = len(q.inverse_scale), np.linalg.solve(q.inverse_scale, p.inverse_scale)
    digammas = digamma((q.dof - np.arange(n)) / 2).sum()
    total += 0.5 * (q.dof - p.dof) * digammas + 0.5 * q.dof * (np.trace(ratio) - n)
    total -= 0.5 * p.dof * np.linalg.slogdet(ratio)[1]
    gammas = gammaln((p.dof - np.arange(n)) / 2) - gammaln((q.dof - np.arange(n)) / 2)
    return float(total + gammas.sum())
