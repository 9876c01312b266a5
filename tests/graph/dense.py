"""Oracle: one dense joint Gaussian of all states and controls, in plain numpy float64.

Nothing here is recursive in time but the construction of the joint covariance, and nothing is
shared with the code under test. ``posterior`` answers smoothing, prediction and planning alike:
whatever is observed (sensors, goals, couplings, messages) is stacked into one linear observation
``value = matrix z + noise`` and conditioned on at once. Costs ``O(T³ n³)``: for short chains.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

Label = tuple[str, int]
"""``("x", t)`` is the state at step t, ``("u", t)`` the control between steps t and t + 1."""


@dataclass(frozen=True)
class Joint:
    """``z ~ N(mean, cov)``; ``parts`` says which coordinates of z a labelled variable is."""

    mean: np.ndarray
    cov: np.ndarray
    parts: Mapping[Label, slice]

    def appended(
        self, label: Label, terms: Mapping[Label, np.ndarray], offset: np.ndarray, cov: np.ndarray
    ) -> "Joint":
        """With one more variable, ``sum of matrix @ part + offset + N(0, cov)``."""
        matrix = self.matrix(terms, len(offset))
        across = matrix @ self.cov
        here = slice(len(self.mean), len(self.mean) + len(offset))
        return Joint(
            np.concatenate([self.mean, matrix @ self.mean + offset]),
            np.block([[self.cov, across.T], [across, across @ matrix.T + cov]]),
            {**self.parts, label: here},
        )

    def matrix(self, terms: Mapping[Label, np.ndarray], rows: int) -> np.ndarray:
        """``(rows, len(z))``, with each term's matrix in the columns of its variable."""
        matrix = np.zeros((rows, len(self.mean)))
        for label, term in terms.items():
            matrix[:, self.parts[label]] += term
        return matrix

    def marginal(self, *labels: Label) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of these variables, stacked in this order."""
        index = np.concatenate([np.arange(len(self.mean))[self.parts[label]] for label in labels])
        return self.mean[index], self.cov[np.ix_(index, index)]


@dataclass(frozen=True)
class Observation:
    """``value = sum of matrix @ part + N(0, cov)``, its log density raised by ``log_scale``."""

    terms: Mapping[Label, np.ndarray]
    value: np.ndarray
    cov: np.ndarray
    log_scale: float = 0.0

    @property
    def step(self) -> int:
        """The last step of a state that it is about."""
        return max(t for _, t in self.terms)


def seen(t: int, matrix, value, cov, offset: ArrayLike = 0.0) -> Observation:
    """A sensor, or a goal: ``value = matrix x_t + offset + N(0, cov)``; NaN is not observed."""
    value = np.asarray(value, float) - np.asarray(offset, float)
    told = ~np.isnan(value)
    matrix, cov = np.asarray(matrix, float)[told], np.asarray(cov, float)[np.ix_(told, told)]
    return Observation({("x", t): matrix}, value[told], cov)


def message(t: int, eta, precision, columns=None, normalised: bool = True) -> Observation:
    """The natural form ``exp(etaᵀ y - yᵀ precision y / 2)`` on ``y = columns x_t``, default x_t.

    The precision may be singular; where it is zero, eta must be. If ``normalised``, it counts as
    the density of its mean around y in the directions that it knows, else as it is written.
    """
    values, vectors = np.linalg.eigh(np.asarray(precision, float))
    told = values > 1e-12 * max(values[-1], 0.0)
    values, vectors = values[told], vectors[:, told]
    eta = np.asarray(eta, float)
    if not np.allclose(vectors @ (vectors.T @ eta), eta):
        raise ValueError(f"eta {eta} says something in a direction of zero precision")
    rows = np.sqrt(values)[:, None] * vectors.T
    value = (vectors.T @ eta) / np.sqrt(values)
    columns = np.eye(len(eta)) if columns is None else columns
    scale = 0.5 * np.log(values).sum()
    if not normalised:
        scale = 0.5 * value @ value + 0.5 * len(value) * np.log(2 * np.pi)
    return Observation({("x", t): rows @ columns}, value, np.eye(len(value)), float(scale))


def coupling(t: int, a, b, matrix, cov, offset: ArrayLike = 0.0) -> Observation:
    """``x_b = matrix x_a + offset + N(0, cov)`` at step t, ``x_a = a x_t``, ``x_b = b x_t``."""
    row = np.asarray(b, float) - np.asarray(matrix, float) @ np.asarray(a, float)
    return Observation(
        {("x", t): row}, np.zeros(len(row)) + np.asarray(offset, float), np.asarray(cov, float)
    )


@dataclass(frozen=True)
class Chain:
    """``x_0 ~ N(mean, cov)``, ``x_{t+1} = along_t x_t + control_t u_t + offset_t + N(0, noise_t)``.

    Controls are variables ``u_t ~ N(action_t, action_cov_t)`` where ``action_cov`` is given, and
    known to be ``action_t`` where it is not. Leading axes are ``T - 1``; see :func:`chain`.
    """

    mean: np.ndarray
    cov: np.ndarray
    along: np.ndarray
    noise: np.ndarray
    offset: np.ndarray
    control: np.ndarray
    action: np.ndarray
    action_cov: np.ndarray | None = None

    @property
    def steps(self) -> int:
        return len(self.along) + 1

    def from_step(self, t: int, mean: np.ndarray, cov: np.ndarray) -> "Chain":
        """Of the steps from t on, started anew."""
        later = {name: getattr(self, name)[t:] for name in ("along", "noise", "offset", "control")}
        free = None if self.action_cov is None else self.action_cov[t:]
        return Chain(mean, cov, **later, action=self.action[t:], action_cov=free)

    def joint(self) -> Joint:
        """Of all states, and of controls that are variables; any covariance may be singular."""
        joint = Joint(np.zeros(0), np.zeros((0, 0)), {})
        joint = joint.appended(("x", 0), {}, self.mean, self.cov)
        for t in range(self.steps - 1):
            terms, offset = {("x", t): self.along[t]}, self.offset[t]
            if self.action_cov is None:
                offset = offset + self.control[t] @ self.action[t]
            else:
                joint = joint.appended(("u", t), {}, self.action[t], self.action_cov[t])
                terms[("u", t)] = self.control[t]
            joint = joint.appended(("x", t + 1), terms, offset, self.noise[t])
        return joint


def chain(
    mean, cov, along, noise, steps=None, offset=None, control=None, action=None, action_cov=None
) -> Chain:
    """A :class:`Chain` of ``steps`` states, what is constant in time repeated at every step."""
    mean, along = np.asarray(mean, float), np.asarray(along, float)
    n, count = len(mean), (len(along) if steps is None else steps - 1)
    control = np.zeros((n, 0)) if control is None else np.asarray(control, float)
    p = control.shape[-1]

    def repeated(values, *shape: int) -> np.ndarray:
        return np.array(np.broadcast_to(np.asarray(values, float), (count, *shape)))

    return Chain(
        mean,
        np.asarray(cov, float),
        repeated(along, n, n),
        repeated(noise, n, n),
        repeated(0.0 if offset is None else offset, n),
        repeated(control, n, p),
        repeated(0.0 if action is None else action, p),
        None if action_cov is None else repeated(action_cov, p, p),
    )


@dataclass(frozen=True)
class Posterior:
    """The joint given all observations, and the log density of these."""

    joint: Joint
    log_evidence: float

    @property
    def mean(self) -> np.ndarray:
        """``(T, n)``."""
        return np.stack([self.joint.marginal(label)[0] for label in self._labels("x")])

    @property
    def cov(self) -> np.ndarray:
        """``(T, n, n)``."""
        return np.stack([self.joint.marginal(label)[1] for label in self._labels("x")])

    @property
    def pair_cov(self) -> np.ndarray:
        """``(T - 1, 2n, 2n)``: of ``x_t`` and ``x_{t+1}`` together."""
        states = self._labels("x")
        return np.stack([self.joint.marginal(a, b)[1] for a, b in pairwise(states)])

    @property
    def actions(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean ``(T - 1, p)`` and covariance ``(T - 1, p, p)`` of each control."""
        each = [self.joint.marginal(label) for label in self._labels("u")]
        return np.stack([mean for mean, _ in each]), np.stack([cov for _, cov in each])

    def _labels(self, kind: str) -> Sequence[Label]:
        return sorted(label for label in self.joint.parts if label[0] == kind)


