"""Learning from what a user has recorded: rounds of message passing and of encoders' refinement."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .check import is_traced, whole
from .check_query import known_forgetting
from .data import Trajectory, bucket, gather
from .inference import Inference
from .learn import group_up, iterate, iterate_compiled
from .system import Data, System

if TYPE_CHECKING:
    from .joint import JointModel

_ROOM = 64


@dataclass(frozen=True)
class Round:
    """One round: ``free_energy`` at its end, and the ``scores`` that refined encoders reached."""

    free_energy: float
    scores: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class LearnReport:
    """``free_energy`` ``(iterations of all rounds,)``, each before that iteration's update of the
    parameters, so that the first is that of the prior; and the ``rounds``. In the mode
    ``"per_trajectory"`` it is that of the trajectory that was learned from."""

    free_energy: Float[np.ndarray, "iterations"]
    rounds: list[Round]


def learn(
    model: "JointModel",
    trajectories: Sequence[Trajectory],
    iterations: int,
    em_rounds: int,
    mode: str,
    forgetting: float,
    m_step: Mapping[str, Any] | None,
) -> "tuple[JointModel, LearnReport]":
    """See :meth:`JointModel.learn`."""
    iterations = whole("iterations", iterations, 1)
    em_rounds = whole("em_rounds", em_rounds, 1)
    if mode not in ("joint", "per_trajectory"):
        raise ValueError(f"mode is {mode!r}: choose 'joint' or 'per_trajectory'")
    forgetting = known_forgetting(forgetting)
    if mode == "joint" and not is_traced(forgetting) and forgetting != 1:
        raise ValueError(
            f"forgetting is {forgetting}, but mode is 'joint': all trajectories count alike and "
            "none is forgotten; give mode='per_trajectory', or leave forgetting out"
        )
    if isinstance(trajectories, dict) or not hasattr(trajectories, "__len__"):
        raise ValueError("trajectories must be a list of dicts, one for each trajectory")
    if not trajectories:
        raise ValueError("trajectories are empty: there is nothing to learn from")
    if all(block.transition.certain for block in model.blocks) and not _encoders(model):
        raise ValueError(
            "nothing can be learned: all transitions are known and no encoder can be refined"
        )
    options = _options(model, m_step)
    energies: list[np.ndarray] = []
    rounds: list[Round] = []
    for done in range(em_rounds):
        scores = {}
        if done:
            model, scores = refine_encoders(model, trajectories, options)
        model, found = _learn_round(model, trajectories, iterations, mode, forgetting)
        energies.append(found)
        rounds.append(Round(found[-1], scores))
    return model, LearnReport(_concatenated(energies), rounds)


def _learn_round(model, trajectories, iterations, mode, forgetting):
    data = padded(model, trajectories)
    system = _fresh(model.system())
    inference = _variational(model.inference)
    if mode == "joint":
        system, energies = _run(system, inference, data, iterations)
        return adopt(model, system.transition.parts), energies
    priors = [getattr(part, "prior", None) for part in system.transition.parts]
    energies = []
    for index, one in enumerate(data):
        if index:
            system = carried(system, priors, forgetting)
        system, found = _run(system, inference, [one], iterations)
        energies.append(found)
    parts = tuple(
        part if prior is None else part.from_prior(prior)
        for part, prior in zip(system.transition.parts, priors, strict=True)
    )
    system = replace(system, transition=replace(system.transition, parts=parts))
    return adopt(model, system.transition.parts), _concatenated(energies)


def _run(
    system: System, inference: Inference, data: list[Data], iterations: int
) -> tuple[System, Any]:
    bare, group = group_up(system, inference, data)
    if any(is_traced(x) for x in jax.tree.leaves((system, data))):
        learned, energies = iterate(bare, inference, group, iterations, iterations)
        return replace(system, transition=learned.transition), energies
    room = -(-iterations // _ROOM) * _ROOM
    learned, energies = iterate_compiled(
        bare, inference, group.data, group.weights, group.shared, iterations, room
    )
    found = np.asarray(energies)[:iterations]
    _check_finite(found)
    return replace(system, transition=learned.transition), found


def _check_finite(energies: np.ndarray) -> None:
    wrong = np.flatnonzero(~np.isfinite(energies))
    if len(wrong):
        raise ValueError(
            f"learning diverged: the free energy of iteration {wrong[0]} is {energies[wrong[0]]}, "
            "so that no posterior follows; give features a scale near the data's and a reach of a "
            f"few scales, more noise to sensors, or at most iterations={max(wrong[0] - 1, 1)}"
        )


def padded(model: "JointModel", trajectories: Sequence[Trajectory]) -> list[Data]:
    """Arrays of all trajectories, of one padded length; ValueError names the one that is wrong."""
    checked = []
    for index, trajectory in enumerate(trajectories):
        with _naming(index):
            checked.append(model.checked(trajectory))
            if checked[-1][0] < 2:
                raise ValueError("it has 1 step: a transition needs two")
    steps = bucket(max(length for length, _ in checked))
    found = []
    for index, (trajectory, (_, controls)) in enumerate(zip(trajectories, checked, strict=True)):
        with _naming(index):
            found.append(gather(model.blocks, trajectory, controls, steps))
    return _alike(found)


@contextmanager
def _naming(index: int) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"trajectory {index}: {error}") from None


def _options(model: "JointModel", m_step: Any) -> dict[str, Any]:
    """Keywords that every encoder that can be refined takes; ValueError for others."""
    if m_step is None:
        return {}
    if not isinstance(m_step, Mapping):
        raise ValueError(
            f"m_step is {type(m_step).__name__}: give a dict of options of the encoders' M step, "
            "such as {'steps': 200}"
        )
    encoders = _encoders(model)
    if not encoders:
        raise ValueError("m_step is given, but no encoder can be refined: leave it out")
    for place, name, sensor in encoders:
        kinds = inspect.signature(sensor.refined).parameters.values()
        known = {kind.name for kind in kinds if kind.kind is kind.KEYWORD_ONLY}
        if unknown := sorted(set(m_step) - known):
            raise ValueError(
                f"m_step has {unknown}, which the M step of {model.blocks[place].key(name)!r} "
                f"does not know: it takes {sorted(known)}"
            )
    return dict(m_step)


def refine_encoders(
    model: "JointModel", trajectories: Sequence[Trajectory], options: Mapping[str, Any]
) -> "tuple[JointModel, dict[str, float]]":
    """Encoders that can be refined, refined under the smoothed beliefs: the M step of the
    observation factors, with its ``options``."""
    scores: dict[str, float] = {}
    beliefs = [model.smooth(trajectory).beliefs for trajectory in trajectories]
    blocks = list(model.blocks)
    for place, name, sensor in _encoders(model):
        block = blocks[place]
        raw: list[Any] = []
        means, roots = [], []
        for trajectory, belief in zip(trajectories, beliefs, strict=True):
            values = trajectory.get(block.name)
            values = values.get(name) if isinstance(values, dict) else values
            for step, value in enumerate([] if values is None else values):
                if value is None or (isinstance(value, np.ndarray) and np.isnan(value).any()):
                    continue
                raw.append(value)
                means.append(np.asarray(belief[block.name].mean)[step])
                roots.append(np.asarray(belief[block.name].root)[step])
        if not raw:
            continue
        about = type(block.prior).of(jnp.asarray(np.stack(means)), jnp.asarray(np.stack(roots)))
        refined, scores[block.key(name)] = sensor.refined(np.stack(raw), about, **options)
        blocks[place] = block.replaced(observe={**block.sensors, name: refined})
    return model.replaced(blocks=tuple(blocks)), scores


def adopt(model: "JointModel", parts: tuple[Any, ...]) -> "JointModel":
    """``model`` with the transitions ``parts``."""
    blocks = tuple(
        block.replaced(transition=part) for block, part in zip(model.blocks, parts, strict=True)
    )
    return model.replaced(blocks=blocks)


def _concatenated(energies: list[Any]) -> Any:
    traced = any(is_traced(x) for x in energies)
    return (jnp if traced else np).concatenate(energies)


def _encoders(model: "JointModel") -> list[tuple[int, str, Any]]:
    return [
        (place, name, sensor)
        for place, block in enumerate(model.blocks)
        for name, sensor in block.sensors.items()
        if hasattr(sensor, "refined")
    ]


def _variational(inference: Inference) -> Inference:
    return replace(inference, parameters="variational")


def _fresh(system: System) -> System:
    """``system`` as data, so that every learning starts from the present posterior."""
    return jax.tree.map(jnp.asarray, system)


def carried(system: System, priors: list[Any], forgetting: Any) -> System:
    """``system`` whose posteriors have become priors."""
    parts = tuple(
        part if prior is None else part.from_prior(part.posterior.faded(prior, forgetting))
        for part, prior in zip(system.transition.parts, priors, strict=True)
    )
    return replace(system, transition=replace(system.transition, parts=parts))


def _alike(data: list[Data]) -> list[Data]:
    """Data whose parts have the same shapes: what only some observe is missing in the others."""
    structures = {jax.tree_util.tree_structure(one) for one in data}
    widths = {one.messages.value.shape[1] for one in data}
    if len(structures) == 1 and len(widths) == 1:
        return data
    width = max(widths)
    known: dict[int, Any] = {}
    for one in data:
        for place, readings in enumerate(one.readings):
            if readings.values is not None:
                known.setdefault(place, readings.values)
    found = []
    for one in data:
        readings = tuple(
            r if r.values is not None or place not in known
            else r._replace(values=jax.tree.map(np.zeros_like, known[place]))
            for place, r in enumerate(one.readings)
        )  # fmt: skip
        spare = width - one.messages.value.shape[1]
        rows = one.messages._replace(
            matrix=np.pad(one.messages.matrix, ((0, 0), (0, spare), (0, 0))),
            value=np.pad(one.messages.value, ((0, 0), (0, spare))),
        )
        found.append(replace(one, readings=readings, messages=rows))
    return found
