"""Learning a model, and gathering what it is learned from."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from .section import Count, NonNegative, Positive, Section


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
