"""Reads collection.toml: when readings are late, when they are missing, and when a meter is asked again."""

from datetime import time, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from cloud import policies

Minutes = Annotated[int, Field(ge=0, le=7 * 1440)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CurvePolicy(_Strict):
    close_after_s: Annotated[int, Field(ge=0, le=3600)]
    late_after_min: Minutes

    @property
    def close_after(self) -> timedelta:
        return timedelta(seconds=self.close_after_s)

    @property
    def late_after(self) -> timedelta:
        return timedelta(minutes=self.late_after_min)


class FreezePolicy(_Strict):
    by: time


class ServicePolicy(_Strict):
    commission_days: Annotated[int, Field(ge=0, le=90)]


class GapPolicy(_Strict):
    after_min: Minutes
    slack_min: Minutes

    @property
    def after(self) -> timedelta:
        return timedelta(minutes=self.after_min)

    @property
    def slack(self) -> timedelta:
        return timedelta(minutes=self.slack_min)


class RereadPolicy(_Strict):
    """`per_gateway_day` 0, or `enabled` false: nothing is ordered by itself."""

    enabled: bool
    after_min: Minutes
    again_after_min: Minutes
    settle_min: Minutes
    tries: Annotated[int, Field(ge=1, le=20)]
    per_gateway_day: Annotated[int, Field(ge=0, le=5000)]
    at_once: Annotated[int, Field(ge=1, le=500)]
    good_for_min: Annotated[int, Field(ge=1, le=1440)]
    oldest_days: Annotated[int, Field(ge=1, le=62)]
    heard_within_s: Annotated[int, Field(ge=30, le=9000)]


class KeepPolicy(_Strict):
    meter_days: Annotated[int, Field(ge=62, le=4000)]


class CollectionPolicy(_Strict):
    version: str
    source: str
    curve: CurvePolicy
    freeze: FreezePolicy
    service: ServicePolicy
    gaps: GapPolicy
    reread: RereadPolicy
    keep: KeepPolicy


def collection_policy(folder: Path | None = None) -> CollectionPolicy:
    """The station's own, or the one that ships; Invalid says what is wrong with the file."""
    return policies.read("collection", CollectionPolicy, folder)
