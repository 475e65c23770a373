"""Reads profile.toml: which days count, how shapes are sought, when a profile is provisional."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud import policies
from cloud.analysis.profile.temperature import Limits

Share = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[int, Field(ge=14, le=1100)]
Celsius = Annotated[float, Field(ge=-40, le=60)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ShapePolicy(_Strict):
    theta: Annotated[float, Field(gt=0, le=2)]
    least: Annotated[int, Field(ge=2, le=64)]
    most: Annotated[int, Field(ge=2, le=64)]
    refits: Annotated[int, Field(ge=2, le=20)]
    sample: Annotated[int, Field(ge=500, le=1_000_000)]

    @model_validator(mode="after")
    def _ordered(self) -> "ShapePolicy":
        if self.most < self.least:
            raise ValueError(f"most: {self.most} is below least, {self.least}")
        return self


class TemperaturePolicy(_Strict):
    heating: tuple[Celsius, Celsius]
    cooling: tuple[Celsius, Celsius]
    least_days: Days
    least_gain: Share

    @model_validator(mode="after")
    def _ordered(self) -> "TemperaturePolicy":
        for name in ("heating", "cooling"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name}: {low} is above {high}")
        return self

    @property
    def limits(self) -> Limits:
        return Limits(self.heating, self.cooling, 1.0, self.least_days, self.least_gain)


class ProfilePolicy(_Strict):
    version: str
    source: str
    window_days: Days
    temperature_days: Days
    provisional_days: Annotated[int, Field(ge=1, le=1100)]
    least_coverage: Share
    most_estimated: Share
    least_kwh: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    shapes: ShapePolicy
    temperature: TemperaturePolicy


def profile_policy(folder: Path | None = None) -> ProfilePolicy:
    """Invalid says in one line what is wrong with the file."""
    return policies.read("profile", ProfilePolicy, folder)
