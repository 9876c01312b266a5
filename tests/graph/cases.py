"""Random joint models, each twice: for the library, and as a dense chain with its observations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jopa_agent.agent import (
    Belief,
    Block,
    FixedSensor,
    Frozen,
    Gaussian,
    Inference,
    JointModel,
    KnownLinear,
    LinearCoupling,
)
from scipy.linalg import block_diag

from . import dense

SLICES = {"arm": slice(0, 2), "leg": slice(2, 4), "face": slice(4, 5)}
"""Where the blocks of :func:`everything` stand in the joint state."""


def spd(rng: np.random.Generator, n: int, floor: float = 0.3) -> np.ndarray:
    factor = rng.normal(size=(n, n))
    return factor @ factor.T + floor * np.eye(n)


def stable(rng: np.random.Generator, n: int, radius: float = 0.9) -> np.ndarray:
    """A transition that does not grow, so that the dense oracle keeps its digits."""
    matrix = rng.normal(size=(n, n))
    return radius * matrix / np.abs(np.linalg.eigvals(matrix)).max()


def encode(observation: Any) -> Gaussian:
    """A message that is surer of larger observations."""
    precision = (1.0 + observation[:1, None] ** 2) * np.eye(1)
    return Gaussian.of(precision[0] * observation[1:], precision)


def encoded(observation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``encode`` in numpy."""
    precision = (1.0 + observation[0] ** 2) * np.eye(1)
    return precision[0] * observation[1:], precision


@dataclass(frozen=True)
class Case:
    """One model and one trajectory, and what they mean: ``chain``, the readings and messages that
    are ``told`` of it, and the ``ties`` of its couplings."""

    model: JointModel
    observations: dict[str, Any]
    controls: np.ndarray
    chain: dense.Chain
    told: Sequence[dense.Observation]
    ties: Sequence[dense.Observation]

    @property
    def factors(self) -> list[dense.Observation]:
        """All that is said about states."""
        return [*self.told, *self.ties]

    def exact(self) -> dense.Posterior:
        """All states given all observations."""
        return dense.posterior(self.chain, self.factors)

    def until(self, steps: int) -> "Case":
        """The same chain of which nothing is observed after the first ``steps``."""
        told = [each for each in self.told if each.step < steps]
        return replace(self, observations=sliced(self.observations, slice(steps)), told=told)

    def freed(self, mean: np.ndarray, cov: np.ndarray) -> dense.Chain:
        """The chain with controls that are unknown, ``u_t ~ N(mean, cov)``."""
        steps = self.chain.steps - 1
        p = self.controls.shape[1]
        return replace(
            self.chain,
            action=np.array(np.broadcast_to(mean, (steps, p))),
            action_cov=np.array(np.broadcast_to(cov, (steps, p, p))),
        )

    def under(self, inference: Inference) -> "Case":
        """The same case under other choices of inference."""
        return replace(self, model=self.model.under(inference))


def sliced(observations: dict[str, Any], steps: slice) -> dict[str, Any]:
    """These steps of all sequences."""
    return {
        name: sliced(value, steps) if isinstance(value, dict) else value[steps]
        for name, value in observations.items()
    }


def at(observations: dict[str, Any], step: int) -> dict[str, Any]:
    """One step of all sequences, as a stream takes it."""
    return {
        name: at(value, step) if isinstance(value, dict) else value[step]
        for name, value in observations.items()
    }


