"""Trajectories of joint models with discrete blocks, taken apart by kind of block."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .data import CONTROL

if TYPE_CHECKING:
    from .joint import JointModel

ACTION = "action"
"""The key of the actions, whole numbers ``(T-1,)``, among observations."""


class Parts(NamedTuple):
    """A trajectory, by kind: its ``length``, observations by discrete block, actions, and what is
    left for the continuous blocks."""

    length: int
    told: dict[str, Any]
    actions: np.ndarray
    rest: dict[str, Any]


def parts(model: "JointModel", observations: Any, controls: Any = None, ahead: int = 0) -> Parts:
    """A trajectory taken apart; ValueError where its parts do not fit together.

    ``ahead`` steps follow without observation.
    """
    if not isinstance(observations, Mapping):
        raise ValueError(
            f"observations are {type(observations).__name__}: give a dict of block name to the "
            "sequence of what was observed"
        )
    names = [block.name for block in model.blocks]
    unknown = set(observations) - {*names, CONTROL, ACTION}
    if unknown:
        raise ValueError(f"observations of {sorted(unknown)}, but the model's blocks are {names}")
    given = {name: value for name, value in observations.items() if value is not None}
    lengths = {name: len(value) + (name in (CONTROL, ACTION)) for name, value in given.items()}
    if controls is not None:
        lengths["controls"] = len(controls) + 1
    if not lengths or min(lengths.values()) == 0 or len(set(lengths.values())) > 1:
        raise ValueError(
            f"sequences of the lengths {lengths} (controls and actions count as one more): all "
            "have to be equal, of 1 or more; mark what is missing by None"
        )
    length = next(iter(lengths.values()))
    told, counts = {}, set()
    for block in model.discrete:
        sequence = observations.get(block.name)
        given = None if sequence is None else [*sequence, *[None] * ahead]
        told[block.name] = block.told(given, length + ahead)
        counts.add(block.model.actions)
    actions = checked_actions(observations.get(ACTION), length - 1, min(counts))
    left = {k: v for k, v in observations.items() if k != ACTION and k not in told}
    return Parts(length, told, actions, left)


def checked_actions(actions: Any, count: int, kinds: int) -> np.ndarray:
    """Actions ``(count,)``, from 0 to ``kinds - 1``; ValueError where they are none."""
    if actions is None:
        if count and kinds > 1:
            raise ValueError(
                f"actions are missing: give 'action', {count} whole numbers from 0 to {kinds - 1}"
            )
        return np.zeros(count, np.int32)
    array = np.asarray(actions).reshape(-1)
    if array.shape != (count,) or (count and array.dtype.kind not in "iu"):
        raise ValueError(
            f"actions have the shape {np.shape(actions)} and the type {array.dtype}: give {count} "
            "whole numbers, one between two steps"
        )
    if count and not ((array >= 0) & (array < kinds)).all():
        raise ValueError(f"actions go from {array.min()} to {array.max()}: give 0 ... {kinds - 1}")
    return array.astype(np.int32)
