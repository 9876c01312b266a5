"""A joint-embedding predictive world model."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from .section import Count, Positive, Section


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