def conditioned(joint: Joint, observations: Iterable[Observation]) -> Posterior:
    """Condition on all observations at once, by a Cholesky factor of their joint covariance."""
    told = [each for each in observations if len(each.value)]
    scale = sum(each.log_scale for each in told)
    if not told:
        return Posterior(joint, scale)
    matrix = np.concatenate([joint.matrix(each.terms, len(each.value)) for each in told])
    noise = np.zeros((len(matrix), len(matrix)))
    ends = np.cumsum([len(each.value) for each in told])
    for each, end in zip(told, ends, strict=True):
        noise[end - len(each.value) : end, end - len(each.value) : end] = each.cov
    surprise = np.concatenate([each.value for each in told]) - matrix @ joint.mean
    root = np.linalg.cholesky(matrix @ joint.cov @ matrix.T + noise)
    whitened = np.linalg.solve(root, surprise)
    across = np.linalg.solve(root, matrix @ joint.cov)
    log_density = -0.5 * (
        whitened @ whitened + 2 * np.log(np.diag(root)).sum() + len(root) * np.log(2 * np.pi)
    )
    posterior = replace(
        joint, mean=joint.mean + across.T @ whitened, cov=joint.cov - across.T @ across
    )
    return Posterior(posterior, float(log_density + scale))


def posterior(model: Chain, observations: Iterable[Observation]) -> Posterior:
    """Smoothing; prediction where the chain goes on beyond what is observed; planning where the
    controls are variables and goals are among the observations."""
    return conditioned(model.joint(), observations)


