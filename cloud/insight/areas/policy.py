"""Reads quality.toml: limits of voltage, imbalance and transformer load, and what may be published."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud import policies

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Top = Annotated[int, Field(ge=1, le=100)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PublishLimits(_Strict):
    coverage: Share
    customers: Share
    top: Top


class TransformerLimits(_Strict):
    light: Share
    heavy: Positive
    over: Positive
    least_h: Positive
    power_factor: Annotated[float, Field(gt=0, le=1)]
    known_days: Annotated[int, Field(ge=1, le=400)]
    top: Top
    coverage: Share

    @model_validator(mode="after")
    def _in_order(self) -> "TransformerLimits":
        if not self.light < self.heavy < self.over:
            raise ValueError("light < heavy < over is needed")
        return self


class ImbalanceLimits(_Strict):
    definition: Literal["max_min", "mean_deviation"]
    limit: Share
    gate: Share
    rated_line_v: Positive
    least_min: Positive


class VoltageLevel(_Strict):
    """`low` and `high` are deviations as shares of `nominal_v`, which is what the meter measures."""

    name: str
    nominal_v: Positive
    phases: Literal[1, 3]
    low: Annotated[float, Field(gt=-1, lt=0)]
    high: Annotated[float, Field(gt=0, lt=1)]
    source: str


class VoltageLimits(_Strict):
    customers: bool
    dark_below_v: Positive
    dark_share: Share
    hold: Annotated[float, Field(ge=1)]
    nearest: Share
    coverage: Share
    level: Annotated[tuple[VoltageLevel, ...], Field(min_length=1)]


class QualityPolicy(_Strict):
    version: str
    source: str
    publish: PublishLimits
    transformer: TransformerLimits
    imbalance: ImbalanceLimits
    voltage: VoltageLimits


def quality_policy(folder: Path | None = None) -> QualityPolicy:
    """Invalid says what is wrong with the file."""
    return policies.read("quality", QualityPolicy, folder)
