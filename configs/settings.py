"""Typed settings: one section a part, read from a preset, a file and the command line, in turn."""

import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

_FOLDER = resources.files(str(__package__))

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Ticks = Annotated[int, Field(ge=0, le=10)]
SensorName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]


class SettingsError(ValueError):
    """A setting that is unknown or out of range; the text says which and what to do."""


class Section(BaseModel):
    """A group of settings; frozen, and closed to names that it does not declare."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Agent(Section):
    """What drives the body."""

    kind: Literal["pose", "discrete", "jepa"] = Field(
        default="pose",
        description="what the agent infers: a pose and its motion, one of a few states, or "
        "latents of a world model",
    )


class Body(Section):
    """The body and its camera."""

    name: str = Field(default="pendulum", description="environment to drive")
    camera_crop_px: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=256, description="middle square of the render that is kept"
    )
    camera_size_px: Count = Field(
        default=32, validate_default=True, description="side of the gray frame that the agent sees"
    )

    physics: str = Field(
        default="",
        description="constants that differ: mass=1.3,length=0.9,gravity=8",
    )

    frame_skip: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=1,
        description="steps of one of Gymnasium's environments that a tick lasts, under one control",
    )
    frame_delay: Ticks = Field(default=0, description="ticks by which frames arrive late")
    command_delay: Ticks = Field(default=0, description="ticks by which controls act late")

    @field_validator("camera_size_px")
    @classmethod
    def _divides(cls, size_px: int, info: ValidationInfo) -> int:
        crop_px = info.data.get("camera_crop_px", size_px)
        if crop_px % size_px:
            raise ValueError(f"it has to divide body.camera_crop_px = {crop_px}")
        return size_px


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


class Planner(Section):
    """Planning as inference over a receding horizon."""

    horizon: Count = Field(default=50, description="ticks planned ahead")
    iterations: Count = Field(
        default=3, description="re-linearisations a tick, of the two best plans"
    )
    hypotheses: Count = Field(
        default=8, description="plans that are begun side by side, with one re-linearisation"
    )
    goal_velocity_weight: NonNegative = Field(
        default=0.05, description="goal precision on the velocity"
    )
    goal_final_factor: Positive = Field(
        default=10.0, description="goal precision at the horizon's end"
    )
    control_precision: Positive = Field(
        default=0.2,
        description="prior precision of the control, as a share of its limit; hardly any beside "
        "the goal",
    )
    reserve: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.7,
        description="share of what holding leaves to the nearer limit that later ticks of a plan "
        "pay for; a tenth of the control at most",
    )
    epistemic_weight: NonNegative = Field(
        default=0.1,
        description="cost of what the model does not know, beyond that at the goal; less beside it",
    )
    curiosity: NonNegative = Field(
        default=0.0, description="worth of a nat of what there is to learn about the body"
    )


class Collect(Section):
    """Frames under random controls."""

    frames: Count = Field(default=800, description="frames to record, in whole segments")
    segment_frames: Annotated[int, Field(ge=26)] = Field(
        default=50, description="frames from one reset"
    )
    hold_steps: Count = Field(
        default=8, description="a random control is held for 1 to this many steps"
    )


class Explore(Section):
    """Frames gathered under the agent's own plans, in rounds between which it learns."""

    rounds: Annotated[int, Field(ge=0)] = Field(default=2, description="rounds of it")
    frames: Count = Field(
        default=400,
        description="frames of one round, towards goals that are rare or can be held, in whole "
        "segments",
    )
    curiosity: NonNegative = Field(
        default=0.0, description="worth of a nat of what there is to learn, on the way"
    )
    noise: NonNegative = Field(
        default=0.15, description="random controls that are added, as a share of the limit"
    )
    segments_per_reset: Count = Field(
        default=1, description="segments, each with a goal of its own, until the body is reset"
    )
    trials: Annotated[int, Field(ge=0)] = Field(
        default=5, description="goals to reach and hold before a model is trusted"
    )
    trial_segments: Count = Field(
        default=4, description="segments of frames for each of them, until it is held, at most"
    )
    starts: Count = Field(
        default=2, description="trainings of a round, from other random starts, until one passes"
    )
    retries: Annotated[int, Field(ge=0)] = Field(
        default=1, description="further rounds, while the newest model does not pass"
    )


class Train(Section):
    """Learning a model from frames and controls."""

    encoder: Literal["predictive", "vae", "slow"] = Field(
        default="predictive",
        description="trained by prediction, an autoencoder with variational EM, or slow features",
    )
    window: Annotated[int, Field(ge=1, le=8)] = Field(
        default=2, description="frames that an autoencoder looks at together"
    )
    components: Count = Field(
        default=64, description="principal components that the encoder sees, at most"
    )
    slow_components: Count = Field(
        default=8, description="of these, how many the slow features use"
    )
    width: Count = Field(default=64, description="units in each layer of the encoder's network")
    steps: Count = Field(default=6000, description="optimiser steps of the encoder")
    batch: Count = Field(default=64, description="windows in one optimiser step")
    learning_rate: Positive = Field(default=5e-4, description="of the encoder, at the start")
    poses: Count = Field(default=2, description="coordinates of the pose")
    degree: Count = Field(
        default=3, description="highest power of pose and velocity in the features"
    )
    control_degree: Count = Field(
        default=2, description="highest power that a control is multiplied with"
    )

    rounds: Count = Field(default=20, description="rounds of expectation and maximisation")
    prior_weight: NonNegative = Field(
        default=20.0, description="weight of the encoder's own last layer against the data"
    )
    drift: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.998, description="memory of disturbances"
    )
    drift_ratio: Positive = Field(
        default=0.1, description="their size, in sigmas of the process noise before calibration"
    )

    @field_validator("poses")
    @classmethod
    def _few(cls, poses: int, info: ValidationInfo) -> int:
        if poses > info.data.get("slow_components", poses):
            raise ValueError("it has to be at most train.slow_components")
        return poses


