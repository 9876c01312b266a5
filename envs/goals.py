"""Goals: a word, an angle or a picture file becomes the frame that the agent wants to see."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .body import Body, Nameable, Posable
from .physics import wrapped

if TYPE_CHECKING:
    from PIL import Image

_NAMED = {"upright": 0.0, "hanging": np.pi}
# What Pillow's decoders raise at files that are not what they seem, besides its own errors.
_UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, TypeError, LookupError, ArithmeticError)
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")  # none that starts another program
_ANGLE = re.compile(r"([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)\s*deg")


class GoalError(ValueError):
    """A goal that cannot be understood; the text says what and what to do."""


@dataclass(frozen=True)
class Goal:
    """A frame to reach. ``angle`` (radians, 0 upright), or the number of the ``state`` of a body
    that has a few alone, serves scoring only, never the agent.

    ``holding_effort`` is the torque that rest at this goal takes, as a multiple of the limit. All
    are None where nothing is known of them.
    """

    name: str
    image: np.ndarray
    angle: float | None = None
    holding_effort: float | None = None
    state: float | None = None

    def errors(self, states: np.ndarray) -> np.ndarray | None:
        """How far a body is from here whose true state begins with ``states`` (T,): radians on the
        circle or, of numbered states, how many; None for a goal that is not scored."""
        if self.angle is not None:
            return np.abs(wrapped(np.asarray(states, dtype=np.float64) - self.angle))
        if self.state is not None:
            return np.abs(np.asarray(states, dtype=np.float64) - self.state)
        return None

    @property
    def unit(self) -> str:
        """Of its errors."""
        return "rad" if self.state is None else "states"

    @property
    def can_be_held(self) -> bool | None:
        """Whether the body's own physics allow it; None where nobody knows."""
        return None if self.holding_effort is None else bool(self.holding_effort <= 1.0)


def read_goal(text: str, body: Body) -> Goal:
    """Understand ``text``: what the body has a name for, ``upright``, ``hanging``, ``<number>deg``
    from upright, a picture, or ``<dataset>:<number>`` for a frame that was recorded.

    Raises :class:`GoalError` for anything else.
    """
    if isinstance(body, Nameable) and (named := _called(text, body)):
        return named
    angle = _angle_of(text)
    if angle is not None:
        return goal_at(text, angle, _posable(text, body))
    path, _, number = text.rpartition(":")
    if path and number.isdigit():
        image = _recorded(Path(path), int(number), body)
    else:
        image = read_picture(Path(text), body.spec.frame_shape)
    if not isinstance(body, Posable):
        return Goal(text, image)
    angle = _angle_in(image, body)
    return Goal(text, image, angle, body.holding_effort(angle))


def picture_at(text: str, body: Body) -> np.ndarray:
    """What ``body`` looks like at ``upright``, ``hanging`` or ``<number>deg``, or in a state that
    it has a name for; :class:`GoalError` where that is no such thing, or the body has none."""
    if isinstance(body, Nameable) and (named := _called(text, body)):
        return named.image
    angle = _angle_of(text)
    if angle is None:
        raise GoalError(f"goal {text!r} is no angle: give upright, hanging, or one such as 10deg")
    return _posable(text, body).picture(angle)


def _called(text: str, body: Nameable) -> Goal | None:
    """The goal that the body itself has a name for."""
    try:
        found = body.goal_called(text)
    except ValueError as error:
        raise GoalError(f"goal {text!r}: {error}") from None
    return found and Goal(text, found[0], state=found[1])


def goal_at(name: str, angle: float, body: Posable) -> Goal:
    """The goal whose picture is rendered at ``angle`` (radians)."""
    return Goal(name, body.picture(angle), angle, body.holding_effort(angle))


