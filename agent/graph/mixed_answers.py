"""What queries to a joint model with discrete blocks return."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .learn_query import LearnReport
from .plan_query import Plan
from .posterior import Posterior
from .stream import Filtering


def is_discrete(block: Any) -> bool:
    """Whether ``block`` is one of a few states."""
    return getattr(block, "is_discrete", False)


@dataclass(frozen=True)
class MixedPosterior:
    """``beliefs`` by block, Gaussian or categorical, stacked over time; ``evidence`` is the log
    evidence of all observations, ``free_energy`` its negative; ``continuous``: the posterior of the
    other blocks, where there are any."""

    beliefs: dict[str, Any]
    evidence: Any
    free_energy: Any
    continuous: Posterior | None


@dataclass(frozen=True)
class MixedFiltering:
    """The state of a stream: ``states`` by discrete block, and that of the ``continuous`` ones."""

    states: dict[str, Any]
    continuous: Filtering | None
    fresh: bool
    evidence: float = 0.0

    @property
    def free_energy(self) -> float:
        """Negative log evidence of the newest observation."""
        return -self.evidence

    def beliefs(self, blocks: tuple[Any, ...]) -> dict[str, Any]:
        """Beliefs by block."""
        rest = tuple(block for block in blocks if not is_discrete(block))
        found = self.continuous.beliefs(rest) if self.continuous else {}
        return found | self.states


@dataclass(frozen=True)
class MixedPlan:
    """``plans`` by discrete block: the posterior of its policies; and that of the controls."""

    plans: dict[str, Any]
    continuous: Plan | None

    @property
    def actions(self) -> dict[str, Any]:
        """The actions ``(H,)`` of the likeliest policy, by discrete block."""
        return {name: plan.actions for name, plan in self.plans.items()}


@dataclass(frozen=True)
class MixedReport:
    """``free_energy`` before each iteration, by discrete block; the report of the others."""

    free_energy: dict[str, np.ndarray]
    continuous: LearnReport | None
