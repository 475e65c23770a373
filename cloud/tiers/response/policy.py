"""Reads response.toml: what is paid, who may be asked, how the baseline is drawn."""

from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from cloud import policies
from cloud.analysis.profile.names import WORDS
from cloud.kit.errors import Invalid

Price = Annotated[Decimal, Field(ge=0, le=1000, decimal_places=4)]
Share = Annotated[float, Field(ge=0, le=1)]
Hours = Annotated[float, Field(gt=0, le=24)]
Count = Annotated[int, Field(ge=1, le=400)]
Class = Literal["large_industry", "business", "household", "farm", "other"]
CLASSES: tuple[str, ...] = ("large_industry", "business", "household", "farm", "other")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Terms(_Strict):
    """What is paid of an event; fixed for a customer when they are invited. `to` is the first day without."""

    start: Annotated[date, Field(alias="from")]
    to: date | None = None
    price_per_kwh: Price
    price_per_kw: Price
    least_share: Annotated[Decimal, Field(ge=0, le=1, decimal_places=3)]

    @model_validator(mode="after")
    def _ordered(self) -> "Terms":
        if self.to is not None and self.to <= self.start:
            raise ValueError(f"to: {self.to} is not after from, {self.start}")
        return self


class Limits(_Strict):
    least_kw: Annotated[Decimal, Field(gt=0, decimal_places=3)]
    notice_hours: Hours
    answer_hours: Hours
    longest_hours: Hours
    events_a_month: Count
    over_beta: Annotated[float, Field(gt=0, le=2)]

    @model_validator(mode="after")
    def _possible(self) -> "Limits":
        if self.answer_hours >= self.notice_hours:
            raise ValueError(f"answer_hours: {self.answer_hours} leaves no time to answer in notice_hours")
        return self


class Flexible(_Strict):
    class_: Annotated[Class, Field(alias="class")]
    shape: str | None = None
    share: Share

    @field_validator("shape")
    @classmethod
    def _known(cls, shape: str | None) -> str | None:
        if shape is not None and shape not in WORDS:
            raise ValueError(f"shape: {shape!r} is no load shape: {', '.join(sorted(WORDS))}")
        return shape


class Reliability(_Strict):
    prior: Share
    prior_events: Annotated[float, Field(gt=0, le=100)]


class Who(StrEnum):
    """`household`: protected; `important`: graded or protected so; `help`, `continuity`: service needs."""

    HOUSEHOLD = "household"
    IMPORTANT = "important"
    HELP = "help"
    CONTINUITY = "continuity"


class Never(_Strict):
    who: Who
    unless_asked: bool = False

    @model_validator(mode="after")
    def _protected(self) -> "Never":
        if self.who is Who.HOUSEHOLD and self.unless_asked:
            raise ValueError("unless_asked: a protected household is never invited")
        return self


class Alike(_Strict):
    """The `best` of the last `of` days of one type; with fewer than `least_days` there is no baseline."""

    best: Count
    of: Count
    least_days: Count

    @model_validator(mode="after")
    def _possible(self) -> "Alike":
        if self.best > self.of:
            raise ValueError(f"best: {self.best} is more than of, {self.of}")
        if not self.best <= self.least_days <= self.of:
            raise ValueError(f"least_days: {self.least_days} is not from best, {self.best}, to of, {self.of}")
        return self


class BaselineRule(Alike):
    method: Literal["high_5_of_10", "high_x_of_y"]
    free_days: Alike
    look_back_days: Annotated[int, Field(ge=14, le=120)]
    adjust_from_hours: Hours
    adjust_until_hours: Annotated[float, Field(ge=0, le=24)]
    adjustment_cap: Share
    estimated_share: Share
    placebo_days: Count
    least_placebo: Count
    interval: Annotated[float, Field(gt=0, lt=1)]

    @model_validator(mode="after")
    def _one_method(self) -> "BaselineRule":
        if self.adjust_until_hours >= self.adjust_from_hours:
            raise ValueError("adjust_until_hours: the adjustment has no hours to look at")
        if self.method == "high_5_of_10" and (self.best, self.of) != (5, 10):
            raise ValueError("method: with other numbers than 5 and 10 it is high_x_of_y")
        return self


class Rebound(_Strict):
    hours: Hours


class ResponsePolicy(_Strict):
    version: str
    source: str
    terms: Annotated[tuple[Terms, ...], Field(min_length=1)]
    limits: Limits
    flexible: tuple[Flexible, ...]
    reliability: Reliability
    never: tuple[Never, ...]
    baseline: BaselineRule
    rebound: Rebound

    @model_validator(mode="after")
    def _whole(self) -> "ResponsePolicy":
        _one_after_another(self.terms)
        keys = [(each.class_, each.shape) for each in self.flexible]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise ValueError(f"flexible: {twice[0]}, shape {twice[1] or 'any'}, is there twice")
        if lacking := [name for name in CLASSES if (name, None) not in keys]:
            raise ValueError(f"flexible: there is no share of class {lacking[0]}")
        if not any(each.who is Who.HOUSEHOLD for each in self.never):
            raise ValueError("never: protected households must stand in it")
        return self

    def terms_on(self, day: date) -> Terms:
        """Invalid where no terms hold on that day."""
        for each in self.terms:
            if each.start <= day and (each.to is None or day < each.to):
                return each
        raise Invalid(f"response.toml says nothing of what is paid on {day}")

    def share(self, class_: str, shape: str | None) -> float:
        """Of the load above base; the shape's own stands before its class's, an unknown class has none."""
        known: dict[tuple[str, str | None], float]
        known = {(each.class_, each.shape): each.share for each in self.flexible}
        return known.get((class_, shape), known.get((class_, None), 0.0))


def _one_after_another(terms: tuple[Terms, ...]) -> None:
    for one, other in pairwise(terms):
        if one.to is None or one.to > other.start:
            raise ValueError(f"terms: two hold on {other.start}")
        if one.to < other.start:
            gap = other.start - timedelta(days=1)
            raise ValueError(f"terms: none holds from {one.to} to {gap}")


def response_policy(folder: Path | None = None) -> ResponsePolicy:
    """Invalid says what is wrong with the file, and in which line."""
    return policies.read("response", ResponsePolicy, folder)
