"""The kinds of agent that there are, and where each has its mind and the work of its commands.

A preset says of which kind its agent is (``agent.kind``); modules are imported when they are used.
"""

from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..configs.settings import Settings, SettingsError

if TYPE_CHECKING:
    from .imagine import Imagination
    from .mind import Step


@dataclass(frozen=True)
class Kind:
    """``mind``: the module whose ``load_mind(folder, settings, factors)`` makes the mind;
    ``commands``: the module with a function for each command that there is for this kind, which
    takes settings and the words of the command line and returns the exit code; ``trust``: the one
    with ``check_trusted(folder)``, which every run waits for.
    """

    mind: str
    commands: str
    trust: str


_KINDS = {
    "pose": Kind(".minds", ".pose_commands", ".learning.page"),
    "discrete": Kind(".discrete.mind", ".discrete.commands", ".discrete.commands"),
    "jepa": Kind(".jepa.mind", ".jepa.commands", ".jepa.commands"),
}


class Mind(Protocol):
    """What the processes ask of a mind of any kind; see :class:`.mind.Mind`."""

    @property
    def late(self) -> int: ...

    def reset(self, seed: int) -> None: ...

    def begin_episode(self) -> None: ...

    def set_goal(self, image: np.ndarray) -> bool: ...

    def compile(self) -> None: ...

    def hear(self, sensor: str, value: np.ndarray, stamp_ns: int) -> None: ...

    def step(self, image: np.ndarray | None, applied: np.ndarray, stamp_ns: int = 0) -> "Step": ...

    def learn(self) -> None: ...

    def can_hold(self, image: np.ndarray) -> bool: ...

    def imagine(self) -> "Imagination | None": ...


def load_mind(folder: Path, settings: Settings, factors: Mapping[str, Path] | None = None) -> Mind:
    """The mind with the model in ``folder``, of the kind that ``settings`` ask for; ``factors``
    says where copies of the sensors' factor files lie.

    Raises ``ValueError`` in one line where model or sensors do not fit.
    """
    return _module(settings, "mind").load_mind(folder, settings, factors)


def check_trusted(folder: Path, settings: Settings) -> None:
    """Raise ``ModelError`` for a model that failed its validation."""
    _module(settings, "trust").check_trusted(folder)


def command(settings: Settings, name: str) -> Callable[[Settings, Namespace], int]:
    """The work of ``jopa-agent name`` for this kind; :class:`SettingsError` where there is none."""
    work = getattr(_module(settings, "commands"), name, None)
    if work is None:
        raise SettingsError(
            f"there is no 'jopa-agent {name}' for {settings.body.name}, whose agent is of the kind "
            f"{settings.agent.kind!r}: 'jopa-agent train' and 'evaluate' do all of its work"
        )
    return work


def _module(settings: Settings, part: str) -> Any:
    return import_module(getattr(_KINDS[settings.agent.kind], part), __package__)
