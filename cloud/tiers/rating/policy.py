"""Reads tiers.toml: dated rules of sub-tiers, value, credit, observed needs; contradictions are refused."""

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints, field_validator, model_validator

from cloud import policies
from cloud.customers.file.needs import Need
from cloud.tiers.axes import Value
from cloud.tiers.rating import criteria
from cloud.tiers.rating.criteria import Condition, Strict
from cloud.tiers.rating.inputs import INPUTS, CustomerClass

Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=120)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Said = Annotated[str, Field(min_length=1, max_length=80)]
RATED = (Value.A, Value.B, Value.C)
"""The tiers that have a cut below them."""


class Words(Strict):
    zh_CN: Said  # noqa: N815 - a language
    en: Said


class SubTier(Strict):
    """The first of a class whose conditions all hold; the last of a class has none."""

    id: Name
    name: Words
    when: dict[str, Condition] = Field(default_factory=dict)

    @field_validator("when")
    @classmethod
    def _known(cls, when: dict[str, Condition]) -> dict[str, Condition]:
        if wrong := criteria.unknown_inputs([when]):
            raise ValueError(wrong[0])
        return when


class ValueRule(Strict):
    """`weights` by input, negative where less is better, of sum 1 without their signs; `cuts` of the score
    below which A, B, C end; `least_share` of the weights must be known."""

    weights: dict[str, Finite]
    cuts: dict[Value, Share]
    least_share: Share = 0.5

    @field_validator("weights")
    @classmethod
    def _whole(cls, weights: dict[str, float]) -> dict[str, float]:
        for name in weights:
            if name not in INPUTS:
                raise ValueError(f"{name}: no such input; there are {', '.join(sorted(INPUTS))}")
            if INPUTS[name].flag:
                raise ValueError(f"{name}: is a flag and has no percentile")
        if empty := [name for name, weight in weights.items() if weight == 0]:
            raise ValueError(f"{empty[0]}: a weight of 0 says nothing: leave it out")
        total = sum(abs(each) for each in weights.values())
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the weights without their signs make {total:g}, not 1")
        return weights

    @field_validator("cuts")
    @classmethod
    def _fall(cls, cuts: dict[Value, float]) -> dict[Value, float]:
        if set(cuts) != set(RATED):
            raise ValueError("say a cut for each of A, B and C: below C's is D")
        for better, worse in pairwise(RATED):
            if cuts[better] <= cuts[worse]:
                raise ValueError(
                    f"the cuts do not fall: {better} from {cuts[better]:g}, {worse} from {cuts[worse]:g}"
                )
        return cuts


class Hysteresis(Strict):
    """`margin_mad` times the median absolute deviation of the scores' monthly change is the margin, within
    its bounds. [need, of]: so many of the last so many months. Load analysis §4.3."""

    margin_mad: Annotated[float, Field(ge=0, le=10)]
    margin_least: Share
    margin_most: Share
    promote: tuple[Count, Count]
    demote: tuple[Count, Count]
    dwell_months: Count
    provisional_days: Count
    shape_months: Count

    @model_validator(mode="after")
    def _possible(self) -> "Hysteresis":
        for name in ("promote", "demote"):
            need, of = getattr(self, name)
            if need > of:
                raise ValueError(f"{name}: {need} of {of} months cannot be")
        if self.margin_most < self.margin_least:
            raise ValueError(f"margin_most: {self.margin_most:g} is below margin_least")
        if self.promote[0] + self.demote[0] <= max(self.promote[1], self.demote[1]):
            raise ValueError("promote: with `demote`, both could hold at once")
        return self


class CreditLimits(Strict):
    """Any of them reached is enough. `days_late` of the worst bill of the last twelve months, `late_bills`
    how many were paid late, `arrears_days` since the oldest unpaid bill was due; `runway_days` or fewer
    that a prepaid balance lasts."""

    days_late: Count
    late_bills: Count
    arrears_days: Count
    runway_days: Annotated[int, Field(ge=0, le=60)]


class CreditRule(Strict):
    watch: CreditLimits
    risk: CreditLimits

    @model_validator(mode="after")
    def _ordered(self) -> "CreditRule":
        for name in ("days_late", "late_bills", "arrears_days"):
            if getattr(self.risk, name) < getattr(self.watch, name):
                raise ValueError(f"risk: {name} is reached before watch is")
        if self.risk.runway_days > self.watch.runway_days:
            raise ValueError("risk: runway_days is reached before watch is")
        return self


