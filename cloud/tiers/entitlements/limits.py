"""Decides whether a promised limit was passed on a day: voltage, power factor, demand; pure.

What is too little known says nothing: it opens no alert and ends none. Missing is not 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import Any, Final

from cloud.tariffs.power_factor import cos_hundredths
from cloud.tiers.entitlements.document import Watched

_QUARTERS: Final = 92
"""A day has at least so many quarters of an hour; with fewer slots the demand itself is not measured."""


class Limit(StrEnum):
    VOLTAGE = "voltage"
    POWER_FACTOR = "power_factor"
    DEMAND = "demand"


TERMS: Final[Mapping[Limit, tuple[str, ...]]] = {
    Limit.VOLTAGE: ("voltage_low", "voltage_high"),
    Limit.POWER_FACTOR: ("power_factor",),
    Limit.DEMAND: ("demand_share",),
}
"""By limit the terms that promise it."""


class Kept(StrEnum):
    WITHIN = "within"
    PASSED = "passed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Judged:
    """`value` against `bound`, both shares; `reason` is a code where nothing can be said."""

    kept: Kept
    value: float | None = None
    bound: float | None = None
    coverage: float | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Volts:
    """Of one point's day against its own limits: minutes monitored, beyond them and without supply; `lowest`,
    `highest` as shares off `nominal_v`. `expected_min` without the outages."""

    nominal_v: float
    monitored_min: float
    over_min: float
    under_min: float
    expected_min: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class Peak:
    """Of one point's day: the highest slot's mean power, None where there is none; `slots` of the day."""

    kw: float | None
    slots: int
    valid: int
    estimated: int


@dataclass(frozen=True, slots=True)
class Month:
    """Of all points of an account, of a month up to now: `days` of it; None: not measured."""

    days: int
    slots: int
    known: int
    estimated: int
    kwh: Decimal
    kvarh_import: Decimal | None
    kvarh_export: Decimal | None


def unknown(reason: str, **more: Any) -> Judged:
    return Judged(Kept.UNKNOWN, reason=reason, **more)


def voltage(found: Sequence[Volts], points: int, low: float, high: float, policy: Watched) -> Judged:
    """The worst of so many points; of one nothing known leaves the others' word only where passed."""
    lacking = [unknown("not_measured")] * (points - len(found) or not found)
    return _worst([*(_voltage(each, low, high, policy) for each in found), *lacking])


def _voltage(of: Volts, low: float, high: float, policy: Watched) -> Judged:
    coverage = min(of.monitored_min / of.expected_min, 1.0) if of.expected_min > 0 else None
    if coverage is None or not of.monitored_min or coverage < policy.voltage_coverage:
        return unknown("few_data", coverage=coverage)
    value, bound = max(((of.highest, high), (of.lowest, low)), key=lambda pair: pair[0] / pair[1])
    beyond = (of.over_min + of.under_min) / of.monitored_min
    evidence = {
        "beyond_share": round(beyond, 4), "over_min": round(of.over_min), "under_min": round(of.under_min),
        "monitored_min": round(of.monitored_min), "nominal_v": of.nominal_v,
    }  # fmt: skip
    kept = Kept.PASSED if beyond > policy.beyond_share else Kept.WITHIN
    return Judged(kept, round(value, 4), bound, round(coverage, 4), evidence)


def demand(
    peaks: Sequence[Peak], contract: tuple[str, Decimal] | None, share: float, policy: Watched
) -> Judged:
    """Of the contract's (what, kW or kVA). Demands of several points do not add up: the highest of one is a
    lower bound, the sum of all an upper one. An estimate is no proof that a limit was passed."""
    if contract is None or not contract[1]:
        return unknown("no_contract")
    if not peaks or any(each.kw is None for each in peaks):
        return unknown("not_measured")
    coverage = min((each.valid - each.estimated) / each.slots for each in peaks)
    if coverage < policy.coverage:
        return unknown("few_data", coverage=round(coverage, 4))
    highest = max(each.kw or 0.0 for each in peaks)
    together = sum(each.kw or 0.0 for each in peaks)
    what, of = contract
    value = highest / float(of)
    evidence = {
        "of": what, "contract": str(of), "points": len(peaks),
        "estimated_slots": sum(each.estimated for each in peaks),
    }  # fmt: skip
    said = Judged(Kept.WITHIN, round(value, 4), share, round(coverage, 4), evidence)
    if value > share:
        if any(each.estimated for each in peaks):
            return unknown("estimated", coverage=said.coverage, evidence=evidence)
        return Judged(Kept.PASSED, said.value, share, said.coverage, evidence)
    if any(each.slots < _QUARTERS for each in peaks):
        return unknown("slots_coarser", coverage=said.coverage, evidence=evidence)
    if together / float(of) > share:
        return unknown("several_points", coverage=said.coverage, evidence=evidence)
    return said


def power_factor(month: Month | None, limit: float, policy: Watched) -> Judged:
    """cos φ of the running month's energies, rounded as it is billed; reactive of both directions counts."""
    if month is None or month.kvarh_import is None:
        return unknown("not_measured")
    coverage = (month.known - month.estimated) / month.slots if month.slots else 0.0
    if coverage < policy.coverage:
        return unknown("few_data", coverage=round(coverage, 4))
    if month.days < policy.power_factor_days:
        return unknown("young_month", coverage=round(coverage, 4))
    cos = cos_hundredths(month.kwh, month.kvarh_import + (month.kvarh_export or Decimal(0)))
    if cos is None:
        return unknown("nothing_used", coverage=round(coverage, 4))
    kept = Kept.PASSED if cos < round(100 * limit, 6) else Kept.WITHIN
    evidence = {"days": month.days, "both_directions": month.kvarh_export is not None}
    return Judged(kept, cos / 100, limit, round(coverage, 4), evidence)


def _worst(found: Sequence[Judged]) -> Judged:
    order = (Kept.PASSED, Kept.UNKNOWN, Kept.WITHIN)
    return min(found, key=lambda each: (order.index(each.kept), -abs((each.value or 0) / (each.bound or 1))))


def is_over(newest_first: Iterable[Kept], close_days: int) -> bool:
    """Whether the last so many days with a verdict were all within the limit."""
    last = list(islice((each for each in newest_first if each is not Kept.UNKNOWN), close_days))
    return len(last) == close_days and all(each is Kept.WITHIN for each in last)
