"""The sections that settings are made of: one a part."""

from .body import Agent, Body
from .discrete import Discrete
from .gateway import Gateway, Sensor, SensorName
from .jepa import Jepa
from .learning import Collect, Explore, Train
from .planner import Online, Planner
from .run import Run, Runtime
from .section import Section

__all__ = [
    "Agent",
    "Body",
    "Collect",
    "Discrete",
    "Explore",
    "Gateway",
    "Jepa",
    "Online",
    "Planner",
    "Run",
    "Runtime",
    "Section",
    "Sensor",
    "SensorName",
    "Train",
]
