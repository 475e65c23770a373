"""Reads loss.toml: when a loss is high or negative, and what is worth a look on site."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from cloud import policies

Share = Annotated[float, Field(gt=0, lt=1)]
Kwh = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Days = Annotated[int, Field(ge=1, le=400)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LimitsOfLoss(_Strict):
    """Rates are parts of supply; kWh a day."""

    high_rate: Share
    line_high_rate: Share
    negative_rate: Share
    floor_kwh: Kwh
    least_kwh: Kwh
    z: Annotated[float, Field(gt=0)]


class UpperLimits(_Strict):
    back_days: Days
    margin: Annotated[float, Field(ge=1)]


class BaselineLimits(_Strict):
    days: Days
    least_days: Days
    refit_days: Days


class SearchLimits(_Strict):
    days: Days
    least_days: Annotated[int, Field(ge=60, le=400)]
    every_days: Days
    least_share: Share
    least_kwh_month: Kwh
    steadiness: Share
    slack: Share
    per_area: Annotated[int, Field(ge=1, le=20)]


class BreakLimits(_Strict):
    fall: Share
    peers_fall: Share
    least_days: Days
    significance: Share


class RatioLimits(_Strict):
    steps: tuple[Annotated[float, Field(gt=0)], ...]
    within: Share


class LossPolicy(_Strict):
    version: str
    source: str
    limits: LimitsOfLoss
    upper: UpperLimits
    baseline: BaselineLimits
    search: SearchLimits
    break_: BreakLimits = Field(alias="break")
    ratio: RatioLimits


def loss_policy(folder: Path | None = None) -> LossPolicy:
    """The policy of line loss; Invalid says what is wrong with the file."""
    return policies.read("loss", LossPolicy, folder)
