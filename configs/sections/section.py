"""What every section of settings is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Ticks = Annotated[int, Field(ge=0, le=10)]


class Section(BaseModel):
    """A group of settings; frozen, and closed to names that it does not declare."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
