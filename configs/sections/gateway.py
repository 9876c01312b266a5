"""The port of a run, and the remote sensors that attach there."""

from typing import Annotated, Literal

from pydantic import Field

from .section import Section

SensorName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]


class Gateway(Section):
    """The port for remote sensors and viewers."""

    listen: str = Field(
        default="",
        description="address that remote sensors and viewers connect to, as tcp://127.0.0.1:5600; "
        "empty: there is no port",
    )
    secure: bool = Field(
        default=False, description="ask for keys on this host, too; from other hosts always"
    )
    keys: str = Field(
        default="", description="folder of the keys, as 'jopa-agent keys' makes it [your own]"
    )


class Sensor(Section):
    """A remote sensor: what it sends, and what that says about the state, where that is known."""

    kind: Literal["vector", "frame"] = Field(
        default="vector", description="numbers, or pictures of the camera's size"
    )
    size: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1, description="numbers in a reading; of a vector"
    )
    rate_hz: Annotated[float, Field(gt=0, le=1000)] = Field(
        default=20.0, description="readings a second"
    )
    units: str = Field(default="", max_length=40, description="of the numbers")
    required: bool = Field(default=False, description="the run begins when it is there")
    matrix: list[list[float]] = Field(
        default=[], description="a reading is matrix times state, plus offset, plus noise"
    )
    offset: list[float] = Field(default=[], description="zeros where it is left out")
    covariance: list[list[float]] = Field(default=[], description="of the noise")
    factor: str = Field(
        default="", description="file that 'jopa-agent calibrate' wrote, in the place of a matrix"
    )
