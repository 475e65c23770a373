"""Power by the hour as kWh by month and band: what a saving takes out of, or adds to, a month's energies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from cloud.insight.pricing import NAMES
from cloud.kit.bands import QUARTERS, Band, BandTable, DayKind
from cloud.kit.calendar import Calendar, DayType
from cloud.kit.money import ZERO, total
from cloud.tariffs.documents import Plan, Tariff
from cloud.tiers.advice.rules import Facts, MonthUse

STEP = Decimal("0.001")
Bands = dict[str, Decimal]
VALLEYS = ("valley", "deep_valley")
PEAKS = ("sharp", "peak")
_ALWAYS = np.ones(QUARTERS)


@dataclass(frozen=True, slots=True)
class DayGroup:
    """So many `days` of a month, all working days or none, with these `bands` int8 (96,)."""

    work: bool
    days: int
    bands: NDArray[np.int8]


@dataclass(slots=True)
class BandDays:
    """The days of a month by their bands, looked up once; those of events (hot days) count as usual ones."""

    calendar: Calendar
    _tables: dict[tuple[str, date, str], BandTable | None] = field(default_factory=dict)
    _groups: dict[tuple[str, date, str, date, date], tuple[DayGroup, ...]] = field(default_factory=dict)
    _hours: dict[tuple[str, date, str, date, date], NDArray[np.float64]] = field(default_factory=dict)

    def of(self, facts: Facts, month: MonthUse) -> tuple[DayGroup, ...]:
        """NotFound or ValueError where the tariff has no document or plan for it."""
        plan = facts.contract.plan
        found: list[DayGroup] = []
        for part in month.kwh[plan]:
            found += self._of_part(facts.tariff(part.first), plan, part.first, part.last)
        return tuple(found)

    def hours(self, facts: Facts, month: MonthUse) -> NDArray[np.float64]:
        """(5,) hours of the month by `Band`. NotFound, ValueError."""
        plan, found = facts.contract.plan, np.zeros(len(Band))
        for part in month.kwh[plan]:
            tariff = facts.tariff(part.first)
            key = (tariff.id, tariff.from_, plan, part.first, part.last)
            if key not in self._hours:
                groups = self._of_part(tariff, plan, part.first, part.last)
                self._hours[key] = kwh_by_band(groups, _ALWAYS, _ALWAYS)
            found = found + self._hours[key]
        return found

    def _of_part(self, tariff: Tariff, plan: str, first: date, last: date) -> tuple[DayGroup, ...]:
        key = (tariff.id, tariff.from_, plan, first, last)
        if key not in self._groups:
            self._groups[key] = self._counted(tariff, plan, first, last)
        return self._groups[key]

    def _counted(self, tariff: Tariff, plan: str, first: date, last: date) -> tuple[DayGroup, ...]:
        its = tariff.plan(plan)
        table = self._table(tariff, its)
        names = frozenset(name for each in its.overlays for name in each.holidays)
        counts: dict[tuple[bool, bytes], int] = {}
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            kind = self.calendar.day_type(day)
            bands = (
                np.full(QUARTERS, Band.FLAT, np.int8)
                if table is None
                else table.quarters(DayKind(day, kind.value, self.calendar.breaks(day, names)))
            )
            key = (kind is DayType.WORK, bands.tobytes())
            counts[key] = counts.get(key, 0) + 1
        return tuple(
            DayGroup(work, days, np.frombuffer(bands, np.int8)) for (work, bands), days in counts.items()
        )

    def _table(self, tariff: Tariff, plan: Plan) -> BandTable | None:
        key = (tariff.id, tariff.from_, plan.id)
        if key not in self._tables:
            self._tables[key] = plan.table() if plan.windows else None
        return self._tables[key]


def kwh_by_band(
    groups: tuple[DayGroup, ...], work_kw: NDArray[np.float64], off_kw: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(5,) kWh by `Band` of a load (96,) of working days and one of days off."""
    found = np.zeros(len(Band))
    for each in groups:
        kw = work_kw if each.work else off_kw
        found += each.days * np.bincount(each.bands, weights=kw, minlength=len(Band)) / 4
    return found


def used(facts: Facts, month: MonthUse) -> Bands:
    """kWh of the month by band of the contract's plan."""
    found: Bands = {}
    for part in month.kwh[facts.contract.plan]:
        for band, kwh in part.kwh.items():
            found[band] = found.get(band, ZERO) + kwh
    return found


def taken(have: Mapping[str, Decimal], wanted: NDArray[np.float64]) -> Bands:
    """What can be saved of a wish (5,) by `Band`, as numbers below zero: never more than was used."""
    found = {
        name: -min(exact(kwh), have.get(name, ZERO))
        for name, kwh in zip(NAMES, wanted, strict=True)
        if kwh > 0
    }
    return {name: kwh for name, kwh in found.items() if kwh}


def in_proportion(have: Mapping[str, Decimal], kwh: Decimal) -> Bands:
    """So many kWh less, from every band the part that it has of the month."""
    whole = total(have.values())
    if whole <= 0:
        return {}
    share = min(kwh / whole, Decimal(1))
    found = {band: -(much * share).quantize(STEP) for band, much in have.items()}
    return {band: much for band, much in found.items() if much}


def moved(
    have: Mapping[str, Decimal], kwh: Decimal, source: tuple[str, ...], into: str, loss: Decimal
) -> Bands:
    """kWh out of these bands, the first before the next, into another; `loss`: kWh there for one kWh here."""
    left, found = min(kwh, total(have.get(band, ZERO) for band in source)).quantize(STEP), Bands()
    moved_kwh = left
    for band in source:
        some = min(left, have.get(band, ZERO))
        if some > 0:
            found[band] = -some
            left -= some
    if moved_kwh > 0:
        found[into] = found.get(into, ZERO) + (moved_kwh * loss).quantize(STEP)
    return found


def exact(value: float) -> Decimal:
    return Decimal(float(value)).quantize(STEP)


def kwh_of(added: Mapping[date, Mapping[str, Decimal]]) -> Decimal:
    """kWh a year that are saved, as a number above zero."""
    return -total(kwh for bands in added.values() for kwh in bands.values())


def typical_kw(kw: NDArray[np.float32] | None) -> NDArray[np.float64] | None:
    """A typical day as (96,); one by the hour is repeated; None where a slot is missing."""
    if kw is None or np.isnan(kw).any() or QUARTERS % len(kw):
        return None
    return np.repeat(kw.astype(np.float64), QUARTERS // len(kw))


def month_kw(
    facts: Facts, groups: tuple[DayGroup, ...], month: MonthUse
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The month's load (96,) on working days and days off: typical days, brought to the month's energy."""
    profile = facts.profile
    work = typical_kw(profile.work.kw) if profile and profile.work else None
    off = typical_kw(profile.off.kw) if profile and profile.off else None
    work, off = (off if work is None else work), (work if off is None else off)
    if work is None or off is None:
        return None
    said = float(kwh_by_band(groups, work, off).sum())
    if said <= 0:
        return None
    times = float(total(used(facts, month).values())) / said
    return work * times, off * times