class NeedRule(Strict):
    """A need that is read off behaviour where the customer agreed to that, never otherwise."""

    need: Need
    classes: Annotated[tuple[CustomerClass, ...], Field(min_length=1)]
    when: Annotated[dict[str, Condition], Field(min_length=1)]

    @field_validator("when")
    @classmethod
    def _known(cls, when: dict[str, Condition]) -> dict[str, Condition]:
        if wrong := criteria.unknown_inputs([when]):
            raise ValueError(wrong[0])
        return when


class Rule(Strict):
    """All that decides from a day on: [from, to)."""

    version: Annotated[str, Field(min_length=1, max_length=32)]
    from_: Annotated[date, Field(alias="from")]
    to: date | None = None
    source: Annotated[str, Field(min_length=1)]
    least_group: Annotated[int, Field(ge=10, le=1000)]
    hysteresis: Hysteresis
    sub: dict[CustomerClass, tuple[SubTier, ...]]
    value: dict[CustomerClass, ValueRule]
    credit: CreditRule
    need: tuple[NeedRule, ...] = ()

    @field_validator("sub")
    @classmethod
    def _partition(cls, sub: dict[CustomerClass, tuple[SubTier, ...]]) -> dict[Any, Any]:
        for class_, tiers in sub.items():
            if len({each.id for each in tiers}) != len(tiers):
                raise ValueError(f"{class_.value}: an id stands twice")
            whens = [each.when for each in tiers]
            if (missed := criteria.gap(whens)) is not None:
                raise ValueError(f"{class_.value}: a gap: no sub-tier takes {missed}")
            if idle := criteria.never_reached(whens):
                raise ValueError(
                    f"{class_.value}: {tiers[idle[0]].id} is never reached: those before take it"
                )
        return sub

    @model_validator(mode="after")
    def _complete(self) -> "Rule":
        if self.to is not None and self.to <= self.from_:
            raise ValueError(f"to: {self.to} is not after {self.from_}")
        for name, said in (("sub", set(self.sub)), ("value", set(self.value))):
            if missing := _missing(said):
                raise ValueError(f"{name}: says nothing of {', '.join(missing)}")
        return self

    def holds(self, day: date) -> bool:
        return self.from_ <= day and (self.to is None or day < self.to)


class TierPolicy(Strict):
    contest_days: Count
    run_after_days: Annotated[int, Field(ge=1, le=20)]
    rule: Annotated[tuple[Rule, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_at_a_time(self) -> "TierPolicy":
        for (_, one), (at, other) in pairwise(
            sorted(enumerate(self.rule, 1), key=lambda each: each[1].from_)
        ):
            if one.to is None or one.to > other.from_:
                until = one.to or "further notice"
                told = f"{other.version} from {other.from_} overlaps {one.version}, which holds to {until}"
                raise ValueError(f"rule.{at}: {told}")
            if one.to < other.from_:
                raise ValueError(f"rule.{at}: a gap: no rule holds from {one.to} to {other.from_}")
        if len({each.version for each in self.rule}) != len(self.rule):
            raise ValueError("rule: a version stands twice")
        return self

    def alike(self, rule: Rule) -> frozenset[str]:
        """The versions whose scores compare with this rule's: they weigh and cut values in the same way."""
        return frozenset(each.version for each in self.rule if each.value == rule.value)

    def on(self, day: date) -> Rule:
        """The rule of a day; before the first one, the first."""
        found = [each for each in self.rule if each.holds(day)]
        return found[0] if found else min(self.rule, key=lambda each: abs((each.from_ - day).days))

    def names(self) -> Mapping[str, Words]:
        """Of each sub-tier as standings name it ("household.large_family"), by the newest rule."""
        ordered = sorted(self.rule, key=lambda each: each.from_)
        return {
            f"{class_.value}.{each.id}": each.name
            for rule in ordered
            for class_, tiers in rule.sub.items()
            for each in tiers
        }


def read(folder: Path | None) -> TierPolicy:
    """The station's own tiers.toml, else what ships. Invalid: file, line, reason."""
    return policies.read("tiers", TierPolicy, folder)


def _missing(said: Iterable[CustomerClass]) -> list[str]:
    return [each.value for each in CustomerClass if each not in said]
