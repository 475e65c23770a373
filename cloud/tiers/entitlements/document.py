"""The form of entitlements.toml: what every class is promised, and what a tier makes better of it."""

from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud.customers.file.grades import Grade
from cloud.customers.file.needs import Need
from cloud.customers.protection import Protection
from cloud.tiers.axes import Credit
from cloud.tiers.axes import Value as ValueTier
from cloud.tiers.entitlements.terms import CLASSES, Class, Terms, flat

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]
Staff = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Sub = Annotated[str, Field(pattern=r"^(large_industry|business|household|farm|other)\.[a-z0-9_]+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class _Dated(Terms):
    """Holds from one local day up to and without another; no `to`: still."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    from_: date = Field(alias="from")
    to: date | None = None

    @model_validator(mode="after")
    def _forward(self) -> "_Dated":
        if self.to is not None and self.to <= self.from_:
            raise ValueError("to: must be later than from")
        return self

    def holds(self, day: date) -> bool:
        return self.from_ <= day and (self.to is None or day < self.to)

    def overlaps(self, other: "_Dated") -> bool:
        return (other.to is None or self.from_ < other.to) and (self.to is None or other.from_ < self.to)


class Base(_Dated):
    """What everybody of a class is promised."""

    class_: Class = Field(alias="class")


class When(_Strict):
    """All that is named must fit; of each, one of its values. How somebody lives (their load shape) is no
    ground for a better or worse service, so it cannot be named."""

    class_: Annotated[tuple[Class, ...], Field(min_length=1)] | None = Field(None, alias="class")
    sub: Annotated[tuple[Sub, ...], Field(min_length=1)] | None = None
    grade: Annotated[tuple[Grade, ...], Field(min_length=1)] | None = None
    need: Annotated[tuple[Need, ...], Field(min_length=1)] | None = None
    value: Annotated[tuple[ValueTier, ...], Field(min_length=1)] | None = None
    credit: Annotated[tuple[Credit, ...], Field(min_length=1)] | None = None
    protection: Annotated[tuple[Protection, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "When":
        if not self.model_fields_set:
            raise ValueError("name at least one axis: what everybody gets is written under [[base]]")
        if self.grade is not None and self.value is not None:
            raise ValueError("value: an important customer is never ranked by value: leave it out")
        classes = self.classes
        if classes is not None and (
            stray := [each for each in self.sub or () if _class(each) not in classes]
        ):
            raise ValueError(f"sub: {stray[0]!r} is of no class named here: nobody is both")
        return self

    @property
    def classes(self) -> tuple[str, ...] | None:
        return self.class_

    @property
    def reached(self) -> tuple[str, ...]:
        """The classes whose accounts it may fit."""
        if self.class_ is not None:
            return self.class_
        return CLASSES if self.sub is None else tuple(dict.fromkeys(map(_class, self.sub)))


class Rule(_Dated):
    """What makes promises better, for whom; `why` is said to people in their language."""

    id: Name
    when: When
    why: str = ""

    @model_validator(mode="after")
    def _gives(self) -> "Rule":
        if not flat(self):
            raise ValueError("id: the rule promises nothing: name a term")
        return self


class Desks(_Strict):
    """Roles, never names of people."""

    key_account: Staff | None = None
    station: Staff


class Polling(_Strict):
    """How far the cloud goes when it plans intervals: `full_line` share of a line's time; at most so many
    gateways an hour get new settings, and each of them so often."""

    full_line: Annotated[float, Field(gt=0, le=0.9)]
    gateways_per_hour: Annotated[int, Field(ge=0, le=1000)]
    again_after_h: Annotated[float, Field(ge=0, le=720)]


class Kept(_Strict):
    """When a promise counts as delivered: `interval_share` of the readings an interval owes; an instalment
    may be `instalment_grace_days` late; a plan's instalments are `instalment_every_days` apart."""

    interval_share: Annotated[float, Field(gt=0, le=1)]
    report_by_day: Annotated[int, Field(ge=1, le=28)]
    contact_months: Annotated[int, Field(ge=1, le=12)]
    reopen_months: Annotated[int, Field(ge=1, le=24)]
    instalment_grace_days: Annotated[int, Field(ge=0, le=30)]
    offer_open_days: Annotated[int, Field(ge=1, le=90)]


class Watched(_Strict):
    """When a promised limit counts as passed; what is less known than `coverage` (`voltage_coverage` of the
    monitored time) says nothing. A voltage passes it for more than `beyond_share` of that time. An alert ends
    after `close_days` judged days within the limit; `look_back_days`: a day judged late is taken so far back,
    `power_factor_days`: a younger month has no cos φ."""

    coverage: Annotated[float, Field(gt=0, le=1)]
    voltage_coverage: Annotated[float, Field(gt=0, le=1)]
    beyond_share: Annotated[float, Field(ge=0, lt=1)]
    close_days: Annotated[int, Field(ge=1, le=31)]
    look_back_days: Annotated[int, Field(ge=1, le=62)]
    power_factor_days: Annotated[int, Field(ge=1, le=28)]
    keep_days: Annotated[int, Field(ge=92, le=3660)]


Steps = Annotated[tuple[Annotated[int, Field(ge=-30, le=365)], ...], Field(max_length=10)]


class Remind(_Strict):
    """On which days from when a debt was due its customer is reminded, below 0 before it; of no bill below
    `least_cny`, and of nothing that is longer due than `longest_days`: that is a person's work."""

    on: bool
    bill_days: Steps
    instalment_days: Steps
    least_cny: Annotated[Decimal, Field(gt=0, decimal_places=2)]
    longest_days: Annotated[int, Field(ge=1, le=3660)]

    @model_validator(mode="after")
    def _in_order(self) -> "Remind":
        for name in ("bill_days", "instalment_days"):
            steps = getattr(self, name)
            if any(one >= other for one, other in pairwise(steps)):
                raise ValueError(f"{name}: each step comes after the one before")
            if steps and steps[-1] > self.longest_days:
                raise ValueError(f"{name}: {steps[-1]} is later than longest_days {self.longest_days}")
        if self.bill_days and self.bill_days[0] < 1:
            raise ValueError("bill_days: nobody is reminded of a bill before it is overdue: begin with 1")
        return self


class EntitlementPolicy(_Strict):
    version: str
    source: str
    desks: Desks
    polling: Polling
    kept: Kept
    watch: Watched
    remind: Remind
    base: Annotated[tuple[Base, ...], Field(min_length=1)]
    rule: tuple[Rule, ...] = ()


def _class(sub: str) -> str:
    return sub.partition(".")[0]