def _angle_of(text: str) -> float | None:
    """The angle that ``text`` names, in radians."""
    if match := _ANGLE.fullmatch(text.strip()):
        degrees = float(match[1])
        if abs(degrees) > 360:
            raise GoalError(f"goal {text!r} is outside -360deg ... 360deg: choose an angle within")
        return float(np.deg2rad(degrees))
    return _NAMED.get(text)


def _posable(text: str, body: Body) -> Posable:
    if not isinstance(body, Posable):
        raise GoalError(
            f"goal {text!r} is an angle, but {body.spec.name} is known by its pictures alone: "
            "give a picture, or DATASET:NUMBER of a frame from 'jopa-agent collect'"
        )
    return body


def _recorded(path: Path, number: int, body: Body) -> np.ndarray:
    """Frame ``number`` of a dataset, counted over all its segments."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            frames = file.get_slice("frames")
            segments, length, *shape = frames.get_shape()
            if number >= segments * length:
                raise GoalError(
                    f"goal {number} of {str(path)!r}: it holds the frames 0 ... "
                    f"{segments * length - 1}"
                )
            image = np.asarray(frames[number // length, number % length])
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        if isinstance(error, GoalError):
            raise
        raise GoalError(
            f"goal file {str(path)!r} cannot be read as a dataset ({error}): give one from "
            "'jopa-agent collect'"
        ) from None
    if tuple(shape) != body.spec.frame_shape or image.dtype != np.uint8:
        raise GoalError(
            f"goal file {str(path)!r} holds frames of {tuple(shape)}, the camera sees "
            f"{body.spec.frame_shape}: record it with the same camera"
        )
    return image


def read_picture(path: Path, frame_shape: tuple[int, int, int]) -> np.ndarray:
    """The picture in the file ``path`` as a frame: uint8 of ``frame_shape``, which has one channel
    (gray) or three (colour).

    Raises :class:`GoalError` where it is no picture, of other proportions, or where frames have
    other channels.
    """
    from PIL import Image

    height, width, channels = frame_shape
    if channels not in (1, 3):
        raise GoalError(
            f"goal file {str(path)!r} cannot be a goal: frames have {channels} channels, a picture "
            "1 or 3: give DATASET:NUMBER of a frame from 'jopa-agent collect'"
        )
    try:
        with Image.open(path, formats=_FORMATS) as picture:
            whole = _gray(picture) if channels == 1 else picture.convert("RGB")
    except FileNotFoundError:
        raise GoalError(
            f"goal {str(path)!r} is neither upright, hanging, an angle such as 10deg, "
            "nor a file that exists"
        ) from None
    except (*_UNREADABLE, Image.DecompressionBombError) as error:
        raise GoalError(
            f"goal file {str(path)!r} cannot be read as an image ({error}): give a PNG or JPEG"
        ) from None
    if whole.width * height != whole.height * width:
        raise GoalError(
            f"goal file {str(path)!r} is {whole.width}x{whole.height} px, the camera sees "
            f"{width}x{height}: crop it to the camera's aspect"
        )
    frame = np.asarray(whole.resize((width, height), Image.Resampling.BOX))
    return frame.reshape(frame_shape).copy()


def _gray(picture: "Image.Image") -> "Image.Image":
    """``picture`` in 8 bits of gray; Pillow would cut 16 bits off at white."""
    if picture.mode.startswith("I;16"):
        return picture.point(lambda value: value / 257).convert("L")
    return picture.convert("L")


def _angle_in(image: np.ndarray, body: Posable) -> float:
    """The angle whose render looks most like ``image``, to about 0.1 degree; for scoring only."""
    angles = np.deg2rad(np.arange(0.0, 360.0, 4.0))
    for step_deg in (4.0, 0.5, 0.1):
        errors = [_difference(body.picture(angle), image) for angle in angles]
        best = angles[int(np.argmin(errors))]
        angles = best + np.deg2rad(np.arange(-step_deg, step_deg + 1e-9, step_deg / 8))
    return float(wrapped(best))


def _difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.square(first.astype(np.float64) - second).sum())
