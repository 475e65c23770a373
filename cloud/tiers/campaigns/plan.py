"""What somebody writes down to make a campaign: for whom, what, when, in which words, how measured."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from cloud.kit.days import DAY
from cloud.tiers.campaigns.promotions import Promotion, quarters_of

Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2199, 12, 31))]
LONGEST = timedelta(days=366)


class Metric(StrEnum):
    """kWh are a day's; shares are of all energy in bands of the station's day; take-up is of offers."""

    KWH_IN_HOURS = "kwh_in_hours"
    TOTAL_KWH = "total_kwh"
    VALLEY_SHARE = "valley_share"
    PEAK_SHARE = "peak_share"
    TAKE_UP = "take_up"


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Texts(_In):
    zh_CN: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]  # noqa: N815
    en: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


class MeasurePlan(_In):
    """Days, both included. The time before ends before the campaign begins: nothing of it is its own work."""

    metric: Metric
    hours: Annotated[tuple[Annotated[str, Field(max_length=11)], ...], Field(max_length=12)] = ()
    before_from: Day
    before_to: Day
    after_from: Day
    after_to: Day

    @field_validator("hours")
    @classmethod
    def _quarters(cls, hours: tuple[str, ...]) -> tuple[str, ...]:
        quarters_of(hours)
        return hours

    @model_validator(mode="after")
    def _in_order(self) -> "MeasurePlan":
        if not self.before_from <= self.before_to < self.after_from <= self.after_to:
            raise ValueError("before_from, before_to, after_from, after_to must follow one another")
        if max(self.before_to - self.before_from, self.after_to - self.after_from) > LONGEST:
            raise ValueError("a period to measure is at most a year")
        if self.metric is Metric.KWH_IN_HOURS and not self.hours:
            raise ValueError('hours: kwh_in_hours needs them, as "00:00-07:00"')
        return self

    @property
    def quarters(self) -> frozenset[int]:
        return quarters_of(self.hours)


class CampaignIn(_In):
    """`to_day` is its last day. Without `measure` the same number of days before is compared."""

    name: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00]*$")]
    segment: Annotated[int, Field(ge=1, lt=2**31)]
    subject_kind: Literal["promotion", "product", "message"]
    subject: Annotated[str, Field(max_length=64, pattern=r"^[a-z0-9-]*$")] = ""
    title: Texts
    text: Texts
    from_day: Day
    to_day: Day
    measure: MeasurePlan | None = None

    @model_validator(mode="after")
    def _possible(self) -> "CampaignIn":
        if not self.from_day <= self.to_day <= self.from_day + LONGEST:
            raise ValueError("to_day: a campaign ends after it begins, within a year")
        if (self.subject == "") != (self.subject_kind == "message"):
            raise ValueError("subject: name the promotion or product; a message has none")
        if self.measure is not None and not (
            self.measure.before_to < self.from_day and self.measure.after_from >= self.from_day
        ):
            raise ValueError("measure: before lies before the campaign, after does not")
        return self


def usual_measure(plan: CampaignIn, promotion: Promotion | None) -> MeasurePlan:
    """The campaign's own days against as many right before; whole weeks, where it has them."""
    length = (plan.to_day - plan.from_day).days + 1
    back = -(-length // 7) * 7 if length >= 7 else length
    return MeasurePlan(
        metric=Metric.TOTAL_KWH if promotion is None else Metric.KWH_IN_HOURS,
        hours=() if promotion is None else promotion.hours,
        before_from=plan.from_day - DAY * back,
        before_to=plan.from_day - DAY,
        after_from=plan.from_day,
        after_to=plan.to_day,
    )
