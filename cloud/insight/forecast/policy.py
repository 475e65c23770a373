"""Reads forecast.toml: which days are alike, when the model may speak, how long figures look back."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from cloud import policies

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=400)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SimilarLimits(_Strict):
    """The `days` latest valid days of the same type within `within_days`; shares say what is not valid."""

    days: Annotated[int, Field(ge=1, le=20)]
    within_days: Annotated[int, Field(ge=7, le=120)]
    estimated_share: Share
    missing_share: Share
    holidays_from: Count


class ModelLimits(_Strict):
    enabled: bool
    series: Annotated[int, Field(ge=10)]
    rows: Annotated[int, Field(ge=10_000)]
    again_days: Count
    margin: Share
    least_days: Count


class BacktestLimits(_Strict):
    """`rehearse`: where nothing was ever scored, the `days` before are forecast as if at their time, in whole
    areas of about `points` customers."""

    days: Annotated[int, Field(ge=28, le=120)]
    rehearse: bool
    points: Annotated[int, Field(ge=10)]


class IntervalLimits(_Strict):
    days: Annotated[int, Field(ge=14, le=120)]
    low: Share
    high: Share


class OutlookLimits(_Strict):
    heavy: Annotated[float, Field(gt=0)]
    over: Annotated[float, Field(gt=0)]
    hours: Annotated[float, Field(gt=0)]
    power_factor: Annotated[float, Field(gt=0, le=1)]


class KeepLimits(_Strict):
    points_days: Count
    days: Count


class ForecastPolicy(_Strict):
    version: str
    source: str
    days_ahead: Annotated[int, Field(ge=1, le=2)]
    similar: SimilarLimits
    model: ModelLimits
    backtest: BacktestLimits
    intervals: IntervalLimits
    outlook: OutlookLimits
    keep: KeepLimits


def forecast_policy(folder: Path | None = None) -> ForecastPolicy:
    """Invalid says what is wrong with the file."""
    return policies.read("forecast", ForecastPolicy, folder)