def everything(
    seed: int = 0, steps: int = 17, rank: int = 2, missing: np.ndarray | None = None
) -> Case:
    """Three blocks, two of them controlled; three kinds of sensors; two couplings; messages.

    Readings are missing at some steps, single coordinates of others; some messages know one
    direction only. ``rank`` is that of the process noise of the arm and of the prior of the leg;
    ``missing`` ``(steps, 3)`` says which coordinates of the leg's readings are.
    """
    rng = np.random.default_rng(seed)
    part = {name: np.eye(5)[where] for name, where in SLICES.items()}

    matrices = {name: stable(rng, d) for name, d in sizes()}
    inputs = {name: rng.normal(size=(2, 2)) for name in ("arm", "leg")}
    offsets = {name: rng.normal(size=d) * 0.3 for name, d in sizes()}
    arm_columns, leg_columns = rng.normal(size=(2, rank)), rng.normal(size=(2, rank))
    noises = {"arm": arm_columns @ arm_columns.T, "leg": spd(rng, 2), "face": spd(rng, 1)}
    means = {name: rng.normal(size=d) for name, d in sizes()}
    covs = {"arm": spd(rng, 2), "leg": leg_columns @ leg_columns.T, "face": spd(rng, 1)}

    near_sensor = (rng.normal(size=(1, 2)), spd(rng, 1), rng.normal(size=1))
    wide_sensor = (rng.normal(size=(2, 2)), spd(rng, 2), np.zeros(2))
    leg_sensor = (rng.normal(size=(3, 2)), spd(rng, 3), rng.normal(size=3))
    links = [
        ("arm", "face", rng.normal(size=(1, 2)), spd(rng, 1), rng.normal(size=1)),
        ("leg", "arm", rng.normal(size=(2, 2)), 2 * spd(rng, 2), np.zeros(2)),
    ]

    near, wide = rng.normal(size=(steps, 1)), list(rng.normal(size=(steps, 2)))
    wide[2] = None
    if missing is None:
        missing = np.zeros((steps, 3), bool)
        missing[[0, -1]] = [[False, True, False], [True, True, True]]
    leg: list[Any] = list(np.where(missing, np.nan, rng.normal(size=(steps, 3))))
    leg[1] = None
    direction = rng.normal(size=2)
    flat = np.outer(direction, direction) * 3.0
    leg[4] = Gaussian(rng.normal(size=2), spd(rng, 2))
    leg[5] = Gaussian(flat @ rng.normal(size=2), flat)
    face: list[Any] = list(rng.normal(size=(steps, 2)))
    face[3] = None

    told: list[dense.Observation] = []
    ties: list[dense.Observation] = []
    for t in range(steps):
        told.append(_seen(t, near_sensor, near[t], part["arm"]))
        if wide[t] is not None:
            told.append(_seen(t, wide_sensor, wide[t], part["arm"]))
        if isinstance(leg[t], Gaussian):
            told.append(dense.message(t, leg[t].eta, leg[t].precision, part["leg"]))
        elif leg[t] is not None:
            told.append(_seen(t, leg_sensor, leg[t], part["leg"]))
        if face[t] is not None:
            told.append(dense.message(t, *encoded(face[t]), part["face"]))
        for source, target, matrix, cov, offset in links:
            ties.append(dense.coupling(t, part[source], part[target], matrix, cov, offset))

    sensors = {
        "arm": {"near": FixedSensor(*near_sensor), "wide": FixedSensor(*wide_sensor)},
        "leg": FixedSensor(*leg_sensor),
        "face": Frozen(encode),
    }
    blocks = [
        Block(
            name,
            KnownLinear(matrices[name], noises[name], inputs.get(name), offsets[name]),
            sensors[name],
            Belief(means[name], covs[name]),
        )
        for name, _ in sizes()
    ]
    controls = rng.normal(size=(steps - 1, 2))
    order = [name for name, _ in sizes()]
    chain = dense.chain(
        np.concatenate([means[name] for name in order]),
        block_diag(*(covs[name] for name in order)),
        block_diag(*(matrices[name] for name in order)),
        block_diag(*(noises[name] for name in order)),
        steps,
        offset=np.concatenate([offsets[name] for name in order]),
        control=np.concatenate([inputs["arm"], inputs["leg"], np.zeros((1, 2))]),
        action=controls,
    )
    observations = {"arm": {"near": near, "wide": wide}, "leg": leg, "face": face}
    return Case(
        JointModel(blocks, [LinearCoupling(*link) for link in links]),
        observations,
        controls,
        chain,
        told,
        ties,
    )


def sizes() -> list[tuple[str, int]]:
    """Blocks and their sizes, in their order."""
    return [(name, where.stop - where.start) for name, where in SLICES.items()]


def _seen(t: int, sensor: tuple, value: np.ndarray, part: np.ndarray) -> dense.Observation:
    matrix, noise, offset = sensor
    return dense.seen(t, matrix @ part, value, noise, offset)
