"""An agent that infers one of a few states."""

from typing import Annotated, Literal

from pydantic import Field

from .section import Count, NonNegative, Positive, Section


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
