"""The agent, its body and the camera."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from .section import Count, Section, Ticks


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
