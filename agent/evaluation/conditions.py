"""What an episode is made harder with: blows to the body, and faults of its camera."""

import math
from dataclasses import dataclass, fields

import numpy as np

from ...envs.physics import PendulumPhysics, read_physics

OCCLUDED_S = 2.0
PRESSED_S = 1.0

PRESS = "torque"
"""The blow that is a full control against the body, for :data:`PRESSED_S` seconds."""


class ConditionsError(ValueError):
    """A kick or a fault that cannot be understood; the text says what and what to do."""


@dataclass(frozen=True)
class Faults:
    """What is wrong with the camera: the share of frames that is lost (``loss``), the seconds of a
    ``blackout`` in the middle, the standard deviation of the pixels' ``noise`` as a share of their
    range, and the share of the picture that an ``occlusion`` hides, from a corner on, for two
    seconds in the middle."""

    loss: float = 0.0
    blackout: float = 0.0
    noise: float = 0.0
    occlusion: float = 0.0


@dataclass(frozen=True)
class Conditions:
    """``kick``: the angular velocity in rad/s that the body is given in the middle of the episode,
    with either sign, :data:`PRESS`, or nothing; ``faults`` of the camera; ``change``: the physics
    that the body has from the middle of the episode on."""

    kick: float | str | None = None
    faults: Faults = Faults()
    change: PendulumPhysics | None = None


AS_IT_IS = Conditions()
"""No blow, and a sound camera."""


def read_faults(text: str) -> Faults:
    """Understand ``loss=0.2,blackout=0.5,noise=0.1,occlusion=0.2``, in any order.

    Raises :class:`ConditionsError` for anything else.
    """
    known = [field.name for field in fields(Faults)]
    given: dict[str, float] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, number = (each.strip() for each in part.partition("="))
        value = _number(number)
        if name not in known or name in given:
            raise ConditionsError(
                f"fault {part!r}: give each of {', '.join(known)} at most once, as in "
                "loss=0.2,noise=0.1"
            )
        most = math.inf if name == "blackout" else 1.0
        if not 0 < value <= most:
            raise ConditionsError(
                f"fault {part!r}: give {name} "
                + ("in seconds, above 0" if name == "blackout" else "as a share, above 0 up to 1")
            )
        given[name] = value
    return Faults(**given)


def read_change(text: str) -> PendulumPhysics | None:
    """Understand ``mass=1.3,length=0.7``; None for no text.

    Raises :class:`ConditionsError` for anything else.
    """
    try:
        return read_physics(text) if text else None
    except ValueError as error:
        raise ConditionsError(f"change: {error}") from None


def read_kick(text: str) -> float | str:
    """Understand an angular velocity in rad/s, or ``torque``.

    Raises :class:`ConditionsError` for anything else.
    """
    if text == PRESS:
        return PRESS
    speed = _number(text)
    if not 0 < speed < math.inf:
        raise ConditionsError(
            f"kick {text!r}: give an angular velocity above 0 in rad/s, or {PRESS!r}"
        )
    return speed


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


class FaultyCamera:
    """What is left of the frames of one episode of ``ticks``."""

    def __init__(self, faults: Faults, ticks: int, period_s: float, seed: int) -> None:
        self._faults, self._rng = faults, np.random.default_rng(seed)
        middle = ticks // 2
        self._dark = range(middle, middle + round(faults.blackout / period_s))
        hidden = OCCLUDED_S if faults.occlusion else 0.0
        self._hidden = range(middle, middle + round(hidden / period_s))
        self._corner = int(self._rng.integers(4))

    def sees(self, tick: int, image: np.ndarray) -> np.ndarray | None:
        """The frame of ``tick`` as it arrives; None where it is lost. The first never is."""
        faults = self._faults
        lost = self._rng.random() < faults.loss
        if tick and (lost or tick in self._dark):
            return None
        if faults.noise:
            noisy = image + self._rng.normal(0.0, 255 * faults.noise, image.shape)
            image = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
        if tick in self._hidden:
            height, width = (round(math.sqrt(faults.occlusion) * side) for side in image.shape[:2])
            rows = slice(0, height) if self._corner < 2 else slice(-height, None)
            columns = slice(0, width) if self._corner % 2 else slice(-width, None)
            image = image.copy()
            image[rows, columns] = 0
        return image
