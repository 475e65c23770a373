"""Reads alerts.toml and notices.toml: what is an alert, how bad it is, and how people are told."""

from datetime import time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud import policies

Seconds = Annotated[float, Field(ge=0, le=86400 * 7)]


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    SEVERE = "severe"


class AlertKind(StrEnum):
    """What can be wrong. Only the first, unusual usage and promised limits are ever told to customers."""

    AREA_OUTAGE = "area_outage"
    LINE_SILENT = "line_silent"
    LINE_DOWN = "line_down"
    GATEWAY_DARK = "gateway_dark"
    BROKER_DOWN = "broker_down"
    METER_SILENT = "meter_silent"
    UNUSUAL_USAGE = "unusual_usage"
    DELIVERY_FAILED = "delivery_failed"
    DATA_MISSING = "data_missing"
    POLICY_REFUSED = "policy_refused"
    VOLTAGE_LIMIT = "voltage_limit"
    POWER_FACTOR_LIMIT = "power_factor_limit"
    DEMAND_LIMIT = "demand_limit"
    CURTAILMENT = "curtailment"


class NoticeKind(StrEnum):
    """What people are told. An operator's notice bears the kind of its alert; an offer is of a campaign, a
    reminder of what is owed, a limit one that the customer's entitlement promises to watch."""

    OUTAGE = "outage"
    RESTORED = "restored"
    UNUSUAL_USAGE = "unusual_usage"
    STATION_ALERT = "station_alert"
    OFFER = "offer"
    RESPONSE = "response"
    REMINDER = "reminder"
    REPORT = "report"
    LIMIT = "limit"
    LIMIT_OVER = "limit_over"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SupplyPolicy(_Strict):
    """When meters without voltage or answer are an area without supply."""

    silent_after: int = Field(ge=2, le=20)
    min_meters: int = Field(ge=2)
    min_share: float = Field(gt=0, le=1)
    dark_below_v: float = Field(gt=0)
    supplied_above_v: float = Field(gt=0)
    fresh_s: Seconds
    heard_within_s: Seconds
    restored_after_s: Seconds
    stragglers_s: Seconds
    broker_grace_s: Seconds

    def heard_within(self, every_s: float) -> timedelta:
        """How long the word of a gateway is good that speaks so often: two may be missed, a third not."""
        return timedelta(seconds=max(self.heard_within_s, 2.5 * every_s))

    @model_validator(mode="after")
    def _apart(self) -> "SupplyPolicy":
        if self.supplied_above_v <= self.dark_below_v:
            raise ValueError("supplied_above_v must be above dark_below_v, or a meter could be both")
        return self


class KindPolicy(_Strict):
    """A cause must stand `after_s` to become an alert and be gone `clear_s` to end it."""

    severity: Severity
    after_s: Seconds = 0.0
    clear_s: Seconds = 0.0
    order: bool = False


class UsagePolicy(_Strict):
    """When an hour's consumption is unusual for its customer; see usage.py for the formula."""

    days: int = Field(ge=3, le=60)
    min_days: int = Field(ge=3)
    factor: float = Field(gt=1)
    spread_factor: float = Field(ge=0)
    floor_wh: int = Field(ge=0)
    max_gap_s: Seconds
    settle_s: Seconds


class DataPolicy(_Strict):
    """No batch of a gateway that is heard for so many of its slowest intervals, and never before so long."""

    intervals: float = Field(ge=1, le=100)
    at_least_s: Seconds


class AlertPolicy(_Strict):
    version: str
    source: str
    supply: SupplyPolicy
    data: DataPolicy
    kinds: dict[AlertKind, KindPolicy]
    usage: UsagePolicy

    @model_validator(mode="after")
    def _complete(self) -> "AlertPolicy":
        missing = [kind.value for kind in AlertKind if kind not in self.kinds]
        if missing:
            raise ValueError(f"kinds has no section for {', '.join(missing)}")
        return self


class QuietHours(_Strict):
    start: time
    end: time


class Delivery(_Strict):
    """How hard a notice is pushed: `backoff_s` doubles up to `longest_s`, `attempts` is the end."""

    attempts: int = Field(ge=1, le=100)
    backoff_s: float = Field(gt=0)
    longest_s: float = Field(gt=0)
    lease_s: float = Field(gt=0)
    at_once: int = Field(ge=1, le=500)


class NoticePolicy(_Strict):
    version: str
    source: str
    quiet: QuietHours
    delivery: Delivery
    severity: dict[NoticeKind, Severity]
    operators_from: Severity

    @model_validator(mode="after")
    def _complete(self) -> "NoticePolicy":
        missing = [kind.value for kind in NoticeKind if kind not in self.severity]
        if missing:
            raise ValueError(f"severity says nothing of {', '.join(missing)}")
        return self


def alert_policy(folder: Path | None = None) -> AlertPolicy:
    """The alert policy; Invalid says what is wrong with the file."""
    return policies.read("alerts", AlertPolicy, folder)


def notice_policy(folder: Path | None = None) -> NoticePolicy:
    """The notice policy; Invalid says what is wrong with the file."""
    return policies.read("notices", NoticePolicy, folder)