class Discrete(Section):
    """Training of an agent that infers one of a few states, and its planning."""

    trajectories: Annotated[int, Field(ge=50)] = Field(
        default=2048, description="trajectories to learn from"
    )
    length: Annotated[int, Field(ge=2)] = Field(default=6, description="frames in each of them")
    width: Count = Field(default=32, description="units in each layer of the encoder")
    temperature: Positive = Field(default=1.0, description="that divides the encoder's logits")
    steps: Count = Field(default=1000, description="optimiser steps of the encoder")
    batch: Count = Field(default=64, description="trajectories in one optimiser step")
    learning_rate: Positive = Field(default=3e-3, description="at the start")
    consistency: NonNegative = Field(
        default=8.0, description="weight of temporal consistency at the start"
    )
    consistency_final: NonNegative = Field(
        default=0.05, description="weight of temporal consistency in the second half"
    )
    error: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        default=1e-4, description="probability that a state shows itself as another, in A"
    )
    learn: Literal["nothing", "B", "A+B"] = Field(
        default="nothing", description="matrices that are learned, too, by Dirichlet counts"
    )
    vague_noise: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.6, description="noise of the moves in the vague B that learning B begins with"
    )
    horizon: Annotated[int, Field(ge=1, le=6)] = Field(default=4, description="steps planned ahead")
    preference: Positive = Field(default=8.0, description="nats by which the goal is preferred")


class Jepa(Section):
    """Learning a joint-embedding predictive world model."""

    architecture: Literal["default", "small", "predecessor"] = Field(
        default="default", description="sizes of the model"
    )
    frames: Count = Field(default=2_500_000, description="frames of walks to learn from")
    steps: Count = Field(default=12_000, description="optimiser steps")
    batch: Count = Field(default=64, description="windows in one optimiser step")
    window: Annotated[int, Field(ge=2, le=91)] = Field(
        default=33, description="frames that a prediction goes through, the first one included"
    )
    looks: Count = Field(default=16, description="later frames of a window that are looked at")
    learning_rate: Positive = Field(default=2e-3, description="the highest")

    @field_validator("looks")
    @classmethod
    def _within(cls, looks: int, info: ValidationInfo) -> int:
        if looks >= info.data.get("window", looks + 1):
            raise ValueError("it has to be less than jepa.window")
        return looks


class Online(Section):
    """Learning while the agent acts."""

    std: Positive = Field(
        default=0.3, description="of the strength of each kind of force, as a share of it"
    )
    memory: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.9995, description="share of what was learned that a tick leaves"
    )


class Settings(Section):
    """Everything that can be set, by section."""

    agent: Agent = Agent()
    body: Body = Body()
    run: Run = Run()
    runtime: Runtime = Runtime()
    planner: Planner = Planner()
    collect: Collect = Collect()
    explore: Explore = Explore()
    train: Train = Train()
    discrete: Discrete = Discrete()
    jepa: Jepa = Jepa()
    online: Online = Online()
    gateway: Gateway = Gateway()
    sensors: dict[SensorName, Sensor] = {}

    @model_validator(mode="after")
    def _can_see(self) -> "Settings":
        telling = any(
            each.factor or each.matrix or each.kind == "frame" for each in self.sensors.values()
        )
        if not self.run.camera and not telling:
            raise ValueError(
                "run.camera is off, and no sensor has a factor or a matrix: the agent would know "
                "nothing of its body"
            )
        if self.sensors and not self.gateway.listen:
            raise ValueError(
                f"sensors are declared ({', '.join(self.sensors)}), but nothing could attach: give "
                "--listen an address such as tcp://127.0.0.1:5600"
            )
        return self


def read_preset(name: str) -> dict[str, Any]:
    """The shipped preset called ``name`` as nested dictionaries."""
    file = _FOLDER / f"{name}.toml"
    if not name.replace("-", "_").isidentifier() or not file.is_file():
        known = ", ".join(preset_names())
        raise SettingsError(
            f"unknown environment {name!r}: choose from {known}, or give one of Gymnasium's as "
            "module:EnvId"
        )
    return tomllib.loads(file.read_text("utf-8"))


def preset_names() -> list[str]:
    """Names of the presets that are shipped."""
    files = [file.name for file in _FOLDER.iterdir()]
    return sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml"))


def shipped_model(name: str) -> Path:
    """Folder of the model that is shipped for the preset called ``name``."""
    return Path(str(_FOLDER / "models" / name))


def read_file(path: Path) -> dict[str, Any]:
    """Settings in the TOML file ``path`` as nested dictionaries."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"settings file {str(path)!r} cannot be read: {error}") from None


def settings_from(*layers: Mapping[str, Any]) -> Settings:
    """Settings from nested dictionaries, later layers over earlier ones; validated as a whole."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = _merge(merged, layer)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise SettingsError(_first_fault(error)) from None


def declared() -> Iterator[tuple[str, str, Any]]:
    """Every setting as ``(section, name, pydantic field)``, in the order of the declaration."""
    for section, default in Settings():
        if not isinstance(default, Section):
            continue  # the sensors, which have names of their own
        for name, setting in type(default).model_fields.items():
            yield section, name, setting


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if nested else value
    return merged


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"unknown setting {where!r}: 'jopa-agent run --help' lists all settings"
    if not where:  # what several settings say together
        return fault["msg"].removeprefix("Value error, ")
    return f"setting {where} = {fault['input']!r} is not valid: {fault['msg']}"
