"""Reads vee.toml: the limits of the rules V01 to V20, how bad each is, and how far estimates may go."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud import policies
from cloud.kit.calendar import Calendar, station_calendar

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Slots = Annotated[int, Field(ge=1, le=10_000)]


class Severity(StrEnum):
    INFO = "info"
    WARN = "warn"
    FAIL = "fail"


class Code(StrEnum):
    """The rules; `V` numbers as in the flags' order."""

    GAP = "V01"
    DUPLICATE = "V02"
    CLOCK = "V03"
    INTERVAL_SIZE = "V04"
    NEGATIVE = "V05"
    ZERO_RUN = "V06"
    FROZEN = "V07"
    SPIKE = "V08"
    CAP = "V09"
    STEP = "V10"
    HIGH_LOW = "V11"
    SUM_CHECK = "V12"
    REGISTER_FALL = "V13"
    MULTIPLIER = "V14"
    PHASES = "V15"
    REACTIVE = "V16"
    INACTIVE_USE = "V17"
    SIBLING = "V18"
    PROLONGED = "V19"
    FUTURE_PAST = "V20"
    EDIT_OVERTAKEN = "E01"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClockLimits(_Strict):
    warn_s: Positive
    fail_s: Positive


class ZeroRunLimits(_Strict):
    slots: Slots
    fail_slots: Slots


class FrozenLimits(_Strict):
    slots: Slots
    classes_spared: frozenset[str]


class SpikeLimits(_Strict):
    ratio: Positive
    floor_share: Share


class CapLimits(_Strict):
    factor: Positive
    volts: Positive
    direct_a: dict[int, Positive]
    behind_ct_a: Positive


class HighLowLimits(_Strict):
    low: Share
    high: Annotated[float, Field(gt=1)]
    days: Annotated[int, Field(ge=7, le=366)]
    floor_wh: Annotated[int, Field(ge=0)]


class SumLimits(_Strict):
    steps: Annotated[int, Field(ge=1)]
    share: Share


class MultiplierLimits(_Strict):
    within: Share


class PhaseLimits(_Strict):
    dead_v: Positive
    live_v: Positive
    current_a: Positive
    power_w: Positive
    unlike_share: Share
    at_least: Slots


class ReactiveLimits(_Strict):
    most_ratio: Positive
    floor_wh: Annotated[int, Field(ge=0)]


class SiblingLimits(_Strict):
    share: Share


class ProlongedLimits(_Strict):
    days: Annotated[int, Field(ge=1)]


class FutureLimits(_Strict):
    ahead_s: Positive


class EstimateLimits(_Strict):
    """`valid_share` of a day's slots must be measured before other days are made after it."""

    linear_slots: Slots
    like_days: Annotated[int, Field(ge=1, le=20)]
    within_days: Annotated[int, Field(ge=7, le=120)]
    longest_days: Annotated[int, Field(ge=1)]
    valid_share: Share
    scale_low: Share
    scale_high: Annotated[float, Field(ge=1)]
    peers: Annotated[int, Field(ge=1)]


class VeePolicy(_Strict):
    version: str
    source: str
    grace_min: Annotated[int, Field(ge=105, le=720)]
    interval_s: Annotated[int, Field(ge=60, le=3600)]
    bridge_factor: Annotated[float, Field(ge=1)]
    bridge_least_s: Annotated[int, Field(ge=0)]
    late_after_days: Annotated[int, Field(ge=1)]
    wide_areas: Annotated[int, Field(ge=1)]
    severity: dict[Code, Severity]
    clock: ClockLimits
    zero_run: ZeroRunLimits
    frozen: FrozenLimits
    spike: SpikeLimits
    cap: CapLimits
    step: SpikeLimits
    high_low: HighLowLimits
    sum_check: SumLimits
    multiplier: MultiplierLimits
    phases: PhaseLimits
    reactive: ReactiveLimits
    sibling: SiblingLimits
    prolonged: ProlongedLimits
    future: FutureLimits
    estimate: EstimateLimits
    calendar: Calendar = Calendar()

    @model_validator(mode="after")
    def _complete(self) -> "VeePolicy":
        missing = [code.value for code in Code if code.value[0] == "V" and code not in self.severity]
        if missing:
            raise ValueError(f"severity says nothing of {', '.join(missing)}")
        if 86_400 % self.interval_s:
            raise ValueError(f"interval_s: {self.interval_s} s do not make whole slots of a day")
        return self

    def severity_of(self, code: Code) -> Severity:
        return self.severity.get(code, Severity.FAIL)


def vee_policy(folder: Path | None = None) -> VeePolicy:
    """The policy of validation; Invalid says what is wrong with the file."""
    found = policies.read("vee", VeePolicy, folder)
    return found.model_copy(update={"calendar": station_calendar(folder)})
