"""Planning, and learning while it goes on."""

from typing import Annotated

from pydantic import Field

from .section import Count, NonNegative, Positive, Section


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


class Online(Section):
    """Learning while the agent acts."""

    std: Positive = Field(
        default=0.3, description="of the strength of each kind of force, as a share of it"
    )
    memory: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.9995, description="share of what was learned that a tick leaves"
    )
