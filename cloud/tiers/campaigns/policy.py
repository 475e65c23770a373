"""Reads campaigns.toml: how often customers are offered something, the hold-out, points and vouchers."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud import policies

Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,47}$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Said(Strict):
    """In the languages of the house."""

    zh_CN: Annotated[str, Field(min_length=1, max_length=120)]  # noqa: N815 - a language's name
    en: Annotated[str, Field(min_length=1, max_length=120)]


class Cap(Strict):
    offers: int = Field(ge=1, le=50)
    days: int = Field(ge=1, le=730)


class HoldOut(Strict):
    """None below 50 in a thousand: nobody could see an effect."""

    permille: int = Field(ge=50, le=500)


class Measure(Strict):
    min_per_arm: int = Field(ge=5, le=10_000)
    min_valid_share: float = Field(gt=0, le=1)
    confidence: float = Field(ge=0.8, le=0.999)
    resamples: int = Field(ge=200, le=20_000)


class Points(Strict):
    good_days: int = Field(ge=30, le=3650)
    settle_days: int = Field(ge=1, le=60)


class FeederPeak(Strict):
    """A quarter-hour is the feeder's peak when on `share` of the last `days` the highest load fell within
    `around_min` of it."""

    share: float = Field(gt=0, le=1)
    days: int = Field(ge=7, le=366)
    min_days: int = Field(ge=1, le=366)
    around_min: int = Field(ge=0, le=240, multiple_of=15)


class Voucher(Strict):
    id: Key
    points: int = Field(ge=1, le=1_000_000)
    good_days: int = Field(ge=7, le=3650)
    name: Said


class CampaignPolicy(Strict):
    version: str
    source: str
    cap: Cap
    holdout: HoldOut
    measure: Measure
    points: Points
    feeder_peak: FeederPeak
    voucher: tuple[Voucher, ...] = ()

    @model_validator(mode="after")
    def _once(self) -> "CampaignPolicy":
        ids = [each.id for each in self.voucher]
        for each in ids:
            if ids.count(each) > 1:
                raise ValueError(f"voucher: {each!r} stands here twice")
        return self

    def voucher_of(self, id: str) -> Voucher | None:  # noqa: A002
        return next((each for each in self.voucher if each.id == id), None)


def campaign_policy(folder: Path | None = None) -> CampaignPolicy:
    """Invalid says what is wrong with the file."""
    return policies.read("campaigns", CampaignPolicy, folder)
