"""Reads advice.toml: from when on advice about tariffs is worth a word, and when it must not be given."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from cloud import policies

Share = Annotated[float, Field(ge=0, le=1)]
Months = Annotated[int, Field(ge=1, le=12)]
Days = Annotated[int, Field(ge=1, le=1000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Strict):
    months: Months
    coverage: Share
    estimated: Share
    winter: frozenset[Months]


class BasicCharge(_Strict):
    trigger_months: Months


class PowerFactor(_Strict):
    trigger_months: Months
    leading: Share


class Shifting(_Strict):
    share: Annotated[Decimal, Field(gt=0, le=Decimal("0.5"))]
    base_ratio: Share


class Steps(_Strict):
    estimated_days: Share
    recent_days: Annotated[int, Field(ge=1, le=28)]


class Households(_Strict):
    shared_from_persons: Annotated[int, Field(ge=2, le=20)]


class AdvicePolicy(_Strict):
    version: str
    source: str
    least_saving: Annotated[Decimal, Field(ge=0)]
    valid_days: Days
    declined_days: Days
    data: Data
    basic_charge: BasicCharge
    power_factor: PowerFactor
    shifting: Shifting
    steps: Steps
    households: Households


def advice_policy(folder: Path | None = None) -> AdvicePolicy:
    """Invalid says what is wrong with the file."""
    return policies.read("advice", AdvicePolicy, folder)