@dataclass(frozen=True)
class Filtered:
    """``mean`` ``(T, n)`` and ``cov`` ``(T, n, n)`` of each state given what is observed until then
    (``predicted_``: until the step before), and the log evidence of each step ``(T,)``."""

    mean: np.ndarray
    cov: np.ndarray
    predicted_mean: np.ndarray
    predicted_cov: np.ndarray
    log_evidence: np.ndarray


def filtered(model: Chain, observations: Iterable[Observation]) -> Filtered:
    """By conditioning anew on every prefix."""
    joint, observations = model.joint(), list(observations)
    prefixes = [
        conditioned(joint, [each for each in observations if each.step < t])
        for t in range(model.steps + 1)
    ]
    now = [prefixes[t + 1].joint.marginal(("x", t)) for t in range(model.steps)]
    before = [prefixes[t].joint.marginal(("x", t)) for t in range(model.steps)]
    return Filtered(
        *(np.stack(each) for each in (*zip(*now, strict=True), *zip(*before, strict=True))),
        log_evidence=np.diff([each.log_evidence for each in prefixes]),
    )


def gains(model: Chain, observations: Iterable[Observation]) -> np.ndarray:
    """``(T - 1, p, n)``: how the mean of ``u_t`` moves with ``x_t``, given the goals after t.

    The regression of ``u_t`` on ``x_t`` does not depend on how ``x_t`` is distributed, so the
    chain is started at each step anew, where the state has unit covariance.
    """
    observations, n = list(observations), len(model.mean)
    found = []
    for t in range(model.steps - 1):
        later = [
            replace(each, terms={(kind, at - t): term for (kind, at), term in each.terms.items()})
            for each in observations
            if each.step > t
        ]
        ahead = posterior(model.from_step(t, np.zeros(n), np.eye(n)), later).joint
        _, cov = ahead.marginal(("u", 0), ("x", 0))
        found.append(np.linalg.solve(cov[-n:, -n:], cov[-n:, :-n]).T)
    return np.stack(found)
