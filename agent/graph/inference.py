"""How the queries work: named choices, the same for every query of a model."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from .check import whole
from .factor import Parameters

Linearise = Literal["extended", "cubature"]
Scan = Literal["auto", "sequential", "associative"]


@dataclass(frozen=True)
class Inference:
    """Choices of inference.

    ``linearise``: ``"extended"`` by Jacobians, or ``"cubature"`` by sigma points of degree three.
    ``iterations``: passes of smoothing, each linearised along the one before; one is exact where
    all is linear. ``scan``: ``"sequential"`` or ``"associative"`` in time; ``"auto"`` takes the
    latter on accelerators. ``parameters``: how uncertain parameters enter. ``"variational"`` is
    the factorised posterior that learning refines, ``"predictive"`` widens the noise by what they
    may be off, ``"point"`` takes their means for true.
    """

    linearise: Linearise = "extended"
    iterations: int = 1
    scan: Scan = "auto"
    parameters: Parameters = "variational"

    def __post_init__(self) -> None:
        choices = {"linearise": Linearise, "scan": Scan, "parameters": Parameters}
        for name, choice in choices.items():
            value, allowed = getattr(self, name), get_args(choice)
            if value not in allowed:
                raise ValueError(f"{name} is {value!r}: choose one of {', '.join(allowed)}")
        whole("iterations", self.iterations, 1)


def check_inference(inference: Any) -> None:
    """ValueError unless ``inference`` is an :class:`Inference`."""
    if not isinstance(inference, Inference):
        raise ValueError(
            f"inference is {inference!r}: it does not say which choice it is; give an Inference, "
            "such as Inference(linearise='cubature')"
        )
