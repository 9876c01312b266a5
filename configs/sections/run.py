"""A run, and the processes that it is made of."""

from typing import Annotated, Literal

from pydantic import Field

from .section import NonNegative, Positive, Section


class Run(Section):
    """One run of the agent."""

    goal: str = Field(
        default="upright",
        description="upright, hanging, an angle (10deg), a picture, or DATASET:NUMBER of a frame",
    )
    start: Literal["hanging", "gymnasium"] = Field(
        default="hanging", description="where the body starts"
    )
    clock: Literal["realtime", "lockstep"] = Field(
        default="realtime", description="real deadlines, or each stage waits for its input"
    )
    rate_hz: Annotated[float, Field(gt=0, le=200)] = Field(
        default=20.0, description="ticks per second"
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        default=0, description="seed of the whole run"
    )
    duration_s: NonNegative = Field(
        default=0.0,
        description="seconds of the body's own time after which to stop; 0: until stopped",
    )
    tolerance_rad: Positive = Field(
        default=0.1, description="reached and held: true angle this near"
    )
    headless: bool = Field(default=False, description="no window")
    on_close: Literal["end", "go on"] = Field(
        default="end", description="what closing the window does to the run"
    )
    learn: bool = Field(default=False, description="go on learning while acting")
    record: bool = Field(default=True, description="record all streams into the run folder")
    record_mb: Annotated[float, Field(ge=1)] = Field(
        default=1000.0, description="size of a recording, in MiB; beyond it the oldest part goes"
    )
    camera: bool = Field(
        default=True, description="infer from the camera; no: from remote sensors alone"
    )
    instruments: bool = Field(
        default=False, description="let simulated instruments read the true state"
    )
    score: bool = Field(
        default=True, description="score against the true state, on a stream of its own"
    )


class Runtime(Section):
    """Timing of the processes, and what is done about their faults."""

    command_lead_ms: NonNegative = Field(
        default=6.0,
        description="a command is settled this long before its step, or a tenth of a period, plan "
        "or no plan",
    )
    startup_timeout_s: Positive = Field(
        default=180.0, description="a process must be ready within this"
    )
    stop_timeout_s: Positive = Field(default=1.5, description="grace at the end before a kill")
    health_period_s: Positive = Field(
        default=0.2, description="how often each process reports progress"
    )
    imagine_hz: Annotated[float, Field(ge=0, le=20)] = Field(
        default=5.0, description="pictures of what the agent imagines, a second; 0: none"
    )
    older_plan_ticks: Annotated[int, Field(ge=0)] = Field(
        default=1, description="ticks that a plan serves beyond its own; then the safe control"
    )
    stall_timeout_s: Positive = Field(
        default=1.5, description="a process without progress for this long is replaced"
    )
    restarts: Annotated[int, Field(ge=0)] = Field(
        default=5, description="times within a minute that a process is replaced before giving up"
    )
    spare: bool = Field(
        default=True, description="in real time a second inference process stands by"
    )
